package coord_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/rueidis"
)

// A server is a real Redis, or a Sentinel, of the test's own.
type server struct {
	t    *testing.T
	dir  string
	port string
	cmd  *exec.Cmd
	done chan struct{}
}

// serve starts a server with settings, such as "--maxmemory", "1mb".
func serve(t *testing.T, settings ...string) *server {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := &server{t: t, dir: t.TempDir(), port: strconv.Itoa(l.Addr().(*net.TCPAddr).Port)}
	s.start(settings...)
	t.Cleanup(s.kill)
	return s
}

func (s *server) addr() string { return "127.0.0.1:" + s.port }

// start starts the server at the address that it had, and waits until it answers,
// whatever it says.
func (s *server) start(settings ...string) {
	s.t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Skip("no redis-server: .ci/redis.sh installs it")
	}
	var file strings.Builder
	fmt.Fprintf(&file, "port %s\nbind 127.0.0.1\ndir %s\nenable-debug-command yes\nsave \"\"\n", s.port, s.dir)
	if len(settings) > 0 && settings[0] == "--sentinel" {
		file.Reset()
		fmt.Fprintf(&file, "port %s\nbind 127.0.0.1\ndir %s\n%s", s.port, s.dir, settings[1])
		settings = settings[:1]
	}
	conf := filepath.Join(s.dir, "redis.conf")
	if err := os.WriteFile(conf, []byte(file.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.CommandContext(context.Background(), program, append([]string{conf}, settings...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // it is killed
		close(s.done)
	}()
	until(s.t, "redis-server answers", func() bool { return s.raw("PING") != "" })
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// raw sends a line and returns the first line of the answer, or nothing.
func (s *server) raw(line string) string {
	c, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", s.addr())
	if err != nil {
		return ""
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return ""
	}
	answer, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer)
}

// do runs commands, which must succeed.
func (s *server) do(lines ...string) {
	s.t.Helper()
	for _, line := range lines {
		if got := s.raw(line); got == "" || got[0] == '-' {
			s.t.Fatalf("%s: got %q", line, got)
		}
	}
}

// has reports whether the server has a heartbeat.
func (s *server) has(key string) bool { return s.raw("EXISTS "+key) == ":1" }

// client returns what connects to the server, and signs in as nobody in particular.
func (s *server) client(password string) func(context.Context) (rueidis.Client, error) {
	return connect(s.addr(), "", password)
}
