package generator

import (
	"math"

	"cdcpipe/pipeline/cdc"
)

// An Oracle knows what Cassandra would answer after any of a generator's events.
// The order in which it is told of them does not matter, nor how often. It is not
// safe for concurrent use.
type Oracle struct {
	g         *Generator
	histories map[*table]*history
	counts    Counts
	statement statement
}

// Counts is what the events were that an oracle was told of.
type Counts struct {
	Ops        map[cdc.Op]uint64 // well-formed events, duplicates among them
	Outlets    map[string]uint64 // malformed events, by the outlet they leave by
	Duplicates uint64            // copies of earlier events
	Ties       uint64            // events that meet an earlier one
}

// NewOracle returns an oracle that knows of no event yet.
func NewOracle(g *Generator) *Oracle {
	o := &Oracle{g: g, histories: map[*table]*history{}, counts: Counts{Ops: map[cdc.Op]uint64{}, Outlets: map[string]uint64{}}}
	for _, t := range g.tables {
		o.histories[t] = &history{table: t, rows: map[uint64]*row{}, partitions: map[uint32]*partition{}}
	}
	return o
}

// Apply tells o of event i.
func (o *Oracle) Apply(i uint64) {
	s := &o.statement
	d, r := o.g.plan(i, s)
	switch r {
	case malformed:
		o.counts.Outlets[o.g.malformation(&d).Outlet()]++
		return
	case duplicate:
		o.counts.Duplicates++
	case tie:
		o.counts.Ties++
	}
	o.counts.Ops[s.op]++
	o.histories[s.table].apply(s)
}

// Counts returns what the events were so far. The maps are o's own.
func (o *Oracle) Counts() Counts { return o.counts }

// never is a write time before all others.
const never = math.MinInt64

// A history is what is known of a table's rows, whether they show or not.
type history struct {
	table      *table
	rows       map[uint64]*row // by partition and row number
	partitions map[uint32]*partition
}

// A row is a primary key's marker, deletion and cells.
type row struct {
	marker  fact
	deleted int64
	cells   []fact // one for each regular column
}

// A fact is the last word on one cell or row marker. The zero fact is none.
type fact struct {
	time   int64
	expiry uint32 // second at which it ends, 0 for never
	value  uint16 // place in the column's pool
	kind   kind
}

type kind uint8

const (
	unknown kind = iota
	written
	tombstone
)

func (h *history) apply(s *statement) {
	switch s.op {
	case cdc.DeletePartition:
		p := h.partition(s.partition)
		p.deleted = max(p.deleted, s.time)
		return
	case cdc.DeleteRange:
		low, high := s.interval()
		h.partition(s.partition).cover(span{low, high, s.time})
		return
	}
	key := uint64(s.partition)<<32 | uint64(s.row)
	r := h.rows[key]
	if r == nil {
		r = &row{deleted: never, cells: make([]fact, len(h.table.regular))}
		h.rows[key] = r
	}
	if s.op == cdc.DeleteRow {
		r.deleted = max(r.deleted, s.time)
		return
	}
	if m := (fact{time: s.time, expiry: uint32(s.expiry), kind: written}); s.op == cdc.Insert && m.supersedes(r.marker, nil) {
		r.marker = m
	}
	for _, c := range s.cells {
		f := fact{time: s.time, kind: tombstone}
		if !c.null {
			f = fact{s.time, uint32(s.expiry), c.value, written}
		}
		if f.supersedes(r.cells[c.column], h.table.regular[c.column].pool) {
			r.cells[c.column] = f
		}
	}
}

// supersedes reports whether f replaces g: the later write; at equal times the
// tombstone, then what expires rather than what does not, then what expires
// later, then the greater value by its unsigned bytes (db/rows/Cells.resolveRegular,
// db/LivenessInfo.supersedes).
func (f fact) supersedes(g fact, pool []literal) bool {
	switch {
	case g.kind == unknown:
		return true
	case f.time != g.time:
		return f.time > g.time
	case f.kind != g.kind:
		return f.kind == tombstone
	case f.expiry != g.expiry:
		return f.expiry > g.expiry
	default:
		return pool != nil && f.kind == written && pool[f.value].raw > pool[g.value].raw
	}
}

// shows reports whether f is seen at a second, under a deletion.
func (f fact) shows(deleted, second int64) bool {
	return f.kind == written && f.time > deleted && (f.expiry == 0 || second < int64(f.expiry))
}
