package stages_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/stages"
)

const parts = `CREATE TABLE shop.parts (p int, c int, s text STATIC, a int, b text, PRIMARY KEY (p, c))`
const plain = `CREATE TABLE shop.plain (p int, c int, a int, b text, PRIMARY KEY (p, c))`

// A workload says what batches hold.
type workload int

const (
	inOrder   workload = iota // one statement each, later than all before; no row is deleted
	rewritten                 // statements of one write time, or a row deleted and inserted anew later
	mixed                     // statements of any write times, null among the values
)

// A script draws batches of statements and makes of them the events that
// Debezium's agent makes, with all that they lose.
type script struct {
	*rapid.T
	table *cdc.Table
	kind  workload
	times []int64 // of the batches to come
}

func (s script) int(what string, low, high int64) int64 {
	return rapid.Int64Range(low, high).Draw(s.T, what)
}

// cells draws what a statement writes, with a TTL or without, and the class of its
// marker.
func (s script) cells(ts int64) (cells []cdc.Cell, class int64) {
	ttl := cdc.Live
	if s.int("ttl", 0, 3) == 0 {
		ttl = present + 1000
	}
	for i := s.table.Key; i < len(s.table.Columns); i++ {
		x := cdc.Cell{Column: int32(i), Stamp: cdc.Stamp{Time: ts, Class: ttl}, Value: cdc.Value(strconv.FormatInt(s.int("value", 0, 2), 10))}
		if s.table.Columns[i].Type.Kind == cdc.Int {
			x.Value = num(int32(s.int("value", 0, 2)))
		}
		switch k := s.int("cell", 0, 3); {
		case k == 0 && s.kind == mixed:
			x.Class, x.Value = cdc.Tombstone, nil
		case k == 1:
			continue
		case s.table.Columns[i].Role == cdc.Regular:
			class = ttl
		}
		cells = append(cells, x)
	}
	return cells, class
}

// statement draws one statement about partition p.
func (s script) statement(p int32, ts int64) *cdc.Change {
	t := s.table
	c := &cdc.Change{Table: t, Time: ts, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{num(p)}}
	bound := func() []byte {
		if n := s.int("bound", -1, 3); n >= 0 {
			return t.AppendBound(nil, []cdc.Value{num(int32(n))}, s.int("after", 0, 1) == 1)
		}
		return nil
	}
	switch k := s.int("op", 0, 9); {
	case k == 0:
		c.Op, c.Deleted = cdc.DeletePartition, ts
		return c
	case k == 1:
		c.Op, c.Deleted, c.Bounds = cdc.DeleteRange, ts, cdc.Bounds{Low: bound(), High: bound()}
		return c
	case k < 4 && s.kind != inOrder:
		c.Op, c.Deleted = cdc.DeleteRow, ts
	case k < 7:
		c.Op = cdc.Insert
	default:
		c.Op = cdc.Update
	}
	c.Key = append(c.Key, num(int32(s.int("c", 0, 2))))
	c.Clustering = t.AppendClustering(nil, c.Key[1:])
	if c.Op == cdc.DeleteRow {
		return c
	}
	var class int64
	c.Cells, class = s.cells(ts)
	if c.Op == cdc.Insert {
		c.Marker = cdc.Stamp{Time: ts, Class: class}
	}
	return c
}

// rewrite draws a batch that deletes a row and inserts it anew a little later. Its
// event is the deletion, with the time of the insert.
func (s script) rewrite(p int32, ts int64) (statements, events []*cdc.Change) {
	key := []cdc.Value{num(p), num(int32(s.int("c", 0, 2)))}
	d := &cdc.Change{Table: s.table, Op: cdc.DeleteRow, Time: ts, Key: key, Clustering: s.table.AppendClustering(nil, key[1:]), Marker: cdc.Unwritten(), Deleted: ts}
	n := *d
	n.Op, n.Time, n.Marker, n.Deleted = cdc.Insert, ts+1, cdc.Stamp{Time: ts + 1}, cdc.NoTime
	n.Cells, n.Marker.Class = s.cells(ts + 1)
	e := *d
	e.Time, e.Deleted = ts+1, ts+1
	return []*cdc.Change{d, &n}, []*cdc.Change{&e}
}

// batch draws statements about one partition, and their events.
func (s *script) batch() (statements, events []*cdc.Change) {
	p, ts := int32(s.int("p", 0, 1)), s.times[0]
	s.times = s.times[1:]
	high := ts
	if s.kind == rewritten && s.int("rewrite", 0, 4) == 0 {
		return s.rewrite(p, ts)
	}
	n := s.int("statements", 1, 3)
	if s.kind == inOrder {
		n = 1
	}
	for range n {
		at := ts
		if s.kind == mixed {
			at = s.int("time", 1, 40)
			high = max(high, at)
		}
		statements = append(statements, s.statement(p, at))
	}
	rows := map[string]int{}
	for _, c := range statements {
		if !c.Row() {
			e := *c
			e.Time, e.Deleted = high, high
			events = append(events, &e)
			continue
		}
		i, known := rows[string(c.Clustering)]
		if !known {
			i = len(events)
			rows[string(c.Clustering)] = i
			e := &cdc.Change{Table: s.table, Op: cdc.Update, Time: high, Key: c.Key, Clustering: c.Clustering, Marker: cdc.Unwritten(), Deleted: cdc.NoTime}
			events = append(events, e)
		}
		e := events[i]
		if e.Op == cdc.DeleteRow {
			continue // what else the batch has for the row is lost
		}
		if c.Op == cdc.DeleteRow {
			e.Op, e.Deleted, e.Marker, e.Cells = cdc.DeleteRow, high, cdc.Unwritten(), nil
			continue
		}
		row := cdc.Row{Marker: e.Marker, Deleted: cdc.NoTime, Cells: e.Cells}
		row.Merge(c)
		if e.Marker = row.Marker; e.Marker.Written() {
			e.Op, e.Marker.Time = cdc.Insert, high
		}
		e.Cells = slices.Clone(row.Cells)
		for i := range e.Cells {
			e.Cells[i].Time = high
		}
	}
	return statements, events
}

// converge runs scripts through a stage, whose reads come at any time after the
// statement, and whose events come in any order, some twice; those of the workload
// inOrder in theirs, again and again.
func converge(t *testing.T, tbl *cdc.Table, mode string, kind workload, later ...int64) {
	rapid.Check(t, func(rt *rapid.T) {
		s := script{T: rt, table: tbl, kind: kind}
		for i := range int64(8) {
			s.times = append(s.times, 2*i+1)
		}
		if kind != inOrder {
			s.times = rapid.Permutation(s.times).Draw(rt, "times")
		}
		truth := newKeeper(tbl)
		st, err := stages.NewHydrate(stages.HydrateConfig{Mode: mode, Concurrency: 4, MaxRows: 100}, truth, cdc.NewCatalog(nil, tbl))
		if err != nil {
			rt.Fatal(err)
		}
		var history []string
		var pending, told []*cdc.Change
		deliver := func(n int) {
			if kind != inOrder {
				pending = rapid.Permutation(pending).Draw(rt, "order")
			}
			told = append(told, run(t, st, int(s.int("batch", 1, 5)), pending[:n]...).out...)
			pending = pending[n-int(s.int("again", 0, int64(n))):]
		}
		for range s.int("batches", 1, 8) {
			statements, events := s.batch()
			truth.apply(statements...)
			for _, c := range statements {
				history = append(history, fmt.Sprintf("%s @%d %s", c.Op, c.Time, show(c)))
			}
			if pending = append(pending, events...); len(pending) > 0 && s.int("deliver", 0, 1) == 1 {
				deliver(int(s.int("some", 1, int64(len(pending)))))
			}
		}
		if len(pending) > 0 {
			told = append(told, run(t, st, 3, pending...).out...)
		}
		replica := newKeeper(tbl)
		replica.apply(rapid.Permutation(told).Draw(rt, "merged")...)
		replica.apply(told[:int(s.int("twice", 0, int64(len(told))))]...)
		for _, now := range later {
			replica.now, truth.now = now, now
			if got, want := answers(replica), answers(truth); !slices.Equal(got, want) {
				rt.Fatalf("at %d replica has\n%s\nwant\n%s\nafter\n%s", now, strings.Join(got, "\n"), strings.Join(want, "\n"), strings.Join(history, "\n"))
			}
		}
	})
}

// answers writes what a keeper would answer, with the write time that Cassandra has.
func answers(k *keeper) (lines []string) {
	for _, r := range k.all() {
		line := show(&cdc.Change{Table: k.table, Key: r.Key, Cells: r.Cells})
		for _, x := range r.Cells {
			ts := x.Time
			if x.Origin != 0 {
				ts = x.Origin
			}
			line += fmt.Sprintf(" %d/%d", ts, x.Class)
		}
		lines = append(lines, line)
	}
	return lines
}

// Events whose write times are too high and that lack half of what happened end in
// exactly what Cassandra answers, in any order.
func TestHydratedTableEqualsCassandra(t *testing.T) {
	t.Parallel()
	converge(t, table(t, parts), stages.HydrateAlways, mixed, present)
}

func TestHydratedDeletions(t *testing.T) {
	t.Parallel()
	converge(t, table(t, plain), stages.HydrateWhenNeeded, rewritten, present)
}

// What expires after it was read leaves the row if it has a marker, and takes the
// row with it if not.
func TestHydratedExpiry(t *testing.T) {
	t.Parallel()
	converge(t, table(t, plain), stages.HydrateAlways, inOrder, present, present+2000)
}
