//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline/cdc"
)

// A script is statements about one table of its own, in which {t} stands for its
// name. Two lines are not CQL:
//
//	settle              what was written so far has come, and the replica is equal
//	none SELECT ...     that SELECT answers nothing, as it does when all has expired
type script struct {
	name   string // of the table
	types  []string
	create string // what follows CREATE TABLE {t}
	with   string // table options
	lines  []string

	// plain: events alone tell all of it, so that it needs no reading back.
	plain bool
	// mixed: events claim write times that are not those of their cells, so that all of
	// it has to be read back.
	mixed bool
}

// keyspaces returns those in which a script runs.
func (s script) keyspaces() []string {
	switch {
	case s.plain:
		return []string{needed, always, never}
	case s.mixed:
		return []string{always}
	}
	return []string{needed, always}
}

func (s script) tables() (stmts []string) {
	for _, ks := range s.keyspaces() {
		for _, u := range s.types {
			stmts = append(stmts, strings.ReplaceAll(u, "{ks}", ks))
		}
		with := ""
		if s.with != "" {
			with = s.with + " AND "
		}
		stmts = append(stmts, fmt.Sprintf("CREATE TABLE %s.%s %s WITH %scdc = true", ks, s.name, strings.ReplaceAll(s.create, "{ks}", ks), with))
	}
	return stmts
}

// tables returns the statements that make what all tests need.
func tables() []string {
	stmts := append([]string{fenceTable}, slices.Concat(loadStatements(), latencyTables, schemaTables(), udtTables())...)
	for _, k := range kinds() {
		stmts = append(stmts, k.table())
	}
	for _, s := range scripts() {
		stmts = append(stmts, s.tables()...)
	}
	return stmts
}

func scripts() []script {
	return slices.Concat(typeScripts(), rowScripts(), timeScripts(), collectionScripts(), batchScripts())
}

// What a statement does in Cassandra it does in the replica: values, write times and
// expiries are those that SELECT answers.
func TestStatements(t *testing.T) {
	for _, s := range scripts() {
		for _, ks := range s.keyspaces() {
			t.Run(s.name+"/"+ks, func(t *testing.T) {
				t.Parallel()
				the.play(t, ks, s)
			})
		}
	}
}

// play executes a script, and compares at each settle and in the end.
func (l *lab) play(t *testing.T, keyspace string, s script) {
	t.Helper()
	tbl := l.table(t, keyspace, s.name)
	var history []string
	for _, line := range append(s.lines, "settle") {
		stmt := strings.ReplaceAll(strings.ReplaceAll(line, "{ks}", keyspace), "{t}", cdc.QuoteIdent(keyspace)+"."+s.name)
		history = append(history, short(stmt))
		var err error
		switch query, waits := strings.CutPrefix(stmt, "none "); {
		case line == "settle":
			l.equal(t, tbl, func(string) []string { return history })
		case waits:
			err = until(t.Context(), 30*time.Second, func() (bool, error) {
				n := l.cql.Query(query).IterContext(t.Context()).NumRows()
				return n == 0, nil
			})
		default:
			err = l.exec(t.Context(), stmt)
		}
		if err != nil {
			t.Fatalf("%s: %v", short(stmt), err)
		}
	}
}

// table returns the definition that Cassandra has.
func (l *lab) table(t testing.TB, keyspace, name string) *cdc.Table {
	t.Helper()
	tbl, err := l.schema.LoadTable(t.Context(), keyspace, strings.Trim(name, `"`))
	if err != nil || tbl == nil {
		t.Fatalf("table %s.%s: %v, %v", keyspace, name, tbl, err)
	}
	return tbl
}

// equal waits until all that was written has come, and fails the test if the replica
// of the table differs, with the statements that concern each row.
func (l *lab) equal(t testing.TB, tbl *cdc.Table, history func(key string) []string) (rows int) {
	t.Helper()
	if err := l.settle(t.Context(), 4*time.Minute); err != nil {
		t.Fatal(err)
	}
	diffs, rows, err := l.compare(t.Context(), tbl, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	letters, err := l.letters(context.WithoutCancel(t.Context()), tbl.Keyspace, tbl.Name)
	if err != nil {
		t.Error(err)
	}
	for i, x := range letters {
		if i < 5 {
			t.Errorf("put aside: %s", x)
		}
	}
	told := map[string]bool{}
	for i, d := range diffs {
		if i == 20 {
			t.Errorf("and %d differences more", len(diffs)-i)
			break
		}
		lines := ""
		if h := history(d.key); !told[strings.Join(h, "\n")] {
			told[strings.Join(h, "\n")] = true
			lines = "\nafter\n\t" + strings.Join(h, "\n\t")
		}
		t.Errorf("%s: %s%s", tbl, d.what, lines)
	}
	return rows
}
