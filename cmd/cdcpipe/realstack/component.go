package realstack

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"cdcpipe/pipeline/fault"
)

// A Part is one of the servers.
type Part string

// The servers, in the order in which they are started.
const (
	Kafka     Part = "kafka"
	Postgres  Part = "postgres"
	Cassandra Part = "cassandra"
	Agent     Part = "agent" // Debezium's, beside Cassandra
)

// Parts returns all of them.
func Parts() []Part { return []Part{Kafka, Postgres, Cassandra, Agent} }

// startTimeout bounds the start of one server. Kafka takes 15 s after a crash,
// Cassandra 8 s and longer on a machine that is busy.
const startTimeout = 5 * time.Minute

// stopTimeout is how long a server may take to end in order.
const stopTimeout = 30 * time.Second

// A Component is one server of a stack. It keeps its port and its data from start
// to start. Its methods may be called from any goroutine.
type Component struct {
	part    Part
	port    int
	log     string
	launch  func(ctx context.Context, up func(Running)) error // until ready
	changed func() error                                      // called when the process is another

	busy sync.Mutex // held while it starts

	mu    sync.Mutex
	proc  Running // nil before the first start and after Stop
	ready bool
}

// Part says which server it is.
func (c *Component) Part() Part { return c.part }

// Addr returns where it listens, as host:port.
func (c *Component) Addr() string { return loopback(c.port) }

// Port returns the port of Addr.
func (c *Component) Port() int { return c.port }

// LogFile returns the path of its log, to which every start appends.
func (c *Component) LogFile() string { return c.log }

func (c *Component) current() (p Running, ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proc, c.ready
}

// PID returns its process, or 0 if there is none.
func (c *Component) PID() int {
	if p, _ := c.current(); p != nil && running(p) {
		return p.PID()
	}
	return 0
}

func running(p Running) bool {
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}

// Done returns a channel that is closed when the present process has ended, or
// nil if there is none.
func (c *Component) Done() <-chan struct{} {
	if p, _ := c.current(); p != nil {
		return p.Done()
	}
	return nil
}

// Start starts it, if it does not run, and waits until it answers. On failure the
// error has the end of its log, and nothing is left running.
func (c *Component) Start(ctx context.Context) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	if c.PID() != 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not within %v", startTimeout))
	defer cancel()
	var wrote error
	err := c.launch(ctx, func(p Running) {
		c.become(p, false)
		wrote = c.changed()
	})
	if err == nil {
		err = wrote
	}
	if err != nil {
		if p, _ := c.current(); p != nil {
			p.Kill()
		}
		return err
	}
	p, _ := c.current()
	c.become(p, true)
	return c.changed()
}

func (c *Component) become(p Running, ready bool) {
	c.mu.Lock()
	c.proc, c.ready = p, ready
	c.mu.Unlock()
}

// Stop ends it in order, or at once when ctx ends or it takes too long.
func (c *Component) Stop(ctx context.Context) error {
	p, _ := c.current()
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stopTimeout, fmt.Errorf("not within %v, so it was killed", stopTimeout))
	defer cancel()
	err := p.Stop(ctx)
	c.become(nil, false)
	if wrote := c.changed(); err == nil {
		err = wrote
	}
	return err
}

// Kill ends it as a crash would (SIGKILL), and returns when it is gone.
func (c *Component) Kill() {
	if p, _ := c.current(); p != nil {
		p.Kill()
	}
}

// Signal sends a signal to its processes, such as SIGSTOP to have it hang.
func (c *Component) Signal(sig syscall.Signal) error {
	pid := c.PID()
	if pid == 0 {
		return fault.New(fault.ServerStart, "signal %s: it does not run", c.part)
	}
	return syscall.Kill(-pid, sig)
}

// Restart is Stop and Start.
func (c *Component) Restart(ctx context.Context) error {
	if err := c.Stop(ctx); err != nil {
		return err
	}
	return c.Start(ctx)
}
