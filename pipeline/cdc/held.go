package cdc

import (
	"fmt"
	"math"
	"slices"
)

// A Held is what a replica has of a row, or of the static columns of a partition.
type Held struct {
	// Key holds the partition key and, of a row, the clustering values, in key order.
	// It is the partition key alone where the replica keeps clustering values in a
	// form that they cannot be had back from; Clustering then identifies the row.
	Key        []Value
	Clustering []byte
	Static     bool // it is of static columns

	Exists bool   // for who reads the replica
	Marker Stamp  // unwritten if it is not visible
	Cells  []Cell // the visible ones, by ascending column

	// Broken lists the columns whose stored forms contradict one another.
	Broken []int32

	// Newest is the greatest time of anything written or deleted that the replica has
	// of it, visible or not; NoTime if it has nothing.
	Newest int64
}

// Repair returns the change after which a replica that has h has what r says, or is
// without it if r is nil. t is the table as Cassandra has it; now is a time in
// microseconds before r was read.
//
// Of a table of facts it is a fact of now. Of a table of claims it stands just above
// what the replica has, so that later writes win over it as ever, with Cassandra's
// write times as origins: the table of the change is one of facts.
func (h *Held) Repair(t *Table, r *Reading, now int64) (*Change, error) {
	at := h.Newest
	if t.Facts {
		at = max(at, now)
	}
	if r == nil && !h.Static {
		return h.removal(t, at), nil
	}
	if h.Newest == NoTime && !t.Facts {
		return h.only(r.Claim(t, now)), nil
	}
	if h.Newest == math.MaxInt64 {
		return nil, fmt.Errorf("table %s: nothing can supersede what was written at %d", t, h.Newest)
	}
	if at == h.Newest {
		at++
	}
	if r == nil {
		r = &Reading{Key: h.Key[:t.Partition]}
	}
	if !t.Facts {
		for _, x := range r.Cells {
			at = max(at, x.Time)
		}
	}
	c := h.only(r.Fact(t.OfFacts(), at))
	if h.Static {
		return c, nil
	}
	// What cannot be read stays as it is, unless the row is there by it.
	if r.Bare(t) || !h.Exists {
		c.Op, c.Marker = Insert, Stamp{Time: at, Class: r.Expiry(t)}
	}
	return c, nil
}

// only leaves of c what h is of.
func (h *Held) only(c *Change) *Change {
	if h.Static {
		c.Op, c.Key, c.Clustering, c.Marker, c.Cells = Update, c.Key[:c.Table.Partition], nil, Unwritten(), c.StaticCells()
	} else {
		c.Cells = c.RowCells()
	}
	return c
}

// removal returns the deletion of the row.
func (h *Held) removal(t *Table, at int64) *Change {
	c := &Change{Table: t, Op: DeleteRow, Key: h.Key, Clustering: h.Clustering, Time: at, Marker: Unwritten(), Deleted: at}
	if len(h.Key) < t.Key { // a range that holds this row alone
		prefix := slices.Clip(h.Clustering[:len(h.Clustering)-1])
		c.Op, c.Clustering = DeleteRange, nil
		c.Bounds = Bounds{Low: append(prefix, markBefore), High: append(prefix, markAfter)}
	}
	return c
}
