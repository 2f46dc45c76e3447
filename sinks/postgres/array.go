package postgres

import (
	"encoding/binary"

	"cdcpipe/pipeline/cdc"
)

// An array is a parameter of the merge: one element per row. It costs nothing
// while every element is NULL, and is then passed as NULL itself, which unnest
// fills up.
type array struct {
	oid  uint32 // of the element
	rows int    // elements in buf
	buf  []byte // header and elements; empty while all are NULL
	last int    // where the last element starts
}

const arrayHead = 20 // dimensions, null flag, element type, length, lower bound

func (a *array) reset(oid uint32) { *a = array{oid: oid, buf: a.buf[:0]} }

// fill makes a hold row elements, adding NULLs.
func (a *array) fill(row int) {
	if len(a.buf) == 0 {
		a.buf = append(a.buf, make([]byte, arrayHead)...)
	}
	for ; a.rows < row; a.rows++ {
		a.buf = append(a.buf, 0xff, 0xff, 0xff, 0xff)
	}
	a.last = len(a.buf)
}

// drop takes back element row if it was given.
func (a *array) drop(row int) {
	if a.rows == row+1 {
		a.rows, a.buf = row, a.buf[:a.last]
	}
}

// setInt64 gives element row an int8.
func (a *array) setInt64(row int, n int64) {
	a.fill(row)
	a.buf = binary.BigEndian.AppendUint64(append(a.buf, 0, 0, 0, 8), uint64(n))
	a.rows++
}

// setBytes gives element row a bytea.
func (a *array) setBytes(row int, v []byte) {
	a.fill(row)
	a.buf = append(binary.BigEndian.AppendUint32(a.buf, uint32(len(v))), v...)
	a.rows++
}

// setValue gives element row a value of a column, of type to.
func (a *array) setValue(row int, to *pgType, t *cdc.Type, v cdc.Value) error {
	if v == nil {
		return nil // NULL, by fill
	}
	a.fill(row)
	b, err := appendValue(a.buf, to, t, v)
	if a.buf = b; err == nil {
		a.rows++
	}
	return err
}

// param returns a as a parameter of rows elements in binary form
// (utils/adt/arrayfuncs.c, array_recv), or nil for NULL.
func (a *array) param(rows int) []byte {
	if len(a.buf) == 0 {
		return nil
	}
	a.fill(rows)
	h := a.buf[:0]
	h = binary.BigEndian.AppendUint32(h, 1)
	h = binary.BigEndian.AppendUint32(h, 1)
	h = binary.BigEndian.AppendUint32(h, a.oid)
	h = binary.BigEndian.AppendUint32(h, uint32(rows))
	binary.BigEndian.AppendUint32(h, 1)
	return a.buf
}
