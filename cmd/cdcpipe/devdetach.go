package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/pipeline/fault"
)

// devDetach starts cdcpipe dev up in a session of its own, and waits until it is
// ready or has ended.
func devDetach(c console, ctx *cli.Context) error {
	dir, err := devDir(ctx)
	if err != nil {
		return err
	}
	if st, err := realstack.ReadStatus(dir); err != nil {
		return err
	} else if st.PID != 0 {
		return fault.New(fault.DirectoryInUse, "process %d runs the stack of %s", st.PID, dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	// What it prints is closed to others: it has the password.
	about, err := os.OpenFile(filepath.Join(dir, "about"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	defer about.Close()
	log, err := os.OpenFile(filepath.Join(dir, "logs", "up.log"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return fault.New(fault.ServerStart, "%w", err)
	}
	cmd := exec.Command(self, "dev", "up", "--dir", dir, "--cassandra", ctx.String("cassandra"), "--sync-period", ctx.Duration("sync-period").String()) //nolint:gosec,noctx // it is this program, and outlives this process
	cmd.Stdout, cmd.Stderr = about, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fault.New(fault.ServerStart, "start %s: %w", self, err)
	}
	until, cancel := signal.NotifyContext(ctx.Context, syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := devAwait(until, c, cmd, dir, log.Name()); err != nil {
		return err
	}
	text, err := os.ReadFile(about.Name())
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	fmt.Fprintf(c.out, "%s\nStop:      cdcpipe dev down --dir %s\n", text, dir)
	return nil
}

// devAwait shows the log of the process that starts the stack until it is ready.
// When ctx ends first, it is told to stop.
func devAwait(ctx context.Context, c console, cmd *exec.Cmd, dir, logFile string) error {
	log, err := os.Open(logFile)
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	defer log.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case <-time.After(100 * time.Millisecond):
			_, _ = io.Copy(c.err, log) // on a broken terminal it goes on all the same
			st, err := realstack.ReadStatus(dir)
			if err != nil || st.PID == cmd.Process.Pid && st.State == "running" {
				return err
			}
		case err := <-ended:
			_, _ = io.Copy(c.err, log)
			return fault.New(fault.ServerStart, "cdcpipe dev up ended (%v); its log is %s", err, logFile)
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGTERM)
			return errors.Join(context.Cause(ctx), <-ended)
		}
	}
}
