package postgres

import (
	"encoding/binary"

	"cdcpipe/pipeline/cdc"
)

// stamps are those of a row without its values: what the audit goes by.
type stamps struct {
	deleted int64
	marker  cdc.Stamp
	cells   []cdc.Stamp // by regular column
}

// implied is the class of what PostgreSQL has none for: live or a tombstone, as
// the value says.
const implied = -1

// read takes the stamps from a row as [layout.stampColumns] lists them, after
// the key.
func (s *stamps) read(v [][]byte) {
	stamp := func(i int) cdc.Stamp {
		return cdc.Stamp{Time: int8Or(v[i], cdc.NoTime), Class: int8Or(v[i+1], implied)}
	}
	s.deleted, s.marker, s.cells = int8Or(v[0], cdc.NoTime), stamp(1), s.cells[:0]
	for i := 3; i < len(v); i += 2 {
		s.cells = append(s.cells, stamp(i))
	}
}

// never makes s those of a row that was never written.
func (s *stamps) never(columns int) {
	s.deleted, s.marker, s.cells = cdc.NoTime, cdc.Unwritten(), s.cells[:0]
	for range columns {
		s.cells = append(s.cells, cdc.Unwritten())
	}
}

// beat reports whether every part of c is older than s, and the newest write time
// in the way. What was written at the very same time is not older: it may be c
// itself.
func (s *stamps) beat(c *cdc.Change, first int32) (newest int64, all bool) {
	newest = max(s.deleted, s.marker.Time)
	if c.Deleted != cdc.NoTime && c.Deleted >= s.deleted || c.Marker.Written() && c.Marker.Time > s.deleted && holds(c.Marker, s.marker) || len(c.StaticCells()) > 0 {
		return newest, false
	}
	for _, x := range c.RowCells() {
		t := s.cells[x.Column-first]
		newest = max(newest, t.Time)
		if x.Time > s.deleted && holds(x.Stamp, t) {
			return newest, false
		}
	}
	return newest, newest > c.Time
}

// holds reports whether x is not older than t.
func holds(x, t cdc.Stamp) bool {
	return x.Time > t.Time || x.Time == t.Time && (t.Class == implied || x.Class >= t.Class)
}

// merge joins c into s.
func (s *stamps) merge(c *cdc.Change, first int32) {
	s.deleted = max(s.deleted, c.Deleted)
	join := func(t *cdc.Stamp, x cdc.Stamp) {
		if x.Time != cdc.NoTime && holds(x, *t) {
			*t = x
		}
	}
	join(&s.marker, c.Marker)
	for _, x := range c.RowCells() {
		join(&s.cells[x.Column-first], x.Stamp)
	}
}

// int8Or reads a bigint, or returns none for NULL.
func int8Or(b []byte, none int64) int64 {
	if len(b) != 8 {
		return none
	}
	return int64(binary.BigEndian.Uint64(b))
}
