package debezium

import (
	"slices"

	"cdcpipe/pipeline/cdc"
)

// A Slab allocates what the events of a batch are decoded into, in a few large
// pieces. Changes keep referring to it: a Slab is used for one batch, by one
// goroutine at a time, and then left to the garbage collector.
type Slab struct {
	changes []cdc.Change
	values  []cdc.Value
	cells   []cdc.Cell
	bytes   []byte
	grow    int // events that the next pieces are made for

	work work
}

// Pieces are made for this many events at least and at most, if nothing larger
// is asked for at once.
const (
	minPiece = 8
	maxPiece = 1024
)

// NewSlab returns a slab for a batch of about so many events.
func NewSlab(events int) *Slab { return &Slab{grow: min(max(events, 1), maxPiece)} }

// room returns the capacity for a new piece that holds n, at so many an event.
func (s *Slab) room(n, perEvent int) int {
	c := max(n, s.grow*perEvent)
	s.grow = max(s.grow, minPiece)
	return c
}

func (s *Slab) change() *cdc.Change {
	if len(s.changes) == cap(s.changes) {
		s.changes = make([]cdc.Change, 0, s.room(1, 1))
	}
	s.changes = s.changes[:len(s.changes)+1]
	return &s.changes[len(s.changes)-1]
}

// takeValues returns n nil values.
func (s *Slab) takeValues(n int) []cdc.Value {
	if cap(s.values)-len(s.values) < n {
		s.values = make([]cdc.Value, 0, s.room(n, 2))
	}
	at := len(s.values)
	s.values = s.values[:at+n]
	return s.values[at : at+n : at+n]
}

// openCells returns an empty slice with room for n cells, which closeCells keeps.
func (s *Slab) openCells(n int) []cdc.Cell {
	if cap(s.cells)-len(s.cells) < n {
		s.cells = make([]cdc.Cell, 0, s.room(n, 6))
	}
	at := len(s.cells)
	return s.cells[at : at : at+n]
}

func (s *Slab) closeCells(c []cdc.Cell) []cdc.Cell {
	if len(c) == 0 {
		return nil
	}
	s.cells = s.cells[:len(s.cells)+len(c)]
	return slices.Clip(c)
}

// open returns an empty slice to append a value to, which close keeps. It has
// room for some bytes; appending more is allowed.
func (s *Slab) open() []byte {
	const some = 32
	if cap(s.bytes)-len(s.bytes) < some {
		s.bytes = make([]byte, 0, s.room(some, 96))
	}
	return s.bytes[len(s.bytes):]
}

func (s *Slab) close(b []byte) []byte {
	if at := len(s.bytes); len(b) > 0 && cap(s.bytes) > at && &b[0] == &s.bytes[:at+1][at] {
		s.bytes = s.bytes[:at+len(b)]
	}
	return slices.Clip(b)
}
