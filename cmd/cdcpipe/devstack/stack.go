// Package devstack runs what a pipeline needs around it, for trying things out
// and for tests: a Kafka broker and a Redis within the process, and a real
// PostgreSQL as its child. It is not for production.
//
// Everything lives in one directory and outlives the process, also a killed one:
// the next Start goes on from what is there.
package devstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"cdcpipe/pipeline/fault"
)

// Config says where the servers keep their data and how the broker is set up.
type Config struct {
	// Dir holds everything. It is made if it does not exist.
	Dir string

	// Partitions is how many partitions a new topic has.
	Partitions int
}

// A Stack is the servers, running.
type Stack struct {
	dir      string
	broker   *kfake.Cluster
	redis    *miniredis.Miniredis
	postgres *supervisor
}

// DefaultDir returns a directory that suits the present user: root's own is one
// that PostgreSQL's user may not enter.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/cdcpipe/dev", nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "cdcpipe"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.New(fault.DataDirectory, "find a directory for the data: %w", err)
	}
	return filepath.Join(home, ".local", "state", "cdcpipe"), nil
}

// Lock takes the directory for this process alone, until Unlock or its end. It
// makes the directory if it does not exist.
func Lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.New(fault.DataDirectory, "make %s: %w", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fault.New(fault.DirectoryInUse, "%s is locked by another process", dir)
	}
	return f, nil
}

// Probe reports why Lock would fail, and leaves nothing behind.
func Probe(dir string) error {
	if f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0); err == nil {
		defer f.Close()
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			return fault.New(fault.DirectoryInUse, "%s is locked by another process", dir)
		}
	}
	at := dir
	for at != filepath.Dir(at) { // where Lock would begin to make directories
		if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) {
			break
		}
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".cdcpipe-*")
	if err != nil {
		return fault.New(fault.DataDirectory, "%s: %w", dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Reset makes the servers begin anew in dir, which this process has locked. A
// process that a crash left behind may still be at work there on its way out: what
// it has is moved aside first, and removed as far as it lets itself be.
func Reset(dir string) error {
	aside := filepath.Join(dir, "old."+rand.Text())
	if err := os.Mkdir(aside, 0o755); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	for _, d := range []string{"kafka", "postgres"} {
		if err := os.Rename(filepath.Join(dir, d), filepath.Join(aside, d)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fault.New(fault.DataDirectory, "move aside what %s holds: %w", dir, err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "old.*"))
	for _, d := range left {
		_ = os.RemoveAll(d)
	}
	return nil
}

// Start starts the servers in a directory that this process has locked, and waits
// until they answer.
func Start(ctx context.Context, cfg Config) (_ *Stack, err error) {
	s := &Stack{dir: cfg.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	// PostgreSQL takes longest: it starts beside the others.
	started := make(chan error, 1)
	go func() {
		var err error
		s.postgres, err = supervise(ctx, filepath.Join(cfg.Dir, "postgres"))
		started <- err
	}()
	s.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(cfg.Dir, "kafka")),
		kfake.DefaultNumPartitions(cfg.Partitions), kfake.AllowAutoTopicCreation(), kfake.SleepOutOfOrder())
	if err != nil {
		return nil, fault.New(fault.ServerStart, "start the broker: %w", errors.Join(err, <-started))
	}
	s.redis = miniredis.NewMiniRedis()
	if err = s.redis.Start(); err != nil {
		return nil, fault.New(fault.ServerStart, "start Redis: %w", errors.Join(err, <-started))
	}
	if err = <-started; err != nil {
		return nil, err
	}
	return s, nil
}

// Brokers returns the addresses of the Kafka broker.
func (s *Stack) Brokers() []string { return s.broker.ListenAddrs() }

// DSN returns the address of PostgreSQL, with its password.
func (s *Stack) DSN() string { return s.postgres.dsn() }

// RedisAddr returns the address of Redis.
func (s *Stack) RedisAddr() string { return s.redis.Addr() }

// KillPostgres ends PostgreSQL as a crash would. It is started again by itself.
func (s *Stack) KillPostgres() { s.postgres.kill() }

// Stop stops what was started, in order while ctx lasts.
func (s *Stack) Stop(ctx context.Context) (err error) {
	if s.postgres != nil {
		err = s.postgres.stop(ctx)
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.broker != nil {
		s.broker.Close()
	}
	if err != nil {
		return fmt.Errorf("stop the servers in %s: %w", s.dir, err)
	}
	return nil
}
