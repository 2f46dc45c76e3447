package postgres

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Binary forms are those of the types' receive functions in PostgreSQL's
// src/backend/utils/adt. Integers are big-endian.

// Between the epochs of Unix and of PostgreSQL, 2000-01-01.
const (
	epochDays   = 10_957
	epochMicros = epochDays * 86_400_000_000
)

func encodeRaw(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) { return append(b, v...), nil }

func encodeText(b []byte, t *cdc.Type, v cdc.Value) ([]byte, error) {
	if t.HasNUL(v) {
		return b, fault.New(fault.NulInText, "%s holds U+0000", t)
	}
	if !utf8.Valid(v) {
		return b, fault.New(fault.NoTargetValue, "%s is not UTF-8", t)
	}
	return append(b, v...), nil
}

func encodeAsText(b []byte, t *cdc.Type, v cdc.Value) ([]byte, error) {
	if t.HasNUL(v) {
		return b, fault.New(fault.NulInText, "%s holds U+0000", t)
	}
	return t.AppendText(b, v), nil
}

func encodeBool(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) {
	if v[0] != 0 { // any byte but zero is true to Cassandra
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

func encodeInt2(b []byte, t *cdc.Type, v cdc.Value) ([]byte, error) {
	n, _ := v.Int(t.Kind)
	return binary.BigEndian.AppendUint16(b, uint16(n)), nil
}

func encodeDate(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) {
	days, _ := v.Int(cdc.Date)
	// date holds 4714-11-24 BC to 5874897-12-31 (utils/date.h, IS_VALID_DATE).
	if days < -2_440_588 || days >= 2_145_042_906 {
		return b, fault.New(fault.NoTargetValue, "date %s is outside that of PostgreSQL", cdc.ScalarType(cdc.Date).AppendText(nil, v))
	}
	return binary.BigEndian.AppendUint32(b, uint32(int32(days-epochDays))), nil
}

func encodeTime(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) {
	ns, _ := v.Int(cdc.Time)
	if ns%1000 != 0 {
		return b, fault.New(fault.NoTargetValue, "time with nanoseconds, where PostgreSQL holds microseconds (map time to bigint)")
	}
	return binary.BigEndian.AppendUint64(b, uint64(ns/1000)), nil
}

func encodeTimestamp(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) {
	ms, _ := v.Int(cdc.Timestamp)
	// timestamptz holds 4714-11-24 BC to 294276-12-31 (datatype/timestamp.h,
	// MIN_TIMESTAMP and END_TIMESTAMP).
	if ms < -210_866_803_200_000 || ms >= 9_224_318_016_000_000 {
		return b, fault.New(fault.NoTargetValue, "timestamp %d ms is outside that of PostgreSQL (map timestamp to bigint)", ms)
	}
	return binary.BigEndian.AppendUint64(b, uint64(ms*1000-epochMicros)), nil
}

func encodeInterval(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) {
	s, _ := v.Duration()
	if s.Nanos%1000 != 0 {
		return b, fault.New(fault.NoTargetValue, "duration with nanoseconds, where PostgreSQL holds microseconds (map duration to text)")
	}
	b = binary.BigEndian.AppendUint64(b, uint64(s.Nanos/1000))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Days))
	return binary.BigEndian.AppendUint32(b, uint32(s.Months)), nil
}

// encodeInet writes family, prefix length, cidr flag and length before the
// address (utils/adt/network.c, inet_recv; utils/inet.h, PGSQL_AF_INET6).
func encodeInet(b []byte, _ *cdc.Type, v cdc.Value) ([]byte, error) {
	family := byte(2)
	if len(v) == 16 {
		family = 3
	}
	return append(append(b, family, byte(8*len(v)), 0, byte(len(v))), v...), nil
}

// encodeJSONB writes the version and the text (utils/adt/jsonb.c, jsonb_recv).
func encodeJSONB(b []byte, t *cdc.Type, v cdc.Value) ([]byte, error) {
	if t.HasNUL(v) {
		return b, fault.New(fault.NulInText, "%s holds U+0000", t)
	}
	return t.AppendJSON(append(b, 1), v), nil
}

// maxField is the greatest size of a value (utils/memutils.h, MaxAllocSize).
const maxField = 1<<30 - 1

// appendValue appends v's length and binary form, as the elements of an array
// and the columns of COPY have it. The empty value of a type that has no
// such in PostgreSQL becomes NULL, without being null.
func appendValue(b []byte, to *pgType, t *cdc.Type, v cdc.Value) ([]byte, error) {
	if v == nil || len(v) == 0 && !holdsEmpty(to, t) {
		return append(b, 0xff, 0xff, 0xff, 0xff), nil
	}
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b, err := to.encode(b, t, v)
	if err != nil {
		return b[:at], err
	}
	n := len(b) - at - 4
	if n > maxField || n > math.MaxInt32 {
		return b[:at], fault.New(fault.NoTargetValue, "value of %d bytes, more than PostgreSQL holds", n)
	}
	binary.BigEndian.PutUint32(b[at:], uint32(n))
	return b, nil
}

// holdsEmpty reports whether the zero-length value of t is a value to PostgreSQL.
func holdsEmpty(to *pgType, t *cdc.Type) bool {
	switch t.Kind {
	case cdc.Ascii, cdc.Text, cdc.Blob:
		return true
	default:
		return to.oid == pgJSONB.oid && t.Kind.Collection()
	}
}
