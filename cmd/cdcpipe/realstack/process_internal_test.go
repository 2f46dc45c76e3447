package realstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cdcpipe/pipeline/fault"
)

func sh(t *testing.T, script string) *starting {
	t.Helper()
	dir := t.TempDir()
	c, err := launch("shell", dir, filepath.Join(dir, "log"), "/bin/sh", []string{"-c", script}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c
}

var errNotYet = errors.New("not yet")

func never(context.Context) error { return errNotYet }

func TestAwaitTellsWhatTheLogSays(t *testing.T) {
	t.Parallel()
	c := sh(t, "seq 100; echo the port is taken; exit 3")
	err := c.await(t.Context(), never)
	if !fault.Is(err, fault.ServerStart) || !strings.Contains(err.Error(), "exit status 3") || !strings.HasSuffix(err.Error(), "\nthe port is taken") || strings.Contains(err.Error(), "\n50\n") {
		t.Errorf("got %v", err)
	}
	c = sh(t, "echo waiting; sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = c.await(ctx, never)
	if !fault.Is(err, fault.ServerStart) || !errors.Is(err, errNotYet) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting") {
		t.Errorf("got %v", err)
	}
}

// Stop and Kill end also what the program itself has started.
func TestStopAndKill(t *testing.T) {
	t.Parallel()
	c := sh(t, "trap 'exit 0' TERM; sleep 60 & wait")
	grandchild := func(c Program) Process {
		for {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.PID(), c.PID()))
			if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				if p, ok := named(pid); ok {
					return p
				}
			}
			if t.Context().Err() != nil {
				t.Fatal("no grandchild")
			}
		}
	}
	soon, end := context.WithTimeout(t.Context(), 10*time.Second)
	defer end()
	p := grandchild(c)
	c.Kill()
	if err := gone(soon, p); err != nil {
		t.Errorf("outlives its parent: %v", err)
	}
	c.Kill() // again, to no effect
	c = sh(t, "trap '' TERM; sleep 60 & wait; sleep 60")
	p = grandchild(c)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := gone(soon, p); err != nil {
		t.Error(err)
	}
}

// TestPorts runs alone: a process that another test is starting holds a copy of
// every listener between fork and exec.
func TestPorts(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	first, err := choosePorts(t.Context(), Ports{Kafka: taken})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{taken: true}
	for _, p := range first.all() {
		if seen[*p] || *p < 10000 || *p >= ephemeral() {
			t.Errorf("port %d is taken or within the kernel's range", *p)
		}
		seen[*p] = true
	}
	if again, err := choosePorts(t.Context(), first); err != nil || again != first {
		t.Errorf("%+v, then %+v: %v", first, again, err)
	}
}

func component(launched *int, script string, ready func(context.Context) error, dir string) *Component {
	return &Component{part: Kafka, changed: func() error { return nil }, launch: func(ctx context.Context, up func(Running)) error {
		*launched++
		c, err := launch("shell", dir, filepath.Join(dir, "log"), "/bin/sh", []string{"-c", script}, nil)
		if err != nil {
			return err
		}
		up(c)
		return c.await(ctx, ready)
	}}
}

func TestComponent(t *testing.T) {
	t.Parallel()
	n := 0
	c := component(&n, "sleep 60", func(context.Context) error { return nil }, t.TempDir())
	t.Cleanup(c.Kill)
	if c.PID() != 0 || c.Done() != nil || c.Stop(t.Context()) != nil || c.Signal(syscall.SIGSTOP) == nil {
		t.Error("it runs before it is started")
	}
	for range 2 {
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if first := c.PID(); n != 1 || first == 0 {
		t.Errorf("launched %d times, process %d", n, first)
	}
	c.Kill()
	if c.PID() != 0 {
		t.Error("it runs after Kill")
	}
	if err := c.Restart(t.Context()); err != nil || n != 2 || c.PID() == 0 {
		t.Errorf("launched %d times: %v", n, err)
	}
	if err := c.Stop(t.Context()); err != nil || c.PID() != 0 {
		t.Errorf("process %d after Stop: %v", c.PID(), err)
	}
	// One that does not become ready is not left running.
	c = component(&n, "sleep 60", never, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.Start(ctx); !fault.Is(err, fault.ServerStart) || c.PID() != 0 {
		t.Errorf("process %d: %v", c.PID(), err)
	}
}

// Keep starts what has ended again, until it is told to end.
func TestKeep(t *testing.T) {
	t.Parallel()
	n := 0
	c := component(&n, "sleep 60", func(context.Context) error { return nil }, t.TempDir())
	t.Cleanup(c.Kill)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := settled(t, Config{})
	s.parts = map[Part]*Component{Kafka: c}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Keep(ctx) })
	c.Kill()
	for deadline := time.After(20 * time.Second); c.PID() == 0; {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("it is not started again")
		}
	}
	cancel()
	wg.Wait()
}

// owner starts a process in a group of its own, as the owner of a stack would be.
func owner(t *testing.T) Process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	p, ok := named(cmd.Process.Pid)
	if !ok {
		t.Fatal("it does not run")
	}
	return p
}

// Down ends the owner and what it left, and nobody who has their numbers now.
func TestDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if ran, err := Down(t.Context(), dir); ran || err != nil {
		t.Errorf("with nothing there: %v, %v", ran, err)
	}
	own := owner(t)
	kafka := owner(t)
	stranger := owner(t)
	mistaken := stranger
	mistaken.Started--
	st := state{Owner: own, Ready: true, Ports: Ports{Kafka: 11001}, Servers: map[Part]Process{Kafka: kafka, Agent: mistaken}, Starts: map[Part]bool{Kafka: true}}
	if err := st.write(dir); err != nil {
		t.Fatal(err)
	}
	status, err := ReadStatus(dir)
	if err != nil || status.State != "running" || status.PID != own.PID {
		t.Fatalf("%+v, %v", status, err)
	}
	if k := status.Servers[0]; k.Part != Kafka || k.State != "running" || k.PID != kafka.PID || k.Port != 11001 || k.RSSBytes == 0 {
		t.Errorf("%+v", k)
	}
	if a := status.Servers[3]; a.Part != Agent || a.State != "ended" || a.PID != 0 {
		t.Errorf("%+v", a)
	}
	if ran, err := Down(t.Context(), dir); !ran || err != nil {
		t.Errorf("%v, %v", ran, err)
	}
	if own.Alive() || kafka.Alive() || !stranger.Alive() {
		t.Errorf("owner runs: %v, server: %v, stranger: %v", own.Alive(), kafka.Alive(), stranger.Alive())
	}
	if status, err := ReadStatus(dir); err != nil || status.State != "stopped" || status.Servers[3].State != "stopped" {
		t.Errorf("%+v, %v", status, err)
	}
	if err := os.WriteFile(stateFile(dir), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadStatus(dir); !fault.Is(err, fault.DataDirectory) {
		t.Errorf("a broken file: %v", err)
	}
}

func TestSharedIsClosedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	var s Shared
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Stack(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
