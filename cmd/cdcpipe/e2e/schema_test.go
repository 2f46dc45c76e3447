//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// schemaTables are altered, dropped and made anew.
func schemaTables() (stmts []string) {
	for _, ks := range []string{needed, always, never} {
		stmts = append(stmts, "CREATE TABLE "+ks+".altered (k int PRIMARY KEY, a int, b text) WITH cdc = true")
	}
	return append(stmts,
		"CREATE TABLE needed.anew (k int PRIMARY KEY, a int) WITH cdc = true",
		"CREATE TABLE needed.rekeyed (k int PRIMARY KEY, a int) WITH cdc = true",
		"CREATE TABLE needed.topicless (k int PRIMARY KEY, a int) WITH cdc = true",
		"CREATE TABLE needed.silent (k int PRIMARY KEY, a int)",
		"CREATE TABLE needed.counted (k int PRIMARY KEY, n counter)",
		"CREATE MATERIALIZED VIEW needed.viewed AS SELECT * FROM needed.altered WHERE k IS NOT NULL AND a IS NOT NULL PRIMARY KEY (a, k)",
	)
}

// do executes statements.
func (l *lab) do(t *testing.T, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if err := l.exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// agentSees executes a statement of DDL, and waits until the agent has logged that it
// knows: what is written earlier with a new column it loses.
func (l *lab) agentSees(t *testing.T, ddl string, words ...string) {
	t.Helper()
	path := l.Component(realstack.Agent).LogFile()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	l.do(t, ddl)
	err = until(t.Context(), 30*time.Second, func() (bool, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		for line := range strings.Lines(string(b[before.Size():])) {
			found := true
			for _, w := range words {
				found = found && strings.Contains(line, w)
			}
			if found {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("%s: the agent does not say that it knows: %v\n%s", ddl, err, tail(path, 20))
	}
}

// A column that is added while rows are written is in the replica.
func TestAddedColumn(t *testing.T) {
	for _, ks := range []string{needed, always, never} {
		t.Run(ks, func(t *testing.T) {
			history := []string{
				fmt.Sprintf("INSERT INTO %s.altered (k, a, b) VALUES (1, 1, 'one')", ks),
				fmt.Sprintf("INSERT INTO %s.altered (k, a, b) VALUES (2, 1, 'two')", ks),
			}
			the.do(t, history...)
			the.agentSees(t, "ALTER TABLE "+ks+".altered ADD c text", ks+".altered")
			more := []string{
				fmt.Sprintf("INSERT INTO %s.altered (k, a, c) VALUES (3, 1, 'three')", ks),
				fmt.Sprintf("UPDATE %s.altered SET c = 'c' WHERE k = 1", ks),
				fmt.Sprintf("UPDATE %s.altered SET b = null WHERE k = 2", ks),
			}
			the.do(t, more...)
			the.equal(t, the.table(t, ks, "altered"), func(string) []string { return append(history, more...) })
		})
	}
}

// A table that is dropped and made anew with a column of another type, or another key,
// stops nothing. The agent has to be restarted, or it sends nothing of the new table;
// what then cannot be merged into the replica that there is, is put aside with a code
// that says so.
func TestTableMadeAnew(t *testing.T) {
	the.do(t, "INSERT INTO needed.anew (k, a) VALUES (1, 1)", "INSERT INTO needed.rekeyed (k, a) VALUES (1, 1)")
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	the.do(t, "DROP TABLE needed.anew", "CREATE TABLE needed.anew (k int PRIMARY KEY, a text) WITH cdc = true",
		"DROP TABLE needed.rekeyed", "CREATE TABLE needed.rekeyed (k int, c int, a int, PRIMARY KEY (k, c)) WITH cdc = true")
	agentRestarts(t)
	the.do(t, "INSERT INTO needed.anew (k, a) VALUES (2, 'two')", "INSERT INTO needed.rekeyed (k, c, a) VALUES (2, 2, 2)")
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for table, code := range map[string]string{"anew": "CDC-3001", "rekeyed": "CDC-3002"} {
		letters, err := the.letters(t.Context(), needed, table)
		if err != nil || len(letters) == 0 || !strings.HasPrefix(letters[0], code) {
			t.Errorf("%s: want a letter with %s: %q, %v", table, code, letters, err)
		}
	}
}

// A topic that is deleted stops the pipeline, which says so: what was in it is gone.
// With on_lost_offset it goes on, and the replica is exact if nothing was unread.
func TestTopicDeleted(t *testing.T) {
	topic := the.Topic(needed, "topicless")
	the.do(t, "INSERT INTO needed.topicless (k, a) VALUES (1, 1)")
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := the.pipe.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := the.kafka.DeleteTopics(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	the.do(t, "INSERT INTO needed.topicless (k, a) VALUES (2, 2)")
	err := until(t.Context(), time.Minute, func() (bool, error) { // the agent makes it anew
		ends, err := the.kafka.ListEndOffsets(context.WithoutCancel(t.Context()), topic)
		n := int64(0)
		for _, o := range ends[topic] {
			n += max(0, o.Offset)
		}
		return n == 1, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := the.pipe.restart(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-the.pipe.ended:
	case <-time.After(time.Minute):
		t.Errorf("the pipeline goes on:\n%s", tail(the.pipe.log, 10))
		the.pipe.kill()
	}
	if the.pipe.err == nil || !the.pipe.logged("CDC-7004") {
		t.Errorf("ended with %v:\n%s", the.pipe.err, tail(the.pipe.log, 10))
	}
	text, err := os.ReadFile(the.pipe.file)
	if err != nil {
		t.Fatal(err)
	}
	on := strings.Replace(string(text), "metadata_max_age", "on_lost_offset: earliest\n    metadata_max_age", 1)
	if err := os.WriteFile(the.pipe.file, []byte(on), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := the.pipe.restart(); err != nil {
		t.Fatal(err)
	}
	// Rows in every partition: one without has its old offset on record still, which
	// names the topic that is gone.
	for k := range 40 {
		the.do(t, fmt.Sprintf("INSERT INTO needed.topicless (k, a) VALUES (%d, %d)", k, k))
	}
	the.equal(t, the.table(t, needed, "topicless"), func(string) []string { return nil })
	if err := the.pipe.stop(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(the.pipe.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := the.pipe.restart(); err != nil {
		t.Fatal(err)
	}
}

// Tables without events have none, and are no part of the replica.
func TestTablesWithoutEvents(t *testing.T) {
	the.do(t, "INSERT INTO needed.silent (k, a) VALUES (1, 1)", "UPDATE needed.counted SET n = n + 1 WHERE k = 1",
		"INSERT INTO needed.altered (k, a) VALUES (99, 99)")
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"silent", "counted", "viewed"} {
		var exists bool
		if err := the.pg.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", "needed."+table).Scan(&exists); err != nil || exists {
			t.Errorf("%s: in the replica %v, %v", table, exists, err)
		}
		letters, err := the.letters(t.Context(), needed, table)
		if err != nil || len(letters) != 0 {
			t.Errorf("%s: %q, %v", table, letters, err)
		}
	}
}
