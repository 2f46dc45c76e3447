package stages

import (
	"cdcpipe/pipeline/cdc"
)

// fact returns what was read of a row as a change, after the changes that made it
// be read. Some of them tell of the marker, which cannot be read:
//
//   - an insert wrote one, unless that has expired;
//   - a row without a cell is there by its marker;
//   - what a deletion has left was written again, and the marker from before is
//     gone. An event of its own tells of a new one, unless it is the row that was
//     deleted: then the insert may be in the same batch, and is presumed.
//
// Otherwise the marker stays as it is.
func (q *question) fact(r *cdc.Reading, changes []*cdc.Change) *cdc.Change {
	t := q.plan.facts
	c := r.Fact(t, q.at)
	newest := newestOf(changes)
	c.Time, c.Event = newest.Time, newest.Event
	if len(r.Key) < t.Key {
		return c
	}
	marker, deleted, presumed := cdc.Unwritten(), int64(cdc.NoTime), false
	for _, e := range changes {
		presumed = presumed || e.Op == cdc.DeleteRow
		if e.Marker.Compare(marker) > 0 {
			marker = e.Marker
		}
		deleted = max(deleted, e.Deleted)
	}
	switch {
	case marker.Time > deleted && (marker.Class == cdc.Live || marker.Class > q.at/1e6):
		c.Marker = cdc.Stamp{Time: q.at, Class: marker.Class}
	case r.Bare(t):
		c.Marker = cdc.Stamp{Time: q.at, Class: cdc.Live}
	case presumed:
		c.Marker = cdc.Stamp{Time: q.at, Class: r.Expiry(t)}
	}
	if deleted != cdc.NoTime {
		c.Deleted = q.at - 1
	}
	if c.Marker.Written() {
		c.Op = cdc.Insert
	}
	return c
}

// gone returns that a row is not there.
func (q *question) gone(changes []*cdc.Change, statics []cdc.Cell) *cdc.Change {
	newest := newestOf(changes)
	return &cdc.Change{Table: q.plan.facts, Op: cdc.DeleteRow, Key: newest.Key, Clustering: newest.Clustering,
		Time: newest.Time, Marker: cdc.Unwritten(), Deleted: q.at, Cells: statics, Event: newest.Event}
}

// deletion returns a deletion of a partition or a range that supersedes what was
// known before the rows were read that it has left.
func (q *question) deletion(c *cdc.Change) *cdc.Change {
	d := *c
	d.Table, d.Deleted = q.plan.facts, q.at-1
	return &d
}

// statics returns what was read of the partition's static columns.
func (q *question) statics() []cdc.Cell {
	t := q.plan.facts
	if t == nil || t.Statics == 0 {
		return nil
	}
	of := cdc.Reading{Key: q.key}
	if len(q.readings) > 0 {
		of.Cells = q.readings[0].Cells
	}
	return of.Fact(t, q.at).Cells
}

// lowered returns the deletion of a row, made no later than what Cassandra still
// has of it, with that. r is nil if there is nothing.
func lowered(t *cdc.Table, r *cdc.Reading, c *cdc.Change) *cdc.Change {
	if r == nil {
		return c
	}
	d := r.Claim(t, c.Time)
	d.Op, d.Time, d.Event = cdc.DeleteRow, c.Time, c.Event
	d.Marker.Time = c.Time // which counts if the deletion is made earlier
	d.Deleted = min(c.Deleted, r.Oldest(t)-1)
	if r.Bare(t) { // by its marker, whose time is not known, but that it is later
		d.Deleted = min(c.Deleted, c.Time-1)
		for i := t.Key + t.Statics; i < len(t.Columns); i++ {
			d.Cells = append(d.Cells, cdc.Cell{Column: int32(i), Stamp: cdc.Stamp{Time: c.Time, Class: cdc.Tombstone}})
		}
	}
	return d
}

func newestOf(changes []*cdc.Change) *cdc.Change {
	newest := changes[0]
	for _, c := range changes[1:] {
		if c.Time > newest.Time {
			newest = c
		}
	}
	return newest
}
