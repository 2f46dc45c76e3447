package realstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"cdcpipe/pipeline/fault"
)

// A process is a server that runs. PostgreSQL's is [pgserver.Server].
type process interface {
	PID() int
	Done() <-chan struct{}          // closed when it has ended
	Stop(ctx context.Context) error // in order, or at once when ctx ends
	Kill()                          // as a crash would; returns when it is gone
}

// A child is a program in a process group of its own. The kernel kills it when
// this process ends, however that comes about.
type child struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	from int64  // where its part of the log begins
	log  string // path
}

// launch starts a program that writes both its outputs to the end of log.
func launch(name, dir, log, program string, args, env []string) (*child, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	c := &child{name: name, done: make(chan struct{}), from: st.Size(), log: log}
	c.cmd = exec.Command(program, args...) //nolint:noctx // it ends by Stop, not with the context of Start
	c.cmd.Dir = dir
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = f, f
	// Its own group: a terminal's Ctrl-C is for the parent, which stops it in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		// The kernel's signal comes when the thread that started the child ends, so the
		// thread is kept until then, and never given back.
		runtime.LockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // how it ended is in its log
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fault.New(fault.ServerStart, "start %s: %w", name, err)
	}
	return c, nil
}

func (c *child) PID() int { return c.cmd.Process.Pid }

func (c *child) Done() <-chan struct{} { return c.done }

func (c *child) Stop(ctx context.Context) error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // gone already is fine
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		c.Kill()
		return fmt.Errorf("stop %s: %w", c.name, context.Cause(ctx))
	}
}

func (c *child) Kill() {
	select {
	case <-c.done: // its number may be another's by now
	default:
		_ = syscall.Kill(-c.PID(), syscall.SIGKILL)
		<-c.done
	}
}

// probeEvery is how often a server is asked whether it is ready.
const probeEvery = 100 * time.Millisecond

// await waits until ready returns nil. If the child ends or ctx does, the error
// has the last lines of its log.
func (c *child) await(ctx context.Context, ready func(context.Context) error) error {
	var last error
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := ready(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-c.done:
			return fault.New(fault.ServerStart, "%s ended (%v); the end of %s:\n%s", c.name, c.cmd.ProcessState, c.log, tail(c.log, c.from))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) { // nothing is wrong with it
				return fmt.Errorf("start %s: %w", c.name, context.Cause(ctx))
			}
			return fault.New(fault.ServerStart, "%s did not become ready: %w; the last attempt: %w; the end of %s:\n%s",
				c.name, context.Cause(ctx), errors.Join(last, ctx.Err()), c.log, tail(c.log, c.from))
		case <-time.After(probeEvery):
		}
	}
}

// tail returns the last lines of a file that lie beyond from.
func tail(path string, from int64) string {
	const lines, size = 30, 8 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil {
		from = max(from, st.Size()-size)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, from, size))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
