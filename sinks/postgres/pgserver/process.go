package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cdcpipe/pipeline/fault"
)

// unprivileged returns the user to run the server as, nil for the present one.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if errors.Join(err1, err2) == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fault.New(fault.ServerStart, "PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

// launch starts the server. The kernel ends it when the thread that started it
// does (prctl PR_SET_PDEATHSIG), so that thread is kept until the server ends.
func (s *Server) launch(bin string, who *syscall.Credential, settings map[string]string) error {
	args := []string{"-D", s.path("data"), "-k", s.dir, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1"}
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	defer log.Close()
	if st, err := log.Stat(); err == nil {
		s.logFrom = int(st.Size())
	}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), args...) //nolint:noctx // it ends by Stop, not with the context of Start
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(), "LC_ALL=C")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// Its own group: a terminal's Ctrl-C is for the parent, which stops it in order.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // how it ended is in its log
			close(s.done)
		}
	}()
	if err := <-started; err != nil {
		return fault.New(fault.ServerStart, "start postgres: %w", err)
	}
	return nil
}

// waitReady waits until the server takes connections.
func (s *Server) waitReady(ctx context.Context) error {
	dialer := net.Dialer{Timeout: time.Second}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	for {
		if c, err := dialer.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
			if s.status() == "ready" {
				return nil
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.done:
			return fault.New(fault.ServerStart, "postgres ended at once; the end of %s:\n%s", s.LogFile(), s.logTail())
		case <-ctx.Done():
			return fault.New(fault.ServerStart, "postgres did not become ready: %w; the end of %s:\n%s", context.Cause(ctx), s.LogFile(), s.logTail())
		}
	}
}

// status returns the last line of postmaster.pid, which says what the server is
// doing (utils/pidfile.h, PM_STATUS_READY).
func (s *Server) status() string {
	b, err := os.ReadFile(s.path("data", "postmaster.pid"))
	if err != nil {
		return ""
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func (s *Server) logTail() string {
	b, _ := os.ReadFile(s.LogFile())
	b = b[min(s.logFrom, len(b)):]
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return string(bytes.TrimSpace(b))
}

// Stop ends the server in order (a fast shutdown), or at once when ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	_ = s.cmd.Process.Signal(syscall.SIGINT) // gone already is fine
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		s.Kill()
		return fmt.Errorf("stop postgres: %w", context.Cause(ctx))
	}
}

// Kill ends the server as a crash would, with all its processes, and waits
// until it is gone. The data stay and are recovered at the next start.
func (s *Server) Kill() {
	_ = syscall.Kill(-s.PID(), syscall.SIGKILL)
	<-s.done
}
