package cdc

import (
	"encoding/binary"
	"math"
	"math/big"
)

// The clustering order of rows is kept in bytes that compare, unsigned, as
// Cassandra compares the clustering values (db/ClusteringComparator), whatever
// their types and directions. So a range deletion covers a row exactly if the
// row's bytes lie between those of its bounds, and two rows are the same exactly
// if their bytes are equal, also for types such as decimal, where 1.0 and 1.00
// are one clustering value.
//
// A row is the sequence of its components, each preceded by markValue, and then
// markEnd. A bound is the components of its prefix, then markBefore or
// markAfter: before and after every row with that prefix.
const (
	markBefore    = 0x20
	markEnd       = 0x38
	markNull      = 0x3e // within tuples
	markEmpty     = 0x3f // the empty value sorts before all others
	markValue     = 0x40
	markEmptyDesc = 0x41
	markAfter     = 0x60
)

// AppendClustering appends the order-preserving form of the clustering values
// of t, in key order: nothing, if it has no clustering columns. Values must satisfy
// [Type.Check]; there must be as many as t has clustering columns.
func (t *Table) AppendClustering(b []byte, values []Value) []byte {
	if !t.Clustered() {
		return b
	}
	return append(t.appendPrefix(b, values), markEnd)
}

// AppendBound appends a bound of a range of rows: the values of a prefix of the
// clustering columns, and whether the bound lies after all rows with that prefix
// or before them. Storage order counts, so an inclusive start is before its
// prefix and an inclusive end after it, also for descending columns
// (db/ClusteringPrefix.Kind).
func (t *Table) AppendBound(b []byte, prefix []Value, after bool) []byte {
	b = t.appendPrefix(b, prefix)
	if after {
		return append(b, markAfter)
	}
	return append(b, markBefore)
}

func (t *Table) appendPrefix(b []byte, values []Value) []byte {
	for i, v := range values {
		c := &t.Columns[t.Partition+i]
		if len(v) == 0 {
			if c.Desc {
				b = append(b, markEmptyDesc)
			} else {
				b = append(b, markEmpty)
			}
			continue
		}
		b = append(b, markValue)
		from := len(b)
		b = c.Type.appendOrdered(b, v)
		if c.Desc {
			for j := from; j < len(b); j++ {
				b[j] = ^b[j]
			}
		}
	}
	return b
}

// AppendOrdered appends a form of v whose unsigned bytes compare as Cassandra
// compares values of t, as it does to order sets and maps. v must not be null and
// must satisfy [Type.Check].
func (t *Type) AppendOrdered(b []byte, v Value) []byte {
	if len(v) == 0 {
		return append(b, markEmpty)
	}
	return t.appendOrdered(append(b, markValue), v)
}

// appendOrdered appends the order-preserving, prefix-free form of a non-empty value.
func (t *Type) appendOrdered(b []byte, v Value) []byte {
	switch t.Kind {
	case Tinyint, Smallint, Int, Bigint, Counter, Timestamp: // signed
		return append(append(b, v[0]^0x80), v[1:]...)
	case Boolean: // any byte but zero is true (serializers/BooleanSerializer)
		return AppendBool(b, v[0] != 0)
	case Date, Time: // compared as bytes
		return append(b, v...)
	case Float:
		f, _ := v.Float(Float)
		return binary.BigEndian.AppendUint32(b, uint32(orderedFloat(uint64(float32Bits(f)), 32)))
	case Double:
		f, _ := v.Float(Double)
		return binary.BigEndian.AppendUint64(b, orderedFloat(doubleBits(f), 64))
	case UUID:
		return appendOrderedUUID(b, v)
	case Timeuuid:
		return appendOrderedTimeuuid(b, v)
	case Varint:
		return appendOrderedVarint(b, v)
	case Decimal:
		return appendOrderedDecimal(b, v)
	case List, Set, Map, Tuple, UDT, Vector:
		return t.appendOrderedElements(b, v)
	default: // ascii, text, blob, inet: unsigned bytes
		return appendEscaped(b, v)
	}
}

// appendEscaped writes 00 as 00 ff and ends with 00 01, so that no value is the
// prefix of another and a shorter one sorts first.
func appendEscaped(b []byte, v Value) []byte {
	for _, c := range v {
		if c == 0 {
			b = append(b, 0, 0xff)
			continue
		}
		b = append(b, c)
	}
	return append(b, 0, 1)
}

// float32Bits and doubleBits are Float.floatToIntBits and Double.doubleToLongBits:
// all NaN are one. Float.compare puts it above infinity, and -0 below 0.
func float32Bits(f float64) uint32 {
	if math.IsNaN(f) {
		return 0x7fc00000
	}
	return math.Float32bits(float32(f))
}

func doubleBits(f float64) uint64 {
	if math.IsNaN(f) {
		return 0x7ff8000000000000
	}
	return math.Float64bits(f)
}

// orderedFloat turns the bits of a float of the given size into an unsigned
// number of the same order.
func orderedFloat(u uint64, size int) uint64 {
	sign := uint64(1) << (size - 1)
	if u&sign != 0 {
		return ^u & (sign<<1 - 1)
	}
	return u | sign
}

// reorderTimestamp puts the timestamp of a version 1 UUID most significant
// first (db/marshal/AbstractTimeUUIDType.reorderTimestampBytes).
func reorderTimestamp(msb uint64) uint64 {
	return msb<<48 | msb<<16&0xffff00000000 | msb>>32
}

// appendOrderedUUID orders by version, then by time for version 1, then by
// unsigned bytes (db/marshal/UUIDType.compareCustom).
func appendOrderedUUID(b []byte, v Value) []byte {
	msb := binary.BigEndian.Uint64(v)
	version := byte(msb>>12) & 15
	if version == 1 {
		msb = reorderTimestamp(msb)
	}
	b = append(b, version)
	b = binary.BigEndian.AppendUint64(b, msb)
	return append(b, v[8:]...)
}

// appendOrderedTimeuuid orders by time, then by signed bytes
// (db/marshal/TimeUUIDType.compareCustom).
func appendOrderedTimeuuid(b []byte, v Value) []byte {
	b = binary.BigEndian.AppendUint64(b, reorderTimestamp(binary.BigEndian.Uint64(v)))
	return binary.BigEndian.AppendUint64(b, binary.BigEndian.Uint64(v[8:])^0x8080808080808080)
}

// appendOrderedVarint writes sign, length and the shortest two's complement form.
func appendOrderedVarint(b []byte, v Value) []byte {
	for len(v) > 1 && (v[0] == 0 && v[1] < 0x80 || v[0] == 0xff && v[1] >= 0x80) {
		v = v[1:]
	}
	if v[0] >= 0x80 {
		return append(binary.BigEndian.AppendUint32(append(b, 0), ^uint32(len(v))), v...)
	}
	return append(binary.BigEndian.AppendUint32(append(b, 1), uint32(len(v))), v...)
}

// appendOrderedDecimal writes sign, exponent and digits without trailing zeros,
// since BigDecimal.compareTo takes 1.0 and 1.00 for equal.
func appendOrderedDecimal(b []byte, v Value) []byte {
	u, scale, _ := v.Decimal()
	n, _ := u.Varint()
	if n.Sign() == 0 {
		return append(b, 1)
	}
	digits := new(big.Int).Abs(n).Append(nil, 10)
	exp := int64(len(digits)) - int64(scale)
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	from := len(b) + 1
	b = append(b, 2)
	b = binary.BigEndian.AppendUint64(b, uint64(exp)^1<<63)
	b = append(append(b, digits...), 0)
	if n.Sign() < 0 {
		b[from-1] = 0
		for i := from; i < len(b); i++ {
			b[i] = ^b[i]
		}
	}
	return b
}

// appendOrderedElements orders by the elements in turn, then by their number;
// trailing nulls of a tuple do not count (db/marshal/TupleType.compareCustom).
func (t *Type) appendOrderedElements(b []byte, v Value) []byte {
	nulls := 0
	for e, x := range t.Elements(v) {
		if x == nil {
			nulls++
			continue
		}
		for ; nulls > 0; nulls-- {
			b = append(b, markNull)
		}
		b = e.AppendOrdered(b, x)
	}
	return append(b, markEnd)
}
