package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// A process is this very program in another role. It ends when its standard input
// does, and so with the test that started it.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when it has ended
	err   error         // how; valid after done

	mu     sync.Mutex
	stderr bytes.Buffer
}

// spawn starts a process. Each line that it prints is given to heard.
func spawn(t *testing.T, role string, heard func(line []byte), env ...string) *process {
	t.Helper()
	p := &process{done: make(chan struct{})}
	p.cmd = exec.CommandContext(t.Context(), os.Args[0])
	p.cmd.Env = append(append(os.Environ(), roleEnv+"="+role), env...)
	p.cmd.Stderr = p
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		p.stdin, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			heard(lines.Bytes())
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// Write keeps the last of what the process says on standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stderr.Len() > 1<<16 {
		p.stderr.Next(p.stderr.Len() / 2)
	}
	return p.stderr.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// tell writes a line to the process, which may be gone.
func (p *process) tell(line string) { _, _ = io.WriteString(p.stdin, line+"\n") }

// A server is a process that can be killed and started again at one address.
type server struct {
	t    *testing.T
	role string
	env  []string
	p    *process
}

func serve(t *testing.T, role string, env ...string) *server {
	t.Helper()
	s := &server{t: t, role: role, env: env}
	s.start()
	t.Cleanup(func() { s.p.kill() })
	return s
}

// start starts the server and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	ready := make(chan struct{}, 1)
	s.p = spawn(s.t, s.role, func([]byte) { ready <- struct{}{} }, s.env...)
	select {
	case <-ready:
	case <-s.p.done:
		s.t.Fatalf("%s: %v\n%s", s.role, s.p.err, s.p.said())
	case <-time.After(30 * time.Second):
		s.t.Fatalf("%s is not ready:\n%s", s.role, s.p.said())
	}
}

// answer tells whoever started this process that it is ready, and hands what that
// says to heard until it is gone.
func answer(heard func(line string)) error {
	if _, err := fmt.Fprintln(os.Stdout, "ready"); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		heard(strings.TrimSpace(lines.Text()))
	}
	return nil
}
