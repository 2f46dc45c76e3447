package postgres

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgconn"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// An audit finds the changes of a group that lost every cell to what was there
// before them: in the row, or earlier in the batch.
//
// A row with one change is judged by what it holds after the merge, which the
// merge returns of the rows that it wrote and which is read of the others. A row
// with several is read before, so that a change that only a later one of the
// batch supersedes is told from one that came late.
//
// It compares write times and expiries: a change that lost to one written at the
// very same time, by its value or as a live cell to a tombstone, is not found.
type audit struct {
	group *group
	recs  []pipeline.Record[*cdc.Change]
	out   *outcome
	next  int    // the row expected
	seen  []bool // rows that were judged
	keys  params // of rows to read
	key   params // of the row expected
	held  stamps
}

func newAudit(g *group, recs []pipeline.Record[*cdc.Change], out *outcome) *audit {
	return &audit{group: g, recs: recs, out: out, seen: make([]bool, len(g.rows))}
}

// several gives the keys of the rows with several changes.
func (a *audit) several() (*params, error) {
	return a.ask(func(_ int, r *row) bool { return len(r.changes) > 1 })
}

// rest gives the keys of the rows that were not judged.
func (a *audit) rest() (*params, error) {
	for i := range a.group.rows {
		if r := &a.group.rows[i]; len(r.changes) > 1 && !a.seen[i] {
			a.seen[i] = true // it was not there to be read
			a.held.never(len(a.group.layout.regular()))
			a.judge(r)
		}
	}
	return a.ask(func(i int, _ *row) bool { return !a.seen[i] })
}

func (a *audit) ask(which func(int, *row) bool) (*params, error) {
	a.next = 0
	a.keys.reset(&a.group.layout.stamps)
	for i := range a.group.rows {
		if r := &a.group.rows[i]; r.first != nil && which(i, r) {
			if err := a.keys.rowKey(a.group.layout, r); err != nil {
				return nil, err
			}
		}
	}
	return &a.keys, nil
}

// before judges rows with several changes by what they held before the merge.
func (a *audit) before(r *pgconn.ResultReader) {
	a.rows(r, func(r *row) bool { return len(r.changes) > 1 })
}

// after judges rows with one change by what they hold after the merge.
func (a *audit) after(r *pgconn.ResultReader) {
	a.rows(r, func(r *row) bool { return len(r.changes) == 1 })
}

// rows judges the rows that a statement returns, if they are for it. They come in
// the order in which they were sent, less some.
func (a *audit) rows(r *pgconn.ResultReader, mine func(*row) bool) {
	width := len(a.group.layout.stamps.types)
	a.next = 0
	for r.NextRow() {
		v := r.Values()
		i, ok := a.find(v[:width])
		if !ok || a.seen[i] || !mine(&a.group.rows[i]) {
			continue
		}
		a.seen[i] = true
		a.held.read(v[width:])
		a.judge(&a.group.rows[i])
	}
}

// find returns the row with that key.
func (a *audit) find(key [][]byte) (int, bool) {
	for i := a.next; i < len(a.group.rows); i++ {
		if a.matches(i, key) {
			a.next = i + 1
			return i, true
		}
	}
	for i := range a.next { // out of order after all
		if a.matches(i, key) {
			return i, true
		}
	}
	return 0, false
}

func (a *audit) matches(i int, key [][]byte) bool {
	a.key.reset(&a.group.layout.stamps)
	if a.group.rows[i].first == nil || a.key.rowKey(a.group.layout, &a.group.rows[i]) != nil {
		return false
	}
	for j := range key {
		b := a.key.arrays[j].buf
		if len(b) < arrayHead+4 || !bytes.Equal(b[arrayHead+4:], key[j]) {
			return false
		}
	}
	return true
}

// judge reports the changes of r that what is held beats, each by its turn.
func (a *audit) judge(r *row) {
	t := a.group.layout.table
	first := int32(t.Key + t.Statics)
	for _, i := range r.changes {
		c := a.recs[i].Value
		if newest, all := a.held.beat(c, first); all {
			a.out.stale(i, fault.New(fault.StaleLost, "table %s: %w", t, &letter.Late{Written: c.Time, Winner: newest}))
		}
		a.held.merge(c, first)
	}
}
