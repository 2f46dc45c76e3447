// Package pgserver runs a real PostgreSQL as a child process on a directory of
// its own, for the embedded default and for tests. The child dies with its
// parent, however that ends.
package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cdcpipe/pipeline/fault"
)

// Config says where and how a server runs.
type Config struct {
	// Dir holds everything: the data, the socket, the log, the password. It is
	// made if it does not exist, and a server stopped there starts again from it.
	Dir string

	// Bin is the directory of PostgreSQL's programs; empty means [Find].
	Bin string

	// Port is where the server listens on the loopback address; 0 means any free one.
	Port int

	// Settings are added to postgresql.conf's, as on the command line.
	Settings map[string]string
}

// A Server is a running PostgreSQL.
type Server struct {
	dir, password string
	port          int
	cmd           *exec.Cmd
	done          chan struct{} // closed when the process has ended
	logFrom       int           // where its log begins in the file
}

// User is the superuser of every server, Database its first database.
const (
	User     = "cdcpipe"
	Database = "postgres"
)

// Start starts a server and waits until it takes connections or ctx ends. A
// process that runs as root starts it as the user postgres, or nobody, since
// PostgreSQL refuses to run as root.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	bin := cfg.Bin
	if bin == "" {
		var err error
		if bin, err = Find(); err != nil {
			return nil, err
		}
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	s := &Server{dir: dir, done: make(chan struct{})}
	if err := s.prepare(who); err != nil {
		return nil, err
	}
	if err := s.waitForPredecessor(ctx); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.path("data", "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := s.initialise(ctx, bin, who); err != nil {
			return nil, err
		}
	} else if err := sameMajor(ctx, bin, s.path("data", "PG_VERSION")); err != nil {
		return nil, err
	}
	password, err := os.ReadFile(s.path("password"))
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "read the server's password: %w", err)
	}
	s.password = strings.TrimSpace(string(password))
	if s.port = cfg.Port; s.port == 0 {
		if s.port, err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	for {
		if err := s.launch(bin, who, cfg.Settings); err != nil {
			return nil, err
		}
		err := s.waitReady(ctx)
		if err == nil {
			return s, nil
		}
		s.Kill()
		// A server that was killed, and its sessions, end a little later.
		late := strings.Contains(err.Error(), "pre-existing shared memory block") || strings.Contains(err.Error(), "Is another postmaster")
		if ctx.Err() != nil || !late {
			return nil, err
		}
		s.done = make(chan struct{})
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (s *Server) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// prepare makes the directory and hands it to the user who will run the server.
func (s *Server) prepare(who *syscall.Credential) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fault.New(fault.DataDirectory, "make %s: %w", s.dir, err)
	}
	if who == nil {
		return nil
	}
	if err := os.Chown(s.dir, int(who.Uid), int(who.Gid)); err != nil {
		return fault.New(fault.DataDirectory, "give %s to user %d: %w", s.dir, who.Uid, err)
	}
	// Every directory above must let that user pass.
	for d := filepath.Dir(s.dir); d != "/"; d = filepath.Dir(d) {
		if st, err := os.Stat(d); err == nil && st.Mode().Perm()&0o001 == 0 {
			if own, ok := st.Sys().(*syscall.Stat_t); !ok || own.Uid != who.Uid {
				return fault.New(fault.DataDirectory, "%s lies under %s, which user %d may not enter", s.dir, d, who.Uid)
			}
		}
	}
	return nil
}

func (s *Server) initialise(ctx context.Context, bin string, who *syscall.Credential) error {
	password := rand.Text()
	if err := os.WriteFile(s.path("password"), []byte(password+"\n"), 0o600); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	if who != nil {
		if err := os.Chown(s.path("password"), int(who.Uid), int(who.Gid)); err != nil {
			return fault.New(fault.DataDirectory, "%w", err)
		}
	}
	// Made beside and renamed, so that a killed initdb leaves nothing that looks
	// made. Its own processes may outlive it a moment: each attempt has a directory
	// of its own, and those of others are removed as far as they let themselves be.
	left, _ := filepath.Glob(s.path("data.new*"))
	for _, d := range append(left, s.path("data")) {
		_ = os.RemoveAll(d)
	}
	tmp := s.path("data.new." + rand.Text())
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", tmp, "-U", User, "--auth=scram-sha-256",
		"--pwfile="+s.path("password"), "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGKILL}
	var out []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // see launch
		out, err = cmd.CombinedOutput()
	}()
	<-done
	if err != nil {
		return fault.New(fault.ServerStart, "initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(tmp, s.path("data")); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	return nil
}

func sameMajor(ctx context.Context, bin, file string) error {
	have, err := os.ReadFile(file)
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return fault.New(fault.ServerStart, "postgres --version: %w", err)
	}
	f := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 (Debian ...)
	major := strings.TrimSpace(string(have))
	if len(f) > 2 && f[2] != major && !strings.HasPrefix(f[2], major+".") {
		return fault.New(fault.DataDirectory, "%s was made by PostgreSQL %s, and %s holds %s", filepath.Dir(file), major, bin, f[2])
	}
	return nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fault.New(fault.ServerStart, "find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// waitForPredecessor waits until a server that an earlier process left on the
// directory is gone: it is on its way out, since it dies with its parent.
func (s *Server) waitForPredecessor(ctx context.Context) error {
	for {
		pid := s.postmaster()
		if pid == 0 || syscall.Kill(pid, 0) != nil {
			return nil //nolint:nilerr // it is gone
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fault.New(fault.DirectoryInUse, "process %d still runs PostgreSQL on %s", pid, s.dir)
		}
	}
}

// postmaster returns the process that holds the data directory, or 0.
func (s *Server) postmaster() int {
	b, err := os.ReadFile(s.path("data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	// The number may have been given to another program since. One that is ending has
	// no command line any more.
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil && len(cmdline) > 0 && !strings.Contains(string(cmdline), "postgres") {
		return 0
	}
	return pid
}

// DSN returns the address of the server's database over TCP, with the password.
func (s *Server) DSN() string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", User, s.password, s.port, Database)
}

// Port returns where the server listens.
func (s *Server) Port() int { return s.port }

// PID returns the process of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// LogFile returns the path of the server's log.
func (s *Server) LogFile() string { return s.path("log") }
