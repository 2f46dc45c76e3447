package containers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
	"cdcpipe/pipeline/fault"
)

// stands prints its arguments, one to a line, and stays until it is told to end.
const stands = `trap 'exit 0' TERM INT; printf '%s\n' "$@"; sleep 60 & wait`

// prints waits until a file has a line.
func prints(t *testing.T, file, line string) {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		b, err := os.ReadFile(file)
		if err == nil && slices.Contains(strings.Split(string(b), "\n"), line) {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s has no line %q: %s, %v", file, line, b, err)
		}
	}
}

func TestServersAreContainers(t *testing.T) {
	e, dir := newEngine(t), t.TempDir()
	e.program("java", stands)
	e.program("docker-entrypoint.sh", stands)
	d := containers.FromEnv()
	if err := d.Open(t.Context(), dir, "5.0"); err != nil {
		t.Fatal(err)
	}
	me := fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	for _, tc := range []struct {
		part   realstack.Part
		finds  string // that the image's own classes are found by
		signal syscall.Signal
	}{
		{realstack.Kafka, "/opt/kafka/libs/*", syscall.SIGTERM},
		{realstack.Cassandra, "-javaagent:/opt/cassandra/lib/jamm-*.jar", syscall.SIGTERM},
		{realstack.Agent, "/opt/debezium/debezium-connector-cassandra-5-jar-with-dependencies.jar", syscall.SIGTERM},
		{realstack.Postgres, "-x a b", syscall.SIGINT},
	} {
		user := me
		if tc.part == realstack.Postgres && os.Geteuid() == 0 {
			user = ""
		}
		log := filepath.Join(dir, string(tc.part)+".log")
		p, err := d.Run(t.Context(), realstack.Server{
			Part: tc.part, Stack: dir, Dir: dir, Log: log, Args: []string{"-x a b", "$HOME"}, Main: []string{"Main", "*"}, Env: []string{"A=b c"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{tc.finds, "-x a b", "$HOME", "Main", "*"} {
			prints(t, log, line) // as it was given: no shell has had a second look
		}
		all := e.containers()
		c := all[len(all)-1]
		if c.Image != containers.Image(tc.part) || c.User != user || c.WorkingDir != dir || !slices.Contains(c.Env, "A=b c") || !slices.Contains(c.Env, "HOME="+dir+"/tmp") {
			t.Errorf("%s: asked for %+v", tc.part, c)
		}
		if h := c.HostConfig; !slices.Equal(h.Binds, []string{dir + ":" + dir}) || h.NetworkMode != "host" || !h.AutoRemove || h.PublishAllPorts {
			t.Errorf("%s: asked for %+v", tc.part, h)
		}
		if c.Labels[containers.Label] != dir || c.Labels["cdcpipe.part"] != string(tc.part) {
			t.Errorf("%s: labels %v", tc.part, c.Labels)
		}
		if p.PID() != c.cmd.Process.Pid {
			t.Errorf("%s: process %d, want %d", tc.part, p.PID(), c.cmd.Process.Pid)
		}
		if err := p.Stop(t.Context()); err != nil || p.Exit() != nil || !slices.Equal(c.signals, []syscall.Signal{tc.signal}) || e.left() != 0 {
			t.Errorf("%s: stopped: %v, exit: %v, by %v; %d left", tc.part, err, p.Exit(), c.signals, e.left())
		}
		p.Kill() // again, to no effect
	}
	want := []string{
		"pulled apache/kafka:4.1.1", "pulled cassandra:5.0.6",
		"built cdcpipe-debezium:3.4.1.Final [Dockerfile agent.properties driver.conf jvm.options logback.xml start.sh]",
		"pulled postgres:16.11",
	}
	if !slices.Equal(e.fetched, want) {
		t.Errorf("images: %q, want %q", e.fetched, want)
	}
}

func TestStopIsKillInTheEnd(t *testing.T) {
	e, dir := newEngine(t), t.TempDir()
	e.program("java", "trap '' TERM; echo up; sleep 60 & wait; sleep 60")
	d := containers.FromEnv()
	if err := d.Open(t.Context(), dir, "5.0"); err != nil {
		t.Fatal(err)
	}
	srv := realstack.Server{Part: realstack.Kafka, Stack: dir, Dir: dir, Log: filepath.Join(dir, "log")}
	p, err := d.Run(t.Context(), srv)
	if err != nil {
		t.Fatal(err)
	}
	prints(t, srv.Log, "up")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || p.Exit() == nil || e.left() != 0 {
		t.Errorf("stopped: %v, exit: %v, %d left", err, p.Exit(), e.left())
	}
	if got := e.containers()[0].signals; !slices.Equal(got, []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}) {
		t.Errorf("signals %v", got)
	}
	if p, err = d.Run(t.Context(), srv); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	// One that cannot be started is not left there either.
	srv.Dir = filepath.Join(dir, "none")
	if _, err := d.Run(t.Context(), srv); !fault.Is(err, fault.ServerStart) || e.left() != 0 {
		t.Errorf("%v, %d left", err, e.left())
	}
	if got := e.containers()[1].signals; !slices.Equal(got, []syscall.Signal{syscall.SIGKILL}) || e.left() != 0 {
		t.Errorf("signals %v, %d left", got, e.left())
	}
	if len(e.fetched) != 1 {
		t.Errorf("fetched more than once: %q", e.fetched)
	}
}

// What an owner that was killed has left ends with the next start in its
// directory, and nothing of others does.
func TestLeftovers(t *testing.T) {
	e, dir, other := newEngine(t), t.TempDir(), t.TempDir()
	e.program("java", stands)
	d := containers.FromEnv()
	for _, of := range []string{dir, dir, other} {
		if err := d.Open(t.Context(), other+"/none", "5.0"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Run(t.Context(), realstack.Server{Part: realstack.Kafka, Stack: of, Dir: of, Log: filepath.Join(of, "log")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Open(t.Context(), dir, "5.0"); err != nil {
		t.Fatal(err)
	}
	if e.left() != 1 || e.there[fmt.Sprintf("%064d", 3)] == nil {
		t.Errorf("%d left", e.left())
	}
}

// A stack is the same to whoever uses it.
func TestStackOfContainers(t *testing.T) {
	e := newEngine(t)
	e.program("java", stands)
	dir := t.TempDir()
	s, err := realstack.Open(t.Context(), realstack.Config{Dir: dir, Runner: containers.FromEnv()})
	if err != nil {
		t.Fatal(err)
	}
	agent := http.Server{Addr: s.Component(realstack.Agent).Addr(), ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "pong")
	})}
	go func() { _ = agent.ListenAndServe() }()
	t.Cleanup(func() { _ = agent.Close() })
	c := s.Component(realstack.Agent)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	prints(t, c.LogFile(), filepath.Join(dir, "agent", "agent.properties"))
	status, err := realstack.ReadStatus(dir)
	if err != nil || status.Servers[3].State != "running" || status.Servers[3].PID != c.PID() || c.PID() == 0 {
		t.Errorf("%+v, %v", status.Servers[3], err)
	}
	c.Kill()
	if c.PID() != 0 || e.left() != 0 {
		t.Errorf("killed: process %d, %d left", c.PID(), e.left())
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One that does not start says why, and is not left there.
	e.program("java", "echo the port is taken; exit 3")
	err = s.Component(realstack.Kafka).Start(t.Context())
	if !fault.Is(err, fault.ServerStart) || !strings.HasSuffix(err.Error(), "\nthe port is taken") {
		t.Errorf("got %v", err)
	}
	if err := s.Stop(t.Context()); err != nil || e.left() != 0 {
		t.Errorf("stopped: %v, %d left", err, e.left())
	}
}

func TestPostgresIsMadeOnce(t *testing.T) {
	e := newEngine(t)
	e.program("docker-entrypoint.sh", `echo begun >"$PGDATA/$(ls "$PGDATA" | wc -l)"; echo no disk; exit 1`)
	dir := t.TempDir()
	s, err := realstack.Open(t.Context(), realstack.Config{Dir: dir, Runner: containers.FromEnv()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Component(realstack.Postgres).Start(t.Context()); !fault.Is(err, fault.ServerStart) {
			t.Errorf("got %v", err)
		}
	}
	data := filepath.Join(dir, "postgres", "image")
	if got, err := os.ReadDir(data); err != nil || len(got) != 1 {
		t.Errorf("what was interrupted is gone on from: %v, %v", got, err)
	}
	c := e.containers()[0]
	for _, want := range []string{"PGDATA=" + data, "PGPORT=" + strconv.Itoa(s.Ports().Postgres), "POSTGRES_USER=cdcpipe"} {
		if !slices.Contains(c.Env, want) {
			t.Errorf("environment %q has no %s", c.Env, want)
		}
	}
	if err := s.Stop(t.Context()); err != nil || s.DSN() != "" {
		t.Errorf("%v, %q", err, s.DSN())
	}
}

func TestChoice(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	for _, tc := range []struct {
		way, line string
		code      fault.Code
	}{
		{"docker", "", fault.DockerDown},
		{"docker", "4.1", fault.ConfigUsage},
		{"podman", "", fault.ConfigUsage},
	} {
		t.Setenv("CDCPIPE_STACK", tc.way)
		_, err := realstack.Start(t.Context(), realstack.Config{Dir: t.TempDir(), Version: tc.line, Runner: containers.FromEnv()})
		if !fault.Is(err, tc.code) {
			t.Errorf("%s, %s: %v, want %s", tc.way, tc.line, err, tc.code)
		}
	}
	for _, way := range []string{"", "process"} {
		t.Setenv("CDCPIPE_STACK", way)
		if r := containers.FromEnv(); r != nil {
			t.Errorf("%q: %v", way, r)
		}
	}
}
