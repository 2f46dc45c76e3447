// Package realstack runs the real servers around a pipeline: Kafka (KRaft, one
// node), Cassandra, Debezium's Cassandra agent and PostgreSQL, for tests and for
// trying things out. It is not for production.
//
// The Java programs come from Maven artifacts, fetched once into a cache. All
// data, configurations and logs lie in one directory and outlive the process.
// Every server is a child of this process and dies with it, however it ends.
//
// Where Docker is at hand, [Config.Runner] takes containers instead; package
// containers, which only tests import, says how.
package realstack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"cdcpipe/pipeline/fault"
)

// A Stack is the servers of one directory, running or not.
type Stack struct {
	cfg   Config
	java  string          // home of the JDK
	jars  map[Part]string // where the programs are, by part
	ports Ports
	lock  *os.File
	parts map[Part]*Component

	mu      sync.Mutex // guards what follows, and the state file
	ready   bool
	started map[Part]Process // the last process of each
	dsn     string           // of PostgreSQL, once it was started
}

// Start opens the stack of a directory and starts cfg.Parts: Kafka, PostgreSQL and
// Cassandra side by side, then the agent. It returns when all answer; on failure
// nothing is left running.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.StartParts(ctx, s.cfg.Parts...); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// Open takes the directory for this process, fetches the programs that the cache
// does not have, and chooses ports. It starts nothing. Stop gives the directory
// back.
func Open(ctx context.Context, cfg Config) (_ *Stack, err error) {
	cfg, rel, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	s := &Stack{cfg: cfg, parts: map[Part]*Component{}, started: map[Part]Process{}}
	for _, d := range []string{"logs", "tmp"} {
		if err := os.MkdirAll(s.path(d), 0o755); err != nil {
			return nil, fault.New(fault.DataDirectory, "make %s: %w", s.path(d), err)
		}
	}
	if s.lock, err = tryLock(s.path("lock")); err != nil {
		return nil, err
	}
	if s.lock == nil {
		return nil, fault.New(fault.DirectoryInUse, "%s is locked by another process", cfg.Dir)
	}
	defer func() {
		if err != nil {
			_ = s.lock.Close() // nothing was written to it
		}
	}()
	if cfg.Runner != nil {
		err = cfg.Runner.Open(ctx, cfg.Dir, rel.line)
	} else {
		err = s.fetch(ctx, rel)
	}
	if err != nil {
		return nil, err
	}
	before, err := readState(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := before.end(ctx); err != nil {
		return nil, err
	}
	if s.ports, err = choosePorts(ctx, before.Ports); err != nil {
		return nil, err
	}
	for p, launch := range map[Part]func(context.Context, func(Running)) error{
		Kafka: s.launchKafka, Postgres: s.launchPostgres, Cassandra: s.launchCassandra, Agent: s.launchAgent,
	} {
		s.parts[p] = &Component{part: p, port: s.ports.of(p), log: logFile(cfg.Dir, p), launch: launch, changed: s.save}
	}
	return s, s.save()
}

func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.cfg.Dir}, elem...)...)
}

func logFile(dir string, p Part) string {
	if p == Postgres {
		return filepath.Join(dir, "postgres", "log") // pgserver's own choice
	}
	return filepath.Join(dir, "logs", string(p)+".log")
}

// StartParts starts the parts that do not run, in an order that suits them.
func (s *Stack) StartParts(ctx context.Context, parts ...Part) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, len(Parts()))
	start := func(p Part) {
		s.cfg.Log.Info("starting", "server", string(p))
		if err := s.parts[p].Start(ctx); err != nil {
			failed <- err
			cancel() // the others need not go on
			return
		}
		s.cfg.Log.Info("ready", "server", string(p), "address", s.parts[p].Addr(), "pid", s.parts[p].PID())
	}
	for _, p := range []Part{Kafka, Postgres, Cassandra} {
		if slices.Contains(parts, p) {
			wg.Go(func() { start(p) })
		}
	}
	wg.Wait()
	if len(failed) == 0 && slices.Contains(parts, Agent) {
		start(Agent)
	}
	if len(failed) > 0 {
		return <-failed // the first: what others say came of it
	}
	return nil
}

// MarkReady tells other processes that all that was asked for has started.
func (s *Stack) MarkReady() error {
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	return s.save()
}

// save writes the state file.
func (s *Stack) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := state{Ready: s.ready, Ports: s.ports, Servers: map[Part]Process{}, Starts: map[Part]bool{}}
	st.Owner, _ = named(os.Getpid())
	for p, c := range s.parts {
		proc, ready := c.current()
		if proc == nil {
			delete(s.started, p)
			continue
		}
		// One that has ended meanwhile keeps its name, unless another has its number.
		if now, alive := named(proc.PID()); alive && running(proc) {
			s.started[p] = now
		}
		if name, ok := s.started[p]; ok {
			st.Servers[p], st.Starts[p] = name, ready
		}
	}
	return st.write(s.cfg.Dir)
}

// Stop stops what runs, the agent first and the others side by side, each in order
// while ctx lasts, and gives the directory back. The stack is of no use after it.
func (s *Stack) Stop(ctx context.Context) error {
	errs := make(chan error, len(Parts()))
	errs <- s.parts[Agent].Stop(ctx)
	var wg sync.WaitGroup
	for _, p := range []Part{Kafka, Postgres, Cassandra} {
		wg.Go(func() { errs <- s.parts[p].Stop(ctx) })
	}
	wg.Wait()
	close(errs)
	var err error
	for e := range errs {
		err = errors.Join(err, e)
	}
	s.mu.Lock()
	st := state{Ports: s.ports} // so that the next start finds them
	s.mu.Unlock()
	return errors.Join(err, st.write(s.cfg.Dir), s.lock.Close())
}
