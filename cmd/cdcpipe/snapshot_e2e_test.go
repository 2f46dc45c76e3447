//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
)

// A copying is a real Cassandra with tables whose rows no event tells of, a pipeline's
// file, and the program.
type copying struct {
	testing.TB
	*gocql.Session
	bin, dir string
	stack    *realstack.Stack
}

func newCopying(t testing.TB, rows int, parts ...realstack.Part) *copying {
	t.Helper()
	c := &copying{TB: t, bin: program(t), dir: scratch(t)}
	var err error
	if c.stack, err = realstack.Start(t.Context(), realstack.Config{Dir: c.dir, Parts: parts, Runner: containers.FromEnv()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stack.Stop(context.Background()) })
	cluster := gocql.NewCluster("127.0.0.1")
	cluster.Port, cluster.Timeout, cluster.ProtoVersion = c.stack.Ports().Cassandra, 30*time.Second, 5
	if c.Session, err = cluster.CreateSession(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.do("CREATE KEYSPACE snap WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	c.do("CREATE TABLE snap.plain (p int, c int, a text, b decimal, d bigint, PRIMARY KEY (p, c))")
	c.do("CREATE TABLE snap.mixed (p int, c text, s text STATIC, l list<text>, m map<text, int>, a text, PRIMARY KEY (p, c))")
	c.many(rows, func(i int) (string, []any) {
		if i%3 == 0 {
			return "INSERT INTO snap.mixed (p, c, s, l, m, a) VALUES (?, ?, 's', ['x', 'y'], {'k': 1}, 'old') USING TTL 86400", []any{i / 30, strconv.Itoa(i % 30)}
		}
		return "INSERT INTO snap.plain (p, c, a, b, d) VALUES (?, ?, 'old', 1.50, 7)", []any{i / 30, i % 30}
	})
	c.do("ALTER TABLE snap.plain WITH cdc = true")
	c.do("ALTER TABLE snap.mixed WITH cdc = true")
	outlet := fmt.Sprintf("{use: postgres, with: {dsn: %q}}", c.stack.DSN())
	file := fmt.Sprintf(`version: 1
name: snap
schema: {cassandra: {hosts: ["127.0.0.1"], port: %d, keyspaces: [snap]}}
source: {use: kafka, with: {brokers: [%q], topic_patterns: ['cdc\.snap\..*'], group: snap, metadata_max_age: 1s}}
stages:
  - decode
  - hydrate
  - validate
  - schema_check
  - {use: batch, with: {records: 2000, every: 50ms}}
sink: %s
outlets: {dead_letter: %[3]s, invalid: %[3]s, stale: %[3]s}
admin: {listen: ""}
`, c.stack.Ports().Cassandra, c.stack.KafkaAddr(), outlet)
	if err := os.WriteFile(c.file(), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *copying) file() string { return filepath.Join(c.dir, "snap.yaml") }

func (c *copying) do(stmt string) {
	c.Helper()
	if err := c.Query(stmt).Exec(); err != nil {
		c.Fatalf("%s: %v", stmt, err)
	}
}

func (c *copying) many(n int, stmt func(i int) (string, []any)) {
	c.Helper()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				s, args := stmt(i)
				if err := c.Query(s, args...).Exec(); err != nil {
					c.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// sql changes at least one row.
func (c *copying) sql(sql string) {
	c.Helper()
	if c.exec(sql) == 0 {
		c.Fatalf("%s: changes nothing", sql)
	}
}

func (c *copying) exec(sql string) (rows int64) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.stack.DSN())
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(context.Background())
	tag, err := conn.Exec(c.Context(), sql)
	if err != nil {
		c.Fatalf("%s: %v", sql, err)
	}
	return tag.RowsAffected()
}

func (c *copying) count(sql string) (n int) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.stack.DSN())
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(c.Context(), sql).Scan(&n)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42P01" {
		return 0 // nothing is there yet
	}
	if err != nil {
		c.Fatalf("%s: %v", sql, err)
	}
	return n
}

// call runs the program. It is told to stop as soon as enough says so, if that is given.
func (c *copying) call(enough func() bool, args ...string) (code int, stdout string) {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), c.bin, append(args, "-f", c.file(), "-o", "json")...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	if enough != nil {
		for !enough() {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-c.Context().Done():
				c.Fatal(c.Context().Err())
			}
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	_ = cmd.Wait() // the code tells
	if code = cmd.ProcessState.ExitCode(); code != 0 {
		c.Logf("%v: exit %d\n%s", args, code, errs.String())
	}
	return code, out.String()
}

func decoded[T any](t testing.TB, s string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

// While the stream runs and Cassandra is written, a snapshot that is stopped and gone
// on with makes the replica equal; what is damaged then is found and healed.
func TestE2ESnapshotAndVerify(t *testing.T) {
	const rows = 3000
	c := newCopying(t, rows, realstack.Kafka, realstack.Cassandra, realstack.Postgres)
	if err := c.stack.Component(realstack.Agent).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream := exec.CommandContext(t.Context(), c.bin, "run", "-f", c.file())
	stream.Stderr = os.Stderr
	if err := stream.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stream.Process.Signal(syscall.SIGTERM)
		if err := stream.Wait(); err != nil {
			t.Error(err)
		}
	}()

	writing, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		for i := 0; writing.Err() == nil; i++ {
			p, k := r.IntN(rows/30), r.IntN(30)
			var err error
			switch r.IntN(6) {
			case 0:
				err = c.Query("DELETE FROM snap.plain WHERE p = ? AND c = ?", p, k).Exec()
			case 1:
				err = c.Query("UPDATE snap.mixed SET l = l + ['z'], m['n'] = ? WHERE p = ? AND c = ?", i, p, strconv.Itoa(k)).Exec()
			case 2:
				// A static value that is written alone has no event.
				err = c.Query("INSERT INTO snap.mixed (p, c, s) VALUES (?, ?, ?)", p, strconv.Itoa(k), strconv.Itoa(i)).Exec()
			case 3:
				err = c.Query("DELETE FROM snap.mixed WHERE p = ? AND c = ?", p, strconv.Itoa(k)).Exec()
			default:
				err = c.Query("INSERT INTO snap.plain (p, c, a, d) VALUES (?, ?, 'new', ?)", p, k, i).Exec()
			}
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-writing.Done():
			}
		}
	})
	defer func() {
		stop()
		wg.Wait()
	}()

	code, out := c.call(func() bool {
		return c.count(`SELECT count(*) FROM cdcpipe._cdc_offsets WHERE pipeline = 'snap-snapshot'`) > 0
	}, "snapshot", "--rate", "300")
	if s := decoded[snapshotSummary](t, out); code != exitTemporary || s.Complete || s.Rows == 0 {
		t.Errorf("stopped: exit %d, %+v", code, s)
	}
	code, out = c.call(nil, "snapshot")
	if s := decoded[snapshotSummary](t, out); code != 0 || !s.Complete || s.Resumed == 0 {
		t.Errorf("gone on with: exit %d, %+v", code, s)
	}
	code, out = c.call(nil, "verify", "--settle", "30s")
	if s := decoded[verifySummary](t, out); code != 0 || !s.Equal {
		t.Fatalf("with writes going on: exit %d\n%s", code, out)
	}
	stop()
	wg.Wait()
	code, out = c.call(nil, "verify", "--settle", "30s")
	if s := decoded[verifySummary](t, out); code != 0 || !s.Equal {
		t.Fatalf("at rest: exit %d\n%s", code, out)
	}

	const one = ` WHERE ctid = (SELECT ctid FROM snap__cdc.%s__base WHERE "a" IS NOT NULL AND "$del" IS NULL ORDER BY p, c OFFSET %d LIMIT 1)`
	damage := []struct{ table, sql string }{
		{"plain", `UPDATE snap__cdc.plain__base SET a = 'damaged'`}, {"plain", `UPDATE snap__cdc.plain__base SET "a$ts" = "a$ts" - 1`},
		{"plain", `DELETE FROM snap__cdc.plain__base`}, {"plain", `UPDATE snap__cdc.plain__base SET "$del" = 4000000000000000`},
		{"plain", `UPDATE snap__cdc.plain__base SET b = 9`}, {"mixed", `UPDATE snap__cdc.mixed__base SET "a$x" = "a$x" + 50`},
		{"mixed", `UPDATE snap__cdc.mixed__base SET "a$wt" = 1`}, {"mixed", `UPDATE snap__cdc.mixed__base SET l = '[]'`},
		{"mixed", `DELETE FROM snap__cdc.mixed__base`},
	}
	for i, d := range damage {
		c.sql(d.sql + fmt.Sprintf(one, d.table, 20*i))
	}
	c.sql(`UPDATE snap__cdc.mixed__part SET s = 'damaged' WHERE p = (SELECT max(p) FROM snap__cdc.mixed__part WHERE s IS NOT NULL)`)
	c.sql(`INSERT INTO snap__cdc.plain__base (p, c, "$ck", a, "a$ts") SELECT 999999, c, "$ck", 'x', 9 FROM snap__cdc.plain__base LIMIT 1`)
	for i, want := range []int64{11, 11, 0} {
		args := []string{"verify", "--settle", "2s"}
		if i == 1 {
			args = append(args, "--repair")
		}
		code, out = c.call(nil, args...)
		s := decoded[verifySummary](t, out)
		var differing int64
		for _, r := range s.Tables {
			differing += r.Differing
		}
		if differing != want || (code == 0) != (i > 0) {
			t.Errorf("call %d: exit %d, %d rows differ, want %d\n%s", i, code, differing, want, out)
		}
	}
}
