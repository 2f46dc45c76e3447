//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
)

// agentEnds waits until the agent's process has ended by itself.
func (w *ward) agentEnds() {
	w.Helper()
	until(w.T, func() string { return "the agent goes on:\n" + tail(w.agentLog(0)) },
		func() bool { return w.Component(realstack.Agent).PID() == 0 })
}

// agentStarts starts it, which fails if it ends before it answers.
func (w *ward) agentStarts() error { return w.Component(realstack.Agent).Start(w.Context()) }

// position returns what the agent has on record of a table.
func (w *ward) position(table string) string {
	w.Helper()
	b, err := os.ReadFile(filepath.Join(w.Dir(), "agent", "offsets", "commitlog_offset.properties"))
	if err != nil {
		w.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), table+"=")
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

// one returns the one value of a query of the replica.
func (w *ward) one(sql string) (v string) {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.DSN())
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(w.Context()))
	if err := conn.QueryRow(w.Context(), sql).Scan(&v); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	return v
}

// What the agent loses while it runs is told, and brought by what the user is told.
func TestE2EAgentLoses(t *testing.T) {
	w := newWard(t)
	if err := w.agentStarts(); err != nil {
		t.Fatal(err)
	}
	w.flows()
	t.Run("altered while written", func(t *testing.T) {
		w.T = t
		alteredWhileWritten(t, w)
	})
	t.Run("unreadable write", func(t *testing.T) {
		w.T = t
		unreadable(t, w)
	})
	t.Run("nested set", func(t *testing.T) {
		w.T = t
		nestedSet(t, w)
	})
	w.T = t
}

// A set within a frozen collection ends the agent, as often as it is started, until the
// table has no CDC; a later event of the table lets it pass the value for good, and
// verify brings the row.
func nestedSet(t *testing.T, w *ward) {
	if containers.FromEnv() != nil {
		t.Skip("what the agent has on record is in its container")
	}
	w.cql("CREATE TABLE shop.nested (id int PRIMARY KEY, v frozen<map<text, frozen<list<frozen<set<int>>>>>>) WITH cdc = true")
	next := 0
	arrives := func() { // an event of a row without a set
		t.Helper()
		was := w.ended("cdc.shop.nested")
		until(t, func() string { return "no event of shop.nested:\n" + tail(w.agentLog(0)) }, func() bool {
			next++
			w.cql("INSERT INTO shop.nested (id, v) VALUES (?, {'a': []})", next)
			return w.ended("cdc.shop.nested") > was
		})
	}
	arrives() // it knows the table, and an outer collection that is empty does no harm
	shape := "CDC-7036 table shop.nested"
	w.names(exitFailure, []string{shape})

	from := len(w.agentLog(0))
	w.cql("INSERT INTO shop.nested (id, v) VALUES (-1, {'a': [{3, 1, 2}]})")
	for range 2 { // at the value, and at it once more
		w.agentEnds()
		if !strings.Contains(w.agentLog(from), "class java.util.LinkedHashSet") {
			t.Errorf("it ended otherwise:\n%s", tail(w.agentLog(from)))
		}
		w.names(exitFailure, []string{shape, "CDC-7039 agent " + w.AgentURL()}, "--agent", w.AgentURL())
		from = len(w.agentLog(0))
		_ = w.agentStarts() // it may answer before it comes to the value
	}

	w.cql("ALTER TABLE shop.nested WITH cdc = false")
	w.restart()
	w.flows()
	passed := w.position("shop.nested")
	w.cql("ALTER TABLE shop.nested WITH cdc = true")
	until(t, func() string { return "no later position:\n" + tail(w.agentLog(0)) }, func() bool {
		arrives()
		now := w.position("shop.nested")
		return now != "" && now != passed // it is empty while it is written
	})
	w.restart()
	w.flows()
	w.names(exitFailure, []string{shape}, "--agent", w.AgentURL())

	if code, stdout, stderr := call(t, "verify", "-f", w.file, "--repair", "--settle", "1s", "--table", "shop.nested"); code != 0 {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
	}
	if got := w.one("SELECT v::text FROM shop.nested WHERE id = -1"); got != `{"a": [[1, 2, 3]]}` {
		t.Errorf("got %s", got)
	}
}

// Writes right after ALTER TABLE ADD are lost; the pipeline tells that they may be, and
// the command that it names brings them.
func alteredWhileWritten(t *testing.T, w *ward) {
	w.cql("CREATE TABLE shop.altered (id int PRIMARY KEY, a text) WITH cdc = true")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr watched
	ended := make(chan int, 1)
	go func() {
		var stdout bytes.Buffer
		ended <- run(ctx, []string{"cdcpipe", "run", "-f", w.file, "--admin", ""}, &stdout, &stderr)
	}()
	why := func() string { return tail(stderr.String()) + "\nthe agent:\n" + tail(w.agentLog(0)) }
	until(t, why, func() bool { return strings.Contains(stderr.String(), `"running"`) }) // it has the table as it is now
	until(t, why, func() bool {                                                          // and so has the agent
		w.cql("INSERT INTO shop.altered (id, a) VALUES (0, 'a')")
		return w.ended("cdc.shop.altered") > 0
	})
	rows, tries := 1, 0
	for from := len(w.agentLog(0)); !strings.Contains(w.agentLog(from), "Unexpected error deserializing mutation"); tries++ {
		if tries == 10 {
			t.Fatalf("nothing is lost:\n%s", why())
		}
		w.cql(fmt.Sprintf("ALTER TABLE shop.altered ADD c%d text", tries))
		for range 100 {
			w.cql(fmt.Sprintf("INSERT INTO shop.altered (id, a, c%d) VALUES (?, 'x', 'y')", tries), rows)
			rows++
		}
		w.flows() // what was written is read
	}
	t.Logf("lost at try %d", tries)
	until(t, why, func() bool { // any event names all columns, once the agent knows them
		w.cql("INSERT INTO shop.altered (id, a) VALUES (0, 'z')")
		return strings.Contains(stderr.String(), `"code":"CDC-7043","table":"shop.altered"`)
	})
	verify := func(args ...string) (int, string) {
		code, stdout, stderr := call(t, append([]string{"verify", "-f", w.file, "--settle", "3s", "--table", "shop.altered"}, args...)...)
		return code, stdout + stderr
	}
	if code, said := verify(); code == 0 || !strings.Contains(said, "missing row") {
		t.Errorf("exit %d, and rows are lost: %s", code, said)
	}
	if code, said := verify("--repair"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, said := verify(); code != 0 {
		t.Errorf("after the repair, exit %d: %s", code, said)
	}
	if got := w.one("SELECT count(*)::text FROM shop.altered"); got != strconv.Itoa(rows) {
		t.Errorf("%s rows, want %d", got, rows)
	}
	cancel()
	if code := <-ended; code != exitInterrupted && code != 0 {
		t.Errorf("exit %d\n%s", code, stderr.String())
	}
}

// One write of a non-frozen UDT, or one element removed from a map of uuids, stops the
// changes of all tables until Cassandra begins another segment; verify brings the rows.
func unreadable(t *testing.T, w *ward) {
	w.cql("CREATE TYPE shop.address (street text, zip int)")
	w.cql("CREATE TABLE shop.homes (id int PRIMARY KEY, f frozen<address>, n address) WITH cdc = true")
	w.cql("CREATE TABLE shop.marks (id int PRIMARY KEY, m map<text, uuid>) WITH cdc = true")
	w.names(exitFailure, []string{"CDC-7037 table shop.homes", "CDC-7044 table shop.homes", "CDC-7044 table shop.marks",
		"CDC-7031 table shop.homes", "CDC-7031 table shop.marks"})
	w.restart() // or it sees no table with a UDT
	was := w.ended("cdc.shop.homes")
	w.cql("INSERT INTO shop.homes (id, f) VALUES (1, {street: 'a', zip: 1})")
	w.cql("INSERT INTO shop.marks (id, m) VALUES (1, {'x': 00000000-0000-4000-8000-000000000001, 'y': 00000000-0000-4000-8000-000000000002})")
	w.flows()
	if w.ended("cdc.shop.homes") == was || w.ended("cdc.shop.marks") == 0 {
		t.Error("what the agent can read has no events")
	}
	for i, write := range []string{"INSERT INTO shop.homes (id, n) VALUES (2, {street: 'b'})", "DELETE m['x'] FROM shop.marks WHERE id = 1"} {
		from := len(w.agentLog(0))
		w.cql(write)
		until(t, func() string { return write + " does no harm:\n" + tail(w.agentLog(from)) }, func() bool {
			return strings.Contains(w.agentLog(from), "Failed to populate Column") && strings.Contains(w.agentLog(from), "Encountered EOF event")
		})
		w.next++
		w.cql("INSERT INTO shop.users (id, v) VALUES (?, 'lost')", w.next)
		if err := w.Component(realstack.Cassandra).Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.session.Close()
		var err error
		if w.session, err = w.Session(); err != nil {
			t.Fatal(err)
		}
		lost := w.next
		w.flows()
		if w.sent(lost) {
			t.Errorf("try %d: what came after it has its event", i)
		}
	}
	if code, stdout, stderr := call(t, "verify", "-f", w.file, "--repair", "--settle", "1s"); code != 0 {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
	}
	for sql, want := range map[string]string{
		"SELECT n::text FROM shop.homes WHERE id = 2":            `{"zip": null, "street": "b"}`,
		"SELECT m::text FROM shop.marks WHERE id = 1":            `{"y": "00000000-0000-4000-8000-000000000002"}`,
		"SELECT count(*)::text FROM shop.users WHERE v = 'lost'": "2",
	} {
		if got := w.one(sql); got != want {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
	for _, table := range []string{"homes", "marks"} {
		w.cql("DROP TABLE shop." + table)
	}
}
