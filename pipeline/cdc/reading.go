package cdc

import (
	"context"
	"math"
)

// A Reading is one row as Cassandra answered a SELECT for it. It is what is known,
// where a [Change] is what an event claims.
//
// What is null has no cell: whether it was never written, deleted or has expired
// cannot be read. Nor can the row marker.
type Reading struct {
	// Key holds the partition key and the clustering values, in key order. Of a
	// partition that has static values and no row it is the partition key alone.
	Key []Value

	// Cells holds what is not null, by ascending column, static ones included. The
	// time of a stamp is WRITETIME, its class the second of the expiry or [Live].
	// A non-frozen collection or UDT is one cell: its time is the greatest of its
	// elements, NoTime where Cassandra does not tell; it expires if all of its
	// elements do, with the last of them.
	Cells []Cell
}

// A Reader asks Cassandra. It may be used concurrently.
type Reader interface {
	// ReadRows returns the rows of a partition that have one of these clusterings,
	// and are there. If t has static columns and none of the rows is there, it
	// returns what the partition has besides, if anything.
	ReadRows(ctx context.Context, t *Table, partition []Value, clustering [][]Value) ([]Reading, error)

	// ReadPrefix calls yield for every row whose key begins with key: a partition
	// key and any number of clustering values.
	ReadPrefix(ctx context.Context, t *Table, key []Value, yield func(Reading) error) error
}

// row reports whether r is of a row, and not of a partition without one.
func (r *Reading) row(t *Table) bool { return len(r.Key) == t.Key }

// regular returns the cells of regular columns.
func (r *Reading) regular(t *Table) []Cell {
	i := 0
	for i < len(r.Cells) && int(r.Cells[i].Column) < t.Key+t.Statics {
		i++
	}
	return r.Cells[i:]
}

// Bare reports whether r is of a row without a regular cell, which is there by its
// marker.
func (r *Reading) Bare(t *Table) bool { return r.row(t) && len(r.regular(t)) == 0 }

// Expiry returns the class of a marker that ends with the row's last cell: it is
// that of their last expiry if every cell expires. A row without regular cells is
// there by its marker alone, which then is taken for lasting.
func (r *Reading) Expiry(t *Table) int64 {
	class := Live
	for _, x := range r.regular(t) {
		if x.Class == Live {
			return Live
		}
		class = max(class, x.Class)
	}
	return class
}

// Fact returns r as a change of a table of facts that was read at that time, in
// microseconds. It speaks of every column, so that nothing read before shows
// through. It leaves the marker alone: see [Change.Marker].
func (r *Reading) Fact(t *Table, at int64) *Change {
	c := &Change{Table: t, Op: Update, Key: r.Key, Time: at, Marker: Unwritten(), Deleted: NoTime}
	first, last := t.Key, len(t.Columns)
	if r.row(t) {
		c.Clustering = t.AppendClustering(nil, r.Key[t.Partition:])
	} else {
		last = t.Key + t.Statics
	}
	if first == last {
		return c
	}
	c.Cells = make([]Cell, 0, last-first)
	cells := r.Cells
	for i := int32(first); i < int32(last); i++ {
		if len(cells) > 0 && cells[0].Column == i {
			x := cells[0]
			x.Origin, x.Time = x.Time, at
			if x.Origin == NoTime {
				x.Origin = 0
			}
			c.Cells, cells = append(c.Cells, x), cells[1:]
			continue
		}
		c.Cells = append(c.Cells, Cell{Column: i, Stamp: Stamp{Time: at, Class: Tombstone}})
	}
	return c
}

// Claim returns r as a change of a table of claims: every cell with its own write
// time. The marker is taken for as old as the oldest cell; that of a row without
// cells has the time given.
func (r *Reading) Claim(t *Table, at int64) *Change {
	c := &Change{Table: t, Op: Insert, Key: r.Key, Time: at, Marker: Unwritten(), Deleted: NoTime}
	for _, x := range r.Cells {
		if x.Time == NoTime {
			x.Time = at
		}
		c.Cells = append(c.Cells, x)
	}
	if !r.row(t) {
		c.Op = Update
		return c
	}
	c.Clustering = t.AppendClustering(nil, r.Key[t.Partition:])
	c.Marker = Stamp{Time: r.Oldest(t), Class: r.Expiry(t)}
	if c.Marker.Time == math.MaxInt64 {
		c.Marker.Time = at
	}
	return c
}

// Oldest returns the least write time of the row's regular cells, MaxInt64 if it
// has none.
func (r *Reading) Oldest(t *Table) int64 {
	oldest := int64(math.MaxInt64)
	for _, x := range r.regular(t) {
		if x.Time != NoTime {
			oldest = min(oldest, x.Time)
		}
	}
	return oldest
}

// Change returns r as a change by itself, which no event asked for: a claim, or of
// a table of facts a fact that was read at that time. A marker is presumed of every
// row, for most are made by INSERT; see [Reading.Expiry].
func (r *Reading) Change(t *Table, at int64) *Change {
	if !t.Facts {
		return r.Claim(t, at)
	}
	c := r.Fact(t, at)
	if r.row(t) {
		c.Op, c.Marker = Insert, Stamp{Time: at, Class: r.Expiry(t)}
	}
	return c
}
