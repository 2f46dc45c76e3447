//go:build e2e

package realstack_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
)

// processes returns those whose command line names dir.
func processes(t *testing.T, dir string) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		b, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(b), dir) && f != fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
			found = append(found, f+": "+strings.ReplaceAll(string(b[:min(len(b), 200)]), "\x00", " "))
		}
	}
	return found
}

func noneLeft(t *testing.T, dir string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for len(processes(t, dir)) > 0 {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("left running:\n%s", strings.Join(processes(t, dir), "\n"))
		}
	}
}

// A feed writes rows to Cassandra and looks for their events in Kafka.
type feed struct {
	stack *realstack.Stack
	next  int
}

func (f *feed) cql(t *testing.T, statement string, args ...any) {
	t.Helper()
	session, err := f.stack.Session()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.Query(statement, args...).ExecContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// arrives inserts a row and returns how long its event took to be read.
func (f *feed) arrives(t *testing.T) time.Duration {
	t.Helper()
	f.next++
	want := fmt.Sprintf("row %d.", f.next)
	client, err := kgo.NewClient(kgo.SeedBrokers(f.stack.KafkaAddr()), kgo.ConsumeTopics(f.stack.Topic("shop", "t")),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	f.cql(t, "INSERT INTO shop.t (id, v) VALUES (?, ?)", f.next, want)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("no event of %q within %v; the agent's log is %s", want, time.Since(begun), f.stack.Component(realstack.Agent).LogFile())
		}
		for r := range fetches.RecordsAll() {
			if strings.Contains(string(r.Value), want) {
				return time.Since(begun)
			}
		}
	}
}

// Events of Cassandra arrive in Kafka, also after each of the servers was killed
// and started again; in the end nothing is left running.
func TestStackCarriesEventsAndSurvivesKills(t *testing.T) {
	for _, line := range realstack.Lines() {
		t.Run(line, func(t *testing.T) {
			if containers.FromEnv() != nil && line != realstack.Lines()[0] {
				t.Skip("there are containers of " + realstack.Lines()[0] + " alone")
			}
			carriesEvents(t, line)
		})
	}
}

func carriesEvents(t *testing.T, line string) {
	shared := realstack.Shared{Config: realstack.Config{
		Version:    line,
		Parts:      []realstack.Part{realstack.Kafka, realstack.Postgres, realstack.Cassandra},
		SyncPeriod: 200 * time.Millisecond,
		Runner:     containers.FromEnv(),
		Agent:      realstack.AgentConfig{Properties: map[string]string{"poll.interval.ms": "50"}},
	}}
	closed := false
	defer func() {
		if !closed {
			_ = shared.Close() // the test has failed
		}
	}()
	begun := time.Now()
	s, err := shared.Stack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v", time.Since(begun))
	f := feed{stack: s}
	f.cql(t, "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	f.cql(t, "CREATE TABLE shop.t (id int PRIMARY KEY, v text) WITH cdc = true")
	begun = time.Now()
	if err := s.StartParts(t.Context(), realstack.Agent); err != nil {
		t.Fatal(err)
	}
	t.Logf("agent started in %v; first event after %v", time.Since(begun), f.arrives(t))
	for range 5 {
		t.Logf("event after %v", f.arrives(t))
	}
	total := int64(0)
	status, err := realstack.ReadStatus(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range status.Servers {
		t.Logf("%s: %s, pid %d, port %d, %d MiB", c.Part, c.State, c.PID, c.Port, c.RSSBytes>>20)
		if c.State != "running" || c.PID != s.Component(c.Part).PID() {
			t.Errorf("%s: state %s, pid %d, want %d", c.Part, c.State, c.PID, s.Component(c.Part).PID())
		}
		if c.Part == realstack.Cassandra || c.Part == realstack.Agent {
			total += c.RSSBytes
		}
	}
	if total > 3<<30 {
		t.Errorf("Cassandra and the agent take %d MiB, want less than 3 GiB", total>>20)
	}
	for _, p := range realstack.Parts() {
		c := s.Component(p)
		pid, addr := c.PID(), c.Addr()
		c.Kill()
		if c.PID() != 0 {
			t.Errorf("%s: process %d after Kill", p, c.PID())
		}
		begun := time.Now()
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.PID() == pid || c.Addr() != addr {
			t.Errorf("%s: pid %d then %d, address %s then %s", p, pid, c.PID(), addr, c.Addr())
		}
		back := time.Since(begun)
		t.Logf("%s: back in %v; event after %v", p, back, f.arrives(t))
	}
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	if err := s.Component(realstack.Agent).Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("agent restarted; event after %v", f.arrives(t))
	begun = time.Now()
	closed = true
	if err := shared.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("stopped in %v", time.Since(begun))
	if left := processes(t, s.Dir()); len(left) > 0 {
		t.Errorf("left running:\n%s", strings.Join(left, "\n"))
	}
}

// TestOwner is not a test: it is the process that TestDiesWithItsOwner kills.
func TestOwner(t *testing.T) {
	dir := os.Getenv("REALSTACK_OWNER")
	if dir == "" {
		return
	}
	s, err := realstack.Start(t.Context(), realstack.Config{Dir: dir, Parts: []realstack.Part{realstack.Kafka, realstack.Postgres}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString("pid " + strconv.Itoa(s.Component(realstack.Kafka).PID()) + "\n"); err != nil {
		t.Fatal(err)
	}
	select {}
}

// A killed owner leaves nothing running, and the next one finds the same ports.
func TestDiesWithItsOwner(t *testing.T) {
	dir := scratch(t)
	owner := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOwner$")
	owner.Env = append(os.Environ(), "REALSTACK_OWNER="+dir)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = owner.Process.Kill() // gone already, if all went well
		_ = owner.Wait()
	}()
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			pid, _ = strconv.Atoi(n)
		}
	}
	status, err := realstack.ReadStatus(dir)
	if err != nil || pid == 0 || status.PID != owner.Process.Pid || status.Servers[0].PID != pid {
		t.Fatalf("pid %d, status %+v, %v", pid, status, err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	if _, err := realstack.Down(t.Context(), dir); err != nil {
		t.Error(err)
	}
	noneLeft(t, dir)
	s, err := realstack.Start(t.Context(), realstack.Config{Dir: dir, Parts: []realstack.Part{realstack.Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Ports().Kafka != status.Servers[0].Port {
		t.Errorf("port %d, then %d", status.Servers[0].Port, s.Ports().Kafka)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	noneLeft(t, dir)
}
