package realstack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"cdcpipe/pipeline/fault"
)

// A Status is what a directory's stack does, as seen from any process.
type Status struct {
	Dir     string         `json:"dir"`
	State   string         `json:"state"` // running, starting, or stopped
	PID     int            `json:"pid,omitempty"`
	Servers []ServerStatus `json:"servers"`
}

// ServerStatus is what one server does.
type ServerStatus struct {
	Part     Part   `json:"part"`
	State    string `json:"state"` // running, starting, ended (by itself), or stopped
	PID      int    `json:"pid,omitempty"`
	Port     int    `json:"port"`
	RSSBytes int64  `json:"rss_bytes,omitempty"`
	Log      string `json:"log"`
}

// ReadStatus tells what the stack of a directory does, and changes nothing.
func ReadStatus(dir string) (Status, error) {
	st, err := readState(dir)
	if err != nil {
		return Status{}, err
	}
	s := Status{Dir: dir, State: "stopped"}
	if st.Owner.Alive() {
		s.PID, s.State = st.Owner.PID, "starting"
		if st.Ready {
			s.State = "running"
		}
	}
	for _, p := range Parts() {
		proc, begun := st.Servers[p]
		server := ServerStatus{Part: p, State: "stopped", Port: st.Ports.of(p), Log: logFile(dir, p)}
		switch {
		case proc.Alive():
			server.PID, server.RSSBytes, server.State = proc.PID, rss(proc.PID), "starting"
			if st.Starts[p] {
				server.State = "running"
			}
		case begun && s.PID != 0:
			server.State = "ended"
		}
		s.Servers = append(s.Servers, server)
	}
	return s, nil
}

// rss returns the resident memory of a process (proc(5), statm).
func rss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// Down stops the stack of a directory, whoever runs it: its owner is asked to, or
// killed when ctx ends first, and what servers are left are killed. It reports
// whether anything ran.
func Down(ctx context.Context, dir string) (ran bool, err error) {
	st, err := readState(dir)
	if err != nil {
		return false, err
	}
	if st.Owner.PID == os.Getpid() {
		return false, fault.New(fault.ConfigUsage, "this process owns the stack of %s", dir)
	}
	if st.Owner.Alive() {
		ran = true
		_ = syscall.Kill(st.Owner.PID, syscall.SIGTERM) // gone already is fine
		if gone(ctx, st.Owner) != nil && st.Owner.Alive() {
			_ = syscall.Kill(st.Owner.PID, syscall.SIGKILL)
		}
		if st, err = readState(dir); err != nil { // what it started meanwhile
			return ran, err
		}
	}
	left, err := st.end(context.WithoutCancel(ctx))
	return ran || left, err
}

// end kills what servers are left of an owner that is gone. They die by
// themselves, so mostly there is none.
func (st state) end(ctx context.Context) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for _, p := range append([]Process{st.Owner}, values(st.Servers)...) {
		if p.PID == os.Getpid() || !p.Alive() {
			continue
		}
		found = true
		if p != st.Owner { // the owner may share its group with strangers
			_ = syscall.Kill(-p.PID, syscall.SIGKILL)
		}
		if err := gone(ctx, p); err != nil {
			return found, fault.New(fault.DirectoryInUse, "process %d is still there: %w", p.PID, err)
		}
	}
	return found, nil
}

func values(m map[Part]Process) (all []Process) {
	for _, p := range Parts() {
		if v, ok := m[p]; ok {
			all = append(all, v)
		}
	}
	return all
}

// gone waits until a process has ended.
func gone(ctx context.Context, p Process) error {
	for p.Alive() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
