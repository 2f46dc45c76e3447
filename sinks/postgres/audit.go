package postgres

import (
	"bytes"
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgconn"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// An audit finds the changes of a group that lost every cell: to what the rows
// held already, or to other changes of the batch. The merge returns the rows it
// wrote; the others are read afterwards.
//
// It compares write times and expiries: a change that lost to one written at the
// very same time, by its value or as a live cell to a tombstone, is not found.
type audit struct {
	group *group
	recs  []pipeline.Record[*cdc.Change]
	out   *outcome
	next  int    // the row expected
	seen  []bool // rows that were judged
	key   params // of the row expected
}

// rowKey gives the parameters that identify r, as [layout.rowKey] names them.
func (p *params) rowKey(l *layout, r *row) error {
	p.next = 0
	opaque := false
	for i := range l.table.Key {
		c := &l.columns[i]
		if c.Role == cdc.Clustering && c.to.opaqueKey {
			opaque = true
		}
	}
	for i := range l.table.Key {
		c := &l.columns[i]
		switch {
		case c.raw:
			p.skip().setBytes(p.rows, r.first.Key[i])
		case c.Role == cdc.Clustering && opaque:
		default:
			if err := p.skip().setValue(p.rows, c.to, c.Type, r.first.Key[i]); err != nil {
				return err
			}
		}
	}
	if opaque {
		p.skip().setBytes(p.rows, r.first.Clustering)
	}
	p.rows++
	return nil
}

// rows judges the rows that a statement returns. They come in the order in which
// they were sent, less those that were not written.
func (a *audit) rows(r *pgconn.ResultReader) {
	for r.NextRow() {
		v := r.Values()
		width := len(a.group.layout.stamps.types)
		if i, ok := a.find(v[:width]); ok {
			a.seen[i] = true
			a.judge(&a.group.rows[i], v[width:])
		}
	}
}

// unseen gives the keys of the rows that the merge did not write.
func (a *audit) unseen(p *params) error {
	p.reset(&a.group.layout.stamps)
	for i := range a.group.rows {
		if r := &a.group.rows[i]; !a.seen[i] && r.first != nil {
			if err := p.rowKey(a.group.layout, r); err != nil {
				return err
			}
		}
	}
	a.next = 0
	return nil
}

// find returns the row with that key.
func (a *audit) find(key [][]byte) (int, bool) {
	for i := a.next; i < len(a.group.rows); i++ {
		if !a.seen[i] && a.matches(i, key) {
			a.next = i + 1
			return i, true
		}
	}
	for i := range a.next { // out of order after all
		if !a.seen[i] && a.matches(i, key) {
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

// judge reports the changes of r of which nothing is left in the stamps.
func (a *audit) judge(r *row, stamps [][]byte) {
	l := a.group.layout
	deleted := int8Or(stamps[0], cdc.NoTime)
	from := int32(l.table.Key + l.table.Statics)
	stored := func(i int32) cdc.Stamp { // of the marker, or of a regular column
		return cdc.Stamp{Time: int8Or(stamps[1+2*i], cdc.NoTime), Class: int8Or(stamps[2+2*i], -1)}
	}
	for _, i := range r.changes {
		c := a.recs[i].Value
		newest := max(deleted, stored(0).Time)
		if c.Deleted != cdc.NoTime && c.Deleted >= deleted || c.Marker.Written() && c.Marker.Time > deleted && same(c.Marker, stored(0)) || len(c.StaticCells()) > 0 {
			continue
		}
		left := false
		for _, x := range c.RowCells() {
			s := stored(x.Column - from + 1)
			newest = max(newest, s.Time)
			left = left || x.Time > deleted && same(x.Stamp, s)
		}
		if !left && newest > c.Time {
			a.out.stale(i, fault.New(fault.StaleLost, "table %s: written at %d, and the replica has %d", l.table, c.Time, newest))
		}
	}
}

// same reports whether a stored stamp is s. A class that the value implies is
// not stored.
func same(s, stored cdc.Stamp) bool {
	return s.Time == stored.Time && (stored.Class < 0 || s.Class == stored.Class)
}

// int8Or reads a bigint, or returns none for NULL.
func int8Or(b []byte, none int64) int64 {
	if len(b) != 8 {
		return none
	}
	return int64(binary.BigEndian.Uint64(b))
}
