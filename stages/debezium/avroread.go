package debezium

import (
	"encoding/binary"
	"math"

	"cdcpipe/pipeline/fault"
)

// The primitive types of Avro's binary encoding, each bounded by what is left of
// the input (Avro 1.12, "Binary Encoding").

func (in *input) malformed(what string) bool {
	return in.fail(fault.MalformedAvro, "malformed Avro: %s", what)
}

// take reads n bytes.
func (in *input) take(n int64) ([]byte, bool) {
	if n < 0 || n > int64(len(in.b)-in.i) {
		return nil, in.malformed("a length beyond the end of the message")
	}
	from := in.i
	in.i += int(n)
	return in.b[from:in.i:in.i], true
}

// long reads an int or long.
func (in *input) long() (int64, bool) {
	u, n := binary.Uvarint(in.b[in.i:])
	if n <= 0 {
		return 0, in.malformed("an integer that does not end")
	}
	in.i += n
	return int64(u>>1) ^ -int64(u&1), true
}

// lengthed reads bytes or a string.
func (in *input) lengthed() ([]byte, bool) {
	n, ok := in.long()
	if !ok {
		return nil, false
	}
	return in.take(n)
}

// block reads the head of a block of an array or map and returns its number of
// items, 0 at the end. There are no more than there are bytes left.
func (in *input) block() (int64, bool) {
	n, ok := in.long()
	if !ok {
		return 0, false
	}
	if n < 0 { // the block's length in bytes follows
		n = -n
		if size, ok := in.long(); !ok || size < 0 || size > int64(len(in.b)-in.i) {
			return 0, in.malformed("a block beyond the end of the message")
		}
	}
	if n < 0 || n > int64(len(in.b)-in.i) {
		return 0, in.malformed("a block of more items than there are bytes left")
	}
	return n, true
}

func (in *input) boolean() (v, ok bool) {
	b, ok := in.take(1)
	if !ok || b[0] > 1 {
		return false, in.malformed("a boolean that is neither 0 nor 1")
	}
	return b[0] == 1, true
}

func (in *input) float(size int64) (float64, bool) {
	b, ok := in.take(size)
	switch {
	case !ok:
		return 0, false
	case size == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), true
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), true
}
