package cdc

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// A Span is what a CQL duration holds. Its parts all have the same sign.
type Span struct {
	Months, Days int32
	Nanos        int64
}

// AppendDuration appends a duration: three signed variable-length integers
// (serializers/DurationSerializer).
func AppendDuration(b []byte, s Span) []byte {
	return appendVint(appendVint(appendVint(b, int64(s.Months)), int64(s.Days)), s.Nanos)
}

// Duration returns what a duration holds. It reports false if v is malformed.
func (v Value) Duration() (s Span, ok bool) {
	months, v, ok1 := vint(v)
	days, v, ok2 := vint(v)
	nanos, v, ok3 := vint(v)
	ok = ok1 && ok2 && ok3 && len(v) == 0 && months == int64(int32(months)) && days == int64(int32(days))
	return Span{int32(months), int32(days), nanos}, ok
}

// appendVint appends n as Cassandra's signed vint: zigzag, then as many leading
// ones in the first byte as bytes follow it (utils/vint/VIntCoding).
func appendVint(b []byte, n int64) []byte { return appendUvint(b, uint64(n<<1)^uint64(n>>63)) }

func appendUvint(b []byte, u uint64) []byte {
	extra := 0
	if n := bits.Len64(u | 1); n > 7 {
		extra = min((n-1)/7, 8)
	}
	if extra == 8 {
		return binary.BigEndian.AppendUint64(append(b, 0xff), u)
	}
	var full [8]byte
	binary.BigEndian.PutUint64(full[:], u)
	full[7-extra] |= ^byte(0xff >> extra)
	return append(b, full[7-extra:]...)
}

func vint(v Value) (n int64, rest Value, ok bool) {
	u, rest, ok := uvint(v)
	return int64(u>>1) ^ -int64(u&1), rest, ok
}

func uvint(v Value) (u uint64, rest Value, ok bool) {
	if len(v) == 0 {
		return 0, v, false
	}
	extra := bits.LeadingZeros8(^v[0])
	if len(v) <= extra {
		return 0, v, false
	}
	if extra < 8 {
		u = uint64(v[0] & (0xff >> extra))
	}
	for _, c := range v[1 : 1+extra] {
		u = u<<8 | uint64(c)
	}
	return u, v[1+extra:], true
}

// appendSpan writes s as CQL does: 1mo2d3h4m5s6ms7us8ns, with a leading minus.
func appendSpan(b []byte, s Span) []byte {
	if s == (Span{}) {
		return append(b, "0ns"...)
	}
	if s.Months < 0 || s.Days < 0 || s.Nanos < 0 {
		b = append(b, '-')
	}
	abs := func(n int64) uint64 {
		if n < 0 {
			return -uint64(n)
		}
		return uint64(n)
	}
	part := func(n uint64, unit string) {
		if n > 0 {
			b = append(strconv.AppendUint(b, n, 10), unit...)
		}
	}
	months, nanos := abs(int64(s.Months)), abs(s.Nanos)
	part(months/12, "y")
	part(months%12, "mo")
	part(abs(int64(s.Days)), "d")
	for _, u := range [...]struct {
		size uint64
		name string
	}{{3600e9, "h"}, {60e9, "m"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}} {
		part(nanos/u.size, u.name)
		nanos %= u.size
	}
	return b
}

// valid reports whether the parts of s have one sign, as CQL demands.
func (s Span) valid() bool {
	neg := s.Months < 0 || s.Days < 0 || s.Nanos < 0
	pos := s.Months > 0 || s.Days > 0 || s.Nanos > 0
	return !(neg && pos) && s.Months != math.MinInt32 && s.Days != math.MinInt32
}
