package cdc

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A Value is a Cassandra value in its serialised form, the one of the native
// protocol and of the storage engine (db/marshal/*Type, serializers/*). Its
// type is that of its column; nil is null. A zero-length value that is not nil
// is the empty string or blob, or the "empty" value that most types have.
//
// Keeping values serialised keeps them compact and lets ties be broken as
// Cassandra breaks them: by comparing these very bytes.
//
// Values often share an array with others: they must not be modified.
type Value []byte

// Compare compares as unsigned bytes, which is how Cassandra breaks ties
// (db/marshal/ValueAccessor.compare). It is not the order of the type.
func (v Value) Compare(w Value) int { return bytes.Compare(v, w) }

// AppendInt8 appends a tinyint.
func AppendInt8(b []byte, v int8) []byte { return append(b, byte(v)) }

// AppendInt16 appends a smallint.
func AppendInt16(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }

// AppendInt32 appends an int.
func AppendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// AppendInt64 appends a bigint, a counter, a timestamp (milliseconds since 1970) or
// a time (nanoseconds since midnight).
func AppendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendFloat appends a float.
func AppendFloat(b []byte, v float32) []byte {
	return binary.BigEndian.AppendUint32(b, math.Float32bits(v))
}

// AppendDouble appends a double.
func AppendDouble(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
}

// AppendDate appends a date given in days since 1970-01-01. Cassandra stores
// it shifted by 2^31, so that it compares unsigned (serializers/SimpleDateSerializer).
func AppendDate(b []byte, days int32) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(days)+1<<31)
}

// Int returns the integer v holds, for the kinds tinyint to bigint, counter,
// timestamp and time, and for date as days since 1970-01-01. It reports false
// if the length is not that of k.
func (v Value) Int(k Kind) (int64, bool) {
	if len(v) != k.size() {
		return 0, false
	}
	switch k {
	case Tinyint:
		return int64(int8(v[0])), true
	case Smallint:
		return int64(int16(binary.BigEndian.Uint16(v))), true
	case Int:
		return int64(int32(binary.BigEndian.Uint32(v))), true
	case Date:
		return int64(binary.BigEndian.Uint32(v)) - 1<<31, true
	case Bigint, Counter, Timestamp, Time:
		return int64(binary.BigEndian.Uint64(v)), true
	default:
		return 0, false
	}
}

// Float returns the number a float or double holds. It reports false if the
// length is not that of k.
func (v Value) Float(k Kind) (float64, bool) {
	switch {
	case k == Float && len(v) == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v))), true
	case k == Double && len(v) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(v)), true
	default:
		return 0, false
	}
}
