package debezium

import (
	"math"
	"slices"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// snapshotBand is added to the write times of snapshot rows, which are those of
// the query. So they lie below every write time of a client's clock, and among
// themselves keep their order.
const snapshotBand = -1 << 62

// change makes the change of what was read.
func (w *work) change() (*cdc.Change, bool) {
	w.at, w.column = -1, -1
	at, ok := w.writeTime()
	if !ok || !w.completeKey() {
		return nil, false
	}
	t := w.table
	c := cdc.Change{Table: t, Key: w.keys, Time: at, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Snapshot: w.snapshot, Event: w.ev}
	switch w.op {
	case 'i', 'u':
		ok = w.written(&c)
	case 'd':
		ok = w.rowDeleted(&c)
	default:
		ok = w.rangeDeleted(&c)
	}
	if !ok {
		return nil, false
	}
	if c.Row() && t.Clustered() {
		c.Clustering = w.slab.close(t.AppendClustering(w.slab.open(), c.Key[t.Partition:]))
	}
	out := w.slab.change()
	*out = c
	return out, true
}

// writeTime returns when the event's statement was written. Connectors before
// 2.6 give milliseconds only.
func (w *work) writeTime() (int64, bool) {
	switch {
	case w.micros != noTime:
		return w.micros, true
	case w.millis == noTime:
		return 0, w.failAt(-1, fault.BadWriteTime, "source has neither ts_us nor ts_ms")
	case w.millis > math.MaxInt64/1000 || w.millis < math.MinInt64/1000:
		return 0, w.failAt(-1, fault.BadWriteTime, "source.ts_ms is beyond 64 bits in microseconds")
	}
	return w.millis * 1000, true
}

// completeKey takes from the record's key the columns that after does not say,
// and makes sure that the partition key is whole.
func (w *work) completeKey() bool {
	t, need := w.table, w.table.Key
	if w.op == 'r' {
		need = t.Partition
	}
	if slices.Contains(w.states[:need], cellAbsent) && !w.recordKey() {
		return false
	}
	for i, s := range w.states[:t.Partition] {
		if s != cellValue {
			if (w.op == 'd' || w.op == 'r') && w.d.inferred.has(t) {
				return w.failAt(-1, fault.KeyNotSplit, "deletion without key column %s", cdc.QuoteIdent(t.Columns[i].Name))
			}
			return w.missingKey(i)
		}
	}
	return true
}

func (w *work) missingKey(i int) bool {
	w.column = i
	return w.failAt(-1, fault.MissingKey, "the event has no value for this key column")
}

// written completes an insert or update.
func (w *work) written(c *cdc.Change) bool {
	t := c.Table
	stamp := cdc.Stamp{Time: c.Time}
	if c.Op = cdc.Update; w.op == 'i' {
		c.Op = cdc.Insert
	}
	if w.snapshot {
		if c.Time <= snapshotBand/2 || c.Time >= -snapshotBand/2 {
			return w.failAt(-1, fault.BadWriteTime, "write time of a snapshot row is beyond all clocks")
		}
		stamp.Time += snapshotBand
	}
	cells, marker, regular := w.cells[:0], w.expiry(), false
	for _, x := range w.cells {
		deletion := x.Class
		x.Stamp = stamp
		role := t.Columns[x.Column].Role
		switch {
		case x.Value == nil && w.snapshot: // null is no value there, and no tombstone
			continue
		case x.Value == nil:
			x.Class = cdc.Tombstone
		case deletion != noTime:
			if x.Class = deletion / 1e6; x.Class <= 0 || x.Class >= 1<<32 {
				w.column = int(x.Column)
				return w.failAt(-1, fault.OutOfRange, "its expiry is not within 1970 and 2106")
			}
		case t.Columns[x.Column].Type.Multicell() && role == cdc.Regular:
			x.Class = marker // of which the event says nothing; one statement has one TTL
		}
		regular = regular || role == cdc.Regular
		cells = append(cells, x)
		for i := len(cells) - 1; i > 0 && cells[i].Column < cells[i-1].Column; i-- {
			cells[i], cells[i-1] = cells[i-1], cells[i]
		}
	}
	c.Cells = w.slab.closeCells(cells)
	for i, s := range w.states[t.Partition:] {
		if s == cellValue {
			continue
		}
		if regular || t.Statics == 0 || w.anyClustering() {
			return w.missingKey(t.Partition + i)
		}
		c.Key = c.Key[:t.Partition] // the partition's static columns alone
		return true
	}
	if w.op == 'i' {
		c.Marker = cdc.Stamp{Time: stamp.Time, Class: marker}
	}
	return true
}

// expiry returns the class of an insert's marker, whose expiry events do not
// carry: if every regular column that has a value expires, so does the marker,
// at the greatest of their times. Collections that are not frozen do not count,
// since events never say when they expire. It is Live for an update.
func (w *work) expiry() int64 {
	class := cdc.Live
	if w.op != 'i' {
		return class
	}
	for _, x := range w.cells {
		col := &w.table.Columns[x.Column]
		if x.Value == nil || col.Role == cdc.Static || col.Type.Multicell() {
			continue
		}
		if x.Class == noTime {
			return cdc.Live
		}
		class = max(class, x.Class/1e6)
	}
	return class
}

func (w *work) anyClustering() bool {
	return slices.Contains(w.states[w.table.Partition:], cellValue)
}

// rowDeleted completes the deletion of a row, or of a partition, whose event
// has every clustering column null since the deletion. Null without a time is
// what the agent makes of an empty value, which leaves the row unknown.
func (w *work) rowDeleted(c *cdc.Change) bool {
	t := c.Table
	c.Op, c.Deleted = cdc.DeleteRow, c.Time
	if w.deleted != noTime {
		c.Deleted = w.deleted
	}
	if w.snapshot {
		return w.failAt(-1, fault.UnknownOp, "a snapshot row that is a deletion")
	}
	gone := 0
	for _, s := range w.states[t.Partition:] {
		if s == cellDeleted {
			gone++
		}
	}
	if gone > 0 && gone == t.Key-t.Partition {
		c.Op, c.Key = cdc.DeletePartition, c.Key[:t.Partition]
		return true
	}
	for i, s := range w.states[t.Partition:] {
		if s != cellValue {
			return w.missingKey(t.Partition + i)
		}
	}
	return true
}

// rangeDeleted completes the deletion of a range. Its time is the event's.
func (w *work) rangeDeleted(c *cdc.Change) bool {
	t := c.Table
	c.Op, c.Key, c.Deleted = cdc.DeleteRange, c.Key[:t.Partition], c.Time
	if w.d.inferred.has(t) {
		return w.failAt(-1, fault.KeyNotSplit, "deletion of a range")
	}
	if !t.Clustered() {
		return w.failAt(-1, fault.BadRange, "deletion of a range, but the table has no clustering columns")
	}
	low, ok := w.appendBound(0)
	high, ok2 := w.appendBound(1)
	if !ok || !ok2 {
		return false
	}
	if low != nil && high != nil && cdc.Value(low).Compare(high) >= 0 {
		return w.failAt(-1, fault.BadRange, "the end does not lie behind the start")
	}
	c.Bounds = cdc.Bounds{Low: low, High: high}
	for i, v := range w.bounds[0].values {
		if v == nil || w.bounds[1].values[i] == nil || v.Compare(w.bounds[1].values[i]) != 0 {
			break
		}
		c.Bounds.Prefix = append(c.Bounds.Prefix, v)
	}
	return true
}
