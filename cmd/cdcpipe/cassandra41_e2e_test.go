//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cdcpipe/cmd/cdcpipe/realstack/containers"
)

// rowsOf returns the rows of a table as Cassandra writes them in JSON, and as PostgreSQL
// writes those of the replica, by their id.
func (w *ward) rowsOf(table string) (cassandra, replica map[string]any) {
	w.Helper()
	into := func(rows map[string]any, text string) {
		var row map[string]any
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			w.Fatalf("%v in %s", err, text)
		}
		id, err := json.Marshal(row["id"])
		if err != nil {
			w.Fatal(err)
		}
		rows[string(id)] = row
	}
	cassandra, replica = map[string]any{}, map[string]any{}
	var text string
	iter := w.session.Query("SELECT JSON * FROM " + table).IterContext(w.Context())
	for iter.Scan(&text) {
		into(cassandra, text)
	}
	if err := iter.Close(); err != nil {
		w.Fatal(err)
	}
	conn, err := pgx.Connect(w.Context(), w.DSN())
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(w.Context()))
	rows, err := conn.Query(w.Context(), "SELECT row_to_json(x)::text FROM "+table+" x") //nolint:rowserrcheck // ForEachRow does
	if err != nil {
		w.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&text}, func() error {
		into(replica, text)
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return cassandra, replica
}

// With Cassandra 4.1 and the agent for it: changes, expiry, collections that are read
// back, a snapshot of what no event told, and a comparison that finds nothing.
func TestE2ECassandra41(t *testing.T) {
	if containers.FromEnv() != nil {
		t.Skip("there are containers of Cassandra 5.0 alone")
	}
	w := newWardOf(t, "4.1")
	var version string
	if err := w.session.Query("SELECT release_version FROM system.local").ScanContext(t.Context(), &version); err != nil || !strings.HasPrefix(version, "4.1.") {
		t.Fatalf("version %q, %v", version, err)
	}
	w.cql("CREATE TABLE shop.rows (id int PRIMARY KEY, a text, d date, n decimal, f frozen<list<date>>, l list<int>, m map<text, int>, s set<uuid>) WITH cdc = true")
	w.cql("CREATE TABLE shop.before (id int PRIMARY KEY, a text, d date, m map<text, int>)")
	for i := range 50 {
		w.cql("INSERT INTO shop.before (id, a, d, m) VALUES (?, 'x', '2026-01-01', {'k': 1}) USING TTL 86400", i)
	}
	w.cql("ALTER TABLE shop.before WITH cdc = true")
	if err := w.agentStarts(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr watched
	ended := make(chan int, 1)
	go func() {
		var stdout bytes.Buffer
		ended <- run(ctx, []string{"cdcpipe", "run", "-f", w.file, "--admin", ""}, &stdout, &stderr)
	}()
	for _, s := range []string{
		"INSERT INTO shop.rows (id, a, d, n, f, l, m, s) VALUES (1, 'a', '1969-12-31', 1.5, ['2026-01-01'], [1, 2], {'k': 1, 'j': 2}, {00000000-0000-4000-8000-000000000001})",
		"INSERT INTO shop.rows (id, a, l) VALUES (2, 'b', [1])",
		"INSERT INTO shop.rows (id, a) VALUES (3, 'gone')",
		"INSERT INTO shop.rows (id, a) VALUES (4, 'expires') USING TTL 3",
		"INSERT INTO shop.rows (id, a, m) VALUES (5, 'stays', {'x': 1}) USING TTL 86400",
		"UPDATE shop.rows SET a = 'c', l = l + [3], m['new'] = 7, s = s + {00000000-0000-4000-8000-000000000002} WHERE id = 1",
		"UPDATE shop.rows SET m = m - {'j'}, d = null WHERE id = 1",
		"UPDATE shop.rows SET a = 'alone' WHERE id = 6",
		"DELETE l FROM shop.rows WHERE id = 2",
		"DELETE FROM shop.rows WHERE id = 3",
		"INSERT INTO shop.before (id, a) VALUES (50, 'while it runs')",
	} {
		w.cql(s)
	}
	if code, stdout, said := call(t, "snapshot", "-f", w.file, "--table", "shop.before"); code != 0 {
		t.Fatalf("snapshot: exit %d\n%s%s", code, stdout, said)
	}
	for table, rows := range map[string]int{"shop.rows": 4, "shop.before": 51} {
		var cassandra, replica map[string]any
		until(t, func() string {
			a, _ := json.Marshal(cassandra)
			b, _ := json.Marshal(replica)
			return table + ": Cassandra has\n" + string(a) + "\nthe replica\n" + string(b) + "\n" + tail(stderr.String()) + tail(w.agentLog(0))
		}, func() bool {
			if table == "shop.rows" && !strings.Contains(stderr.String(), `"`+table+`"`) {
				return false // it is not made yet; snapshot has made the other, if run has not
			}
			cassandra, replica = w.rowsOf(table)
			return len(cassandra) == rows && reflect.DeepEqual(cassandra, replica)
		})
	}
	if code, stdout, said := call(t, "verify", "-f", w.file, "--settle", "5s"); code != 0 {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, said)
	}
	cancel()
	if code := <-ended; code != exitInterrupted && code != 0 {
		t.Errorf("exit %d\n%s", code, stderr.String())
	}
}
