package verify_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/verify"
	"cdcpipe/sinks/postgres"
)

// A lab is a table in Cassandra and its replica.
type lab struct {
	testing.TB
	*truth
	conn *pgx.Conn
	sink *postgres.Sink
	base string // the schema behind
}

func newLab(t testing.TB, keyspace, cql string, facts bool) *lab {
	t.Helper()
	s, err := cdc.ParseCQL(strings.Replace(cql, "k.", keyspace+".", 1))
	if err != nil {
		t.Fatal(err)
	}
	table := s.Tables()[0]
	if facts {
		table = table.OfFacts()
	}
	l := &lab{TB: t, truth: newTruth(table), base: keyspace + "__cdc"}
	if l.sink, err = postgres.New(postgres.Config{DSN: server.DSN()}, "test", []*cdc.Table{table}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if err := l.sink.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.sink.Close(context.Background()) })
	if l.conn, err = pgx.Connect(t.Context(), server.DSN()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.conn.Close(context.Background()) })
	return l
}

func (l *lab) write(ctx context.Context, cs ...*cdc.Change) ([]int, error) {
	b := pipeline.NewBatch[*cdc.Change](len(cs))
	for i, c := range cs {
		b.Append(pipeline.Header{Partition: "t", Offset: int64(i), Key: c.Hash()}, c)
	}
	return nil, l.sink.Write(ctx, b.Records)
}

// copied gives the replica everything that Cassandra has.
func (l *lab) copied() {
	l.Helper()
	var cs []*cdc.Change
	for _, r := range l.read(func([]cdc.Value) bool { return true }) {
		cs = append(cs, r.Change(l.table, 1000))
	}
	if _, err := l.write(l.Context(), cs...); err != nil {
		l.Fatal(err)
	}
}

// verify compares, and returns what differs, one per line.
func (l *lab) verify(repair bool) (found []string, r verify.Result) {
	l.Helper()
	cfg := verify.Config{Settle: time.Millisecond, Found: func(d verify.Difference) {
		found = append(found, strings.Join(strings.Fields(d.Key+" "+d.Column+" "+d.What), " "))
	}}
	if repair {
		cfg.Repair = func(ctx context.Context, cs []*cdc.Change) ([]int, error) { return l.write(ctx, cs...) }
	}
	r, err := verify.Table(l.Context(), cfg, l.truth, l.sink, l.table, l.table)
	if err != nil {
		l.Fatal(err)
	}
	slices.Sort(found)
	return found, r
}

func (l *lab) exec(sql string) {
	l.Helper()
	tag, err := l.conn.Exec(l.Context(), strings.ReplaceAll(sql, "@", l.base+"."))
	if err != nil || tag.RowsAffected() != 1 {
		l.Fatalf("%s: %v, %v", sql, tag, err)
	}
}

const soon = 4_000_000_000 // an expiry to come

func number(n int32) cdc.Value { return cdc.AppendInt32(nil, n) }

func decimal(s string) cdc.Value {
	v, err := cdc.AppendDecimalText(nil, []byte(s))
	if err != nil {
		panic(err)
	}
	return v
}

// shop fills Cassandra with three partitions of three rows each.
func (l *lab) shop() {
	for p := range int32(3) {
		l.put(cdc.Reading{Key: []cdc.Value{number(p)}, Cells: []cdc.Cell{{Column: 2, Stamp: cdc.Stamp{Time: 50}, Value: cdc.Value("s")}}})
		for c := range int32(3) {
			cells := []cdc.Cell{
				{Column: 3, Stamp: cdc.Stamp{Time: 100}, Value: cdc.Value("a")},
				{Column: 4, Stamp: cdc.Stamp{Time: 101, Class: soon}, Value: decimal("1.50")},
			}
			if c == 2 {
				cells = cells[:1]
			}
			l.put(cdc.Reading{Key: []cdc.Value{number(p), number(c)}, Cells: cells})
		}
	}
}

const parts = "CREATE TABLE k.t (p int, c int, s text STATIC, a text, b decimal, PRIMARY KEY (p, c))"

// Whatever is done to the replica is found, completely, and healed.
func TestCorruption(t *testing.T) {
	t.Parallel()
	for _, facts := range []bool{true, false} {
		keyspace := map[bool]string{true: "facts", false: "claims"}[facts]
		t.Run(keyspace, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, keyspace, parts, facts)
			l.shop()
			l.copied()
			if found, r := l.verify(false); len(found) > 0 || r.Rows != 12 || r.Suspects != 0 {
				t.Fatalf("of a copy: %q, %+v", found, r)
			}
			times := "$ts"
			if facts {
				times = "$wt"
			}
			l.exec(`UPDATE @t__base SET a = 'b' WHERE p = 0 AND c = 0`)
			l.exec(`UPDATE @t__base SET "a` + times + `" = 99 WHERE p = 0 AND c = 1`)
			l.exec(`UPDATE @t__base SET "b$x" = "b$x" + 2 WHERE p = 1 AND c = 0`)
			l.exec(`UPDATE @t__base SET b = 1.51 WHERE p = 1 AND c = 1`)
			l.exec(`DELETE FROM @t__base WHERE p = 0 AND c = 2`)
			l.exec(`UPDATE @t__base SET "$del" = 5000 WHERE p = 1 AND c = 2`)
			l.exec(`INSERT INTO @t__base (p, c, "$ck", a, "a$ts") SELECT 7, c, "$ck", 'x', 9 FROM @t__base WHERE p = 2 AND c = 0`)
			l.exec(`UPDATE @t__base SET b = 2, "b$raw" = '\x0000000002', "b$ts" = 103 WHERE p = 2 AND c = 2`)
			l.exec(`UPDATE @t__part SET s = 't' WHERE p = 1`)
			l.exec(`DELETE FROM @t__part WHERE p = 2`)
			want := []string{
				"p = 0 AND c = 0 a value", "p = 0 AND c = 1 a write time", "p = 0 AND c = 2 missing row",
				"p = 1 AND c = 0 b expiry", "p = 1 AND c = 1 b stored form", "p = 1 AND c = 2 missing row", "p = 1 s value",
				"p = 2 AND c = 2 b value", "p = 2 s value", "p = 7 AND c = 0 extra row",
			}
			if found, r := l.verify(false); !slices.Equal(found, want) || r.Repaired != 0 {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
			}
			if found, r := l.verify(true); !slices.Equal(found, want) || r.Repaired != int64(len(want)) {
				t.Errorf("repair found\n%s\nand healed %d", strings.Join(found, "\n"), r.Repaired)
			}
			if found, r := l.verify(false); len(found) > 0 {
				t.Errorf("after the repair: %q, %+v", found, r)
			}
		})
	}
}

// A row that lives on in the replica, deleted in Cassandra, goes; one that was made
// without a marker does not come to have one.
func TestResurrectedRow(t *testing.T) {
	t.Parallel()
	l := newLab(t, "risen", "CREATE TABLE k.t (p text PRIMARY KEY, a text)", false)
	l.put(cdc.Reading{Key: []cdc.Value{cdc.Value("there")}, Cells: []cdc.Cell{{Column: 1, Stamp: cdc.Stamp{Time: 5}, Value: cdc.Value("a")}}})
	l.put(cdc.Reading{Key: []cdc.Value{cdc.Value("gone")}})
	l.copied()
	clear(l.rows)
	l.put(cdc.Reading{Key: []cdc.Value{cdc.Value("there")}, Cells: []cdc.Cell{{Column: 1, Stamp: cdc.Stamp{Time: 5}, Value: cdc.Value("a")}}})
	if found, _ := l.verify(true); !slices.Equal(found, []string{"p = gone extra row"}) {
		t.Errorf("found %q", found)
	}
	if found, _ := l.verify(false); len(found) > 0 {
		t.Errorf("after the repair: %q", found)
	}
}

// What follows is no difference: the replica has moved by the second reading.
func TestWhatFollowsIsNoDifference(t *testing.T) {
	t.Parallel()
	l := newLab(t, "moving", parts, true)
	l.shop()
	l.copied()
	newer := func(v string, at int64) cdc.Reading {
		return cdc.Reading{Key: []cdc.Value{number(0), number(0)}, Cells: []cdc.Cell{{Column: 3, Stamp: cdc.Stamp{Time: at}, Value: cdc.Value(v)}}}
	}
	l.put(newer("b", 200))
	found := 0
	behind := newer("b", 200)
	cfg := verify.Config{Settle: time.Millisecond, Found: func(verify.Difference) { found++ }}
	follows := &following{Sink: l.sink, hold: func() {
		if _, err := l.write(t.Context(), behind.Change(l.table, time.Now().UnixMicro())); err != nil {
			t.Error(err)
		}
		l.put(newer("c", 300)) // and Cassandra goes on
	}}
	r, err := verify.Table(t.Context(), cfg, l.truth, follows, l.table, l.table)
	if err != nil || r.Suspects == 0 || found > 0 {
		t.Errorf("got %+v, %d found, %v", r, found, err)
	}
}

// following calls hold before the second reading.
type following struct {
	*postgres.Sink
	holds int
	hold  func()
}

func (f *following) Hold(ctx context.Context, t *cdc.Table, hs []*cdc.Held) error {
	if f.holds++; f.holds == 2 {
		f.hold()
	}
	return f.Sink.Hold(ctx, t, hs)
}

// More than fits is said, not tried.
func TestBounds(t *testing.T) {
	t.Parallel()
	l := newLab(t, "bounds", parts, true)
	l.shop()
	if _, err := verify.Table(t.Context(), verify.Config{Rows: 2}, l.truth, l.sink, l.table, l.table); err == nil || !strings.Contains(err.Error(), "more than the 2") {
		t.Errorf("got %v", err)
	}
	r, err := verify.Table(t.Context(), verify.Config{Rows: 4, Limit: 1, Settle: time.Millisecond}, l.truth, l.sink, l.table, l.table)
	if err != nil || !r.Truncated || r.Differing == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	hashed := verify.Config{Map: func(c *cdc.Change) (*cdc.Change, error) {
		d := *c
		d.Key = append([]cdc.Value{number(99)}, c.Key[1:]...)
		return &d, nil
	}}
	if _, err := verify.Table(t.Context(), hashed, l.truth, l.sink, l.table, l.table); err == nil || !strings.Contains(err.Error(), "hash") {
		t.Errorf("got %v", err)
	}
	broken := errors.New("broken")
	failing := verify.Config{Map: func(*cdc.Change) (*cdc.Change, error) { return nil, broken }}
	if _, err := verify.Table(t.Context(), failing, l.truth, l.sink, l.table, l.table); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
