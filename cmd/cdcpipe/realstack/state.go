package realstack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cdcpipe/pipeline/fault"
)

// A Process names a process so that its number, given to another program later,
// is not taken for it.
type Process struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"` // ticks since boot (proc(5), stat, field 22)
	Boot    string `json:"boot"`    // which boot
}

// named names the process with a number, or none.
func named(pid int) (Process, bool) {
	started, alive := startTime(pid)
	if !alive {
		return Process{}, false
	}
	return Process{PID: pid, Started: started, Boot: bootID()}, true
}

// Alive reports whether the process still runs. A zombie does not.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	started, alive := startTime(p.PID)
	return alive && started == p.Started && bootID() == p.Boot
}

func startTime(pid int) (ticks uint64, alive bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return 0, false
	}
	ticks, err = strconv.ParseUint(f[19], 10, 64)
	return ticks, err == nil
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// A state is what a directory says of its stack, for other processes.
type state struct {
	Owner   Process          `json:"owner"` // of the stack: its end is theirs
	Ready   bool             `json:"ready"` // all that was asked for has started
	Ports   Ports            `json:"ports"`
	Servers map[Part]Process `json:"servers"`
	Starts  map[Part]bool    `json:"ready_servers"`
}

func stateFile(dir string) string { return filepath.Join(dir, "state.json") }

// readState returns the zero state if there is none.
func readState(dir string) (st state, err error) {
	b, err := os.ReadFile(stateFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err != nil {
		return st, fault.New(fault.DataDirectory, "read the state of the stack: %s: %w", stateFile(dir), err)
	}
	return st, nil
}

// write replaces the file at once, so that no reader sees a part of it.
func (st state) write(dir string) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fault.New(fault.BrokenInvariant, "%w", err)
	}
	tmp := stateFile(dir) + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o644); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	if err := os.Rename(tmp, stateFile(dir)); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	return nil
}
