package generator

import "cdcpipe/pipeline/cdc"

// A statement is what one CQL statement did: what an event reports, and what the
// oracle goes by.
type statement struct {
	table     *table
	op        cdc.Op
	time      int64 // write time, in microseconds
	expiry    int64 // of what it writes, in seconds since 1970; 0 for never
	partition uint32
	row       uint32 // of the partition, in storage order
	cells     []cell // by ascending column
	from, to  bound  // of a range deletion
	reversed  bool   // the values of bounds come in another order than the columns
}

// A cell is what a statement writes to a column.
type cell struct {
	column uint8  // its place in table.regular
	null   bool   // a tombstone
	value  uint16 // its place in column.pool
}

// A bound is one end of a range of rows in storage order: a prefix of the
// clustering values, by their places. An empty one is open.
type bound struct {
	prefix    []uint16
	inclusive bool
}

// interval returns the rows that a range deletion covers: from low to below high.
func (s *statement) interval() (low, high uint32) {
	low, n := s.table.span(s.from.prefix)
	if !s.from.inclusive {
		low += n
	}
	high, n = s.table.span(s.to.prefix)
	if s.to.inclusive {
		high += n
	}
	return low, high
}
