package realstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"cdcpipe/pipeline/fault"
)

// A child is a program in a process group of its own. The kernel kills it when
// this process ends, however that comes about.
type child struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

// launch starts a program that writes both its outputs to the end of log.
func launch(name, dir, log, program string, args, env []string) (*starting, error) {
	return begin(name, log, func() (Program, error) { return spawn(name, dir, log, program, args, env) })
}

func spawn(name, dir, log, program string, args, env []string) (*child, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	defer f.Close()
	c := &child{name: name, done: make(chan struct{})}
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

func (c *child) Exit() error {
	if c.cmd.ProcessState.Success() {
		return nil
	}
	return errors.New(c.cmd.ProcessState.String())
}

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
