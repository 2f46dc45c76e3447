//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
)

// A ward is a real stack whose agent is brought to fail.
type ward struct {
	*testing.T
	*realstack.Stack
	session *gocql.Session
	file    string // of a pipeline
	next    int
}

const wardFile = `version: 1
name: ward
schema:
  cassandra: {hosts: ["127.0.0.1"], port: %d, keyspaces: [shop, late]}
source:
  use: kafka
  with: {brokers: ["%s"], topic_patterns: ["cdc\\.(shop|late|cdcpipe)\\..*"], group: ward, metadata_max_age: 1s}
stages: [decode, hydrate, validate, {use: batch, with: {records: 1000, every: 20ms}}]
sink: {use: postgres, with: {dsn: "${env:WARD_DSN}"}}
outlets:
  dead_letter: {use: postgres, with: {dsn: "${env:WARD_DSN}"}}
  invalid: {use: postgres, with: {dsn: "${env:WARD_DSN}"}}
  stale: {use: postgres, with: {dsn: "${env:WARD_DSN}"}}
`

// newWard starts everything but the agent, with a table that works.
func newWard(t *testing.T) *ward {
	t.Helper()
	return newWardOf(t, "")
}

// newWardOf is newWard with a line of Cassandra.
func newWardOf(t *testing.T, line string) *ward {
	t.Helper()
	shared := realstack.Shared{Config: realstack.Config{
		Version: line,
		Parts:   []realstack.Part{realstack.Kafka, realstack.Postgres, realstack.Cassandra}, SyncPeriod: 200 * time.Millisecond,
		Runner: containers.FromEnv(),
	}}
	t.Cleanup(func() {
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := shared.Stack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &ward{T: t, Stack: s, file: filepath.Join(t.TempDir(), "pipeline.yaml")}
	if w.session, err = s.Session(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.session.Close() })
	_, port, err := net.SplitHostPort(s.CassandraAddr())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file, fmt.Appendf(nil, wardFile, n, s.KafkaAddr()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WARD_DSN", s.DSN())
	w.keyspace("shop")
	w.cql("CREATE TABLE shop.users (id int PRIMARY KEY, v text) WITH cdc = true")
	return w
}

func (w *ward) cql(statement string, args ...any) {
	w.Helper()
	if err := w.session.Query(statement, args...).ExecContext(w.Context()); err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
}

func (w *ward) keyspace(name string) {
	w.Helper()
	w.cql("CREATE KEYSPACE " + name + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
}

// old is a write time of some minutes ago: doctor does not wait for what is newer.
func old() int64 { return time.Now().Add(-5 * time.Minute).UnixMicro() }

// agentLog returns the agent's log since a position.
func (w *ward) agentLog(from int) string {
	w.Helper()
	b, err := os.ReadFile(w.Component(realstack.Agent).LogFile())
	if err != nil {
		w.Fatal(err)
	}
	return string(b[min(from, len(b)):])
}

// flows writes a row of the table that works, and waits for its event: the agent may
// send older ones again when it has started.
func (w *ward) flows() {
	w.Helper()
	w.next++
	w.cql("INSERT INTO shop.users (id, v) VALUES (?, 'x')", w.next)
	until(w.T, func() string {
		return fmt.Sprintf("no event of row %d; the agent's log:\n%s", w.next, tail(w.agentLog(0)))
	}, func() bool { return w.sent(w.next) })
}

func tail(s string) string { return s[max(0, len(s)-6000):] }

// doctor returns what doctor finds wrong, as code and subject, and how it exits.
func (w *ward) doctor(args ...string) (found map[string]checkup, code int) {
	w.Helper()
	code, stdout, stderr := call(w.T, append([]string{"doctor", "-f", w.file, "-o", "json"}, args...)...)
	var all []checkup
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		w.Fatalf("%v in %s%s", err, stdout, stderr)
	}
	found = map[string]checkup{}
	for _, c := range all {
		if !c.OK {
			found[string(c.Code)+" "+c.What] = c
		}
	}
	return found, code
}

// names fails the test unless doctor names exactly these.
func (w *ward) names(wantCode int, want []string, args ...string) {
	w.Helper()
	found, code := w.doctor(args...)
	ok := code == wantCode && len(found) == len(want)
	for _, n := range want {
		c, there := found[n]
		ok = ok && there && c.Fix != ""
	}
	if !ok {
		w.Errorf("exit %d, want %d; want %q, found:", code, wantCode, want)
		for n, c := range found {
			w.Errorf("  %s (%s): %s", n, c.Severity, c.Found)
		}
	}
}

func (w *ward) restart() (from int) {
	w.Helper()
	from = len(w.agentLog(0))
	if err := w.Component(realstack.Agent).Restart(w.Context()); err != nil {
		w.Fatal(err)
	}
	return from
}

// Each way in which the agent is known to fail in silence is brought about, named by
// doctor, where it can be before it happens, and ended by what doctor says to do.
func TestE2EDoctor(t *testing.T) {
	w := newWard(t)
	if err := w.StartParts(t.Context(), realstack.Agent); err != nil {
		t.Fatal(err)
	}
	w.flows()
	w.names(0, nil, "--agent", w.AgentURL())

	t.Log("a nested set")
	w.cql("CREATE TABLE shop.nested (id int PRIMARY KEY, v frozen<map<text, frozen<list<frozen<set<int>>>>>>) WITH cdc = true")
	w.names(exitFailure, []string{"CDC-7036 table shop.nested", "CDC-7031 table shop.nested"})
	w.cql("DROP TABLE shop.nested")

	t.Log("an agent that is gone")
	w.Component(realstack.Agent).Kill()
	w.names(exitUnavailable, []string{"CDC-7039 agent " + w.AgentURL()}, "--agent", w.AgentURL())
	w.restart()
	w.flows()

	t.Log("a table made together with its keyspace; one without CDC")
	w.keyspace("late")
	w.cql("CREATE TABLE late.t (id int PRIMARY KEY, v text) WITH cdc = true")
	w.cql("CREATE TABLE shop.plain (id int PRIMARY KEY)")
	w.cql("INSERT INTO late.t (id, v) VALUES (1, 'x') USING TIMESTAMP ?", old())
	w.flows()
	if w.ended("cdc.late.t") != 0 {
		t.Error("the agent saw the table after all")
	}
	plain := "CDC-7033 keyspace shop"
	w.names(exitFailure, []string{"CDC-7030 table late.t", plain})
	w.restart()
	until(t, func() string { return "no event after a restart:\n" + tail(w.agentLog(0)) }, func() bool { return w.ended("cdc.late.t") > 0 })
	w.names(0, []string{plain})
	w.cql("DROP TABLE shop.plain")

	t.Log("a user-defined type; a counter; a view; a vector")
	w.cql("CREATE TYPE shop.address (street text)")
	w.cql("CREATE TABLE shop.homes (id int PRIMARY KEY, v frozen<address>) WITH cdc = true")
	w.cql("CREATE TABLE shop.hits (id int PRIMARY KEY, n counter) WITH cdc = true")
	w.cql("CREATE TABLE shop.dots (id int PRIMARY KEY, v vector<float, 3>)")
	w.cql("CREATE MATERIALIZED VIEW shop.by_v AS SELECT * FROM shop.users WHERE v IS NOT NULL AND id IS NOT NULL PRIMARY KEY (v, id)")
	w.names(exitConfig, []string{
		"CDC-7037 table shop.homes", "CDC-7031 table shop.homes", "CDC-7038 table shop.dots", "CDC-7033 keyspace shop",
		"CDC-3006 tables", "CDC-3006 table shop.hits", "CDC-3006 table shop.users",
	})
	w.cql("DROP MATERIALIZED VIEW shop.by_v")
	from := w.restart()
	until(t, func() string { return tail(w.agentLog(from)) }, func() bool { return strings.Contains(w.agentLog(from), "proceeding without schema metadata") })
	w.cql("DROP TABLE shop.hits")
	w.cql("DROP TABLE shop.dots")
	w.cql("DROP TABLE shop.homes")
	w.cql("DROP TYPE shop.address")

	t.Log("a case-sensitive keyspace")
	w.keyspace(`"Mixed"`)
	w.cql(`CREATE TABLE "Mixed".t (id int PRIMARY KEY) WITH cdc = true`)
	w.names(exitFailure, []string{`CDC-7035 keyspace "Mixed"`})
	from = w.restart()
	until(t, func() string { return tail(w.agentLog(from)) }, func() bool { return strings.Contains(w.agentLog(from), "No value present") })
	w.names(exitFailure, []string{`CDC-7035 keyspace "Mixed"`}, "--agent", w.AgentURL()) // which says that it is well
	w.cql(`ALTER TABLE "Mixed".t WITH cdc = false`)
	w.restart()
	w.flows()
	w.names(0, nil)
}
