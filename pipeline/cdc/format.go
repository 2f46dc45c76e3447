package cdc

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"time"
)

// AppendText appends v as cqlsh and SELECT JSON print a value of t: without
// quotes around text, with JSON for what nests. v must satisfy [Type.Check];
// a null value appends nothing.
func (t *Type) AppendText(b []byte, v Value) []byte {
	if v == nil {
		return b
	}
	switch t.Kind {
	case Ascii, Text:
		return append(b, v...)
	case Blob:
		return hex.AppendEncode(append(b, "0x"...), v)
	}
	if len(v) == 0 {
		return b
	}
	switch t.Kind {
	case Boolean:
		return strconv.AppendBool(b, v[0] != 0)
	case Tinyint, Smallint, Int, Bigint, Counter:
		n, _ := v.Int(t.Kind)
		return strconv.AppendInt(b, n, 10)
	case Float, Double:
		f, _ := v.Float(t.Kind)
		return appendFloat(b, f, t.Kind)
	case Varint:
		if n, ok := v.Varint64(); ok {
			return strconv.AppendInt(b, n, 10)
		}
		n, _ := v.Varint()
		return n.Append(b, 10)
	case Decimal:
		u, scale, _ := v.Decimal()
		n, _ := u.Varint()
		return appendDecimal(b, n, scale)
	case UUID, Timeuuid:
		return appendUUID(b, v)
	case Inet:
		a, _ := v.Inet()
		return a.AppendTo(b)
	case Date:
		n, _ := v.Int(Date)
		return appendDate(b, time.Unix(n*86400, 0).UTC())
	case Time:
		n, _ := v.Int(Time)
		return time.Unix(0, n).UTC().AppendFormat(b, "15:04:05.000000000")
	case Timestamp:
		n, _ := v.Int(Timestamp)
		return time.UnixMilli(n).UTC().AppendFormat(appendDate(b, time.UnixMilli(n).UTC()), " 15:04:05.000Z")
	case Duration:
		s, _ := v.Duration()
		return appendSpan(b, s)
	default:
		return t.AppendJSON(b, v)
	}
}

func appendDate(b []byte, d time.Time) []byte {
	if y := d.Year(); y < 0 || y > 9999 {
		return d.AppendFormat(append(strconv.AppendInt(b, int64(y), 10), '-'), "01-02")
	}
	return d.AppendFormat(b, time.DateOnly)
}

// appendFloat writes the shortest text that reads back as f.
func appendFloat(b []byte, f float64, k Kind) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	bits := 64
	if k == Float {
		bits = 32
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

// appendDecimal writes n * 10^-scale in full, as BigDecimal.toPlainString does,
// unless that would take more zeros than [maxPlainZeros]; then with an exponent.
func appendDecimal(b []byte, n *big.Int, scale int32) []byte {
	if scale == 0 {
		return n.Append(b, 10)
	}
	if n.Sign() < 0 {
		b = append(b, '-')
	}
	digits := new(big.Int).Abs(n).Append(nil, 10)
	point := len(digits) - int(scale) // where the point stands among the digits
	switch {
	case point > len(digits)+maxPlainZeros || point < -maxPlainZeros:
		b = append(append(b, digits...), 'E')
		return strconv.AppendInt(b, -int64(scale), 10)
	case scale < 0:
		if n.Sign() == 0 {
			return append(b, '0')
		}
		b = append(b, digits...)
		return appendZeros(b, point-len(digits))
	case point <= 0:
		b = appendZeros(append(b, "0."...), -point)
		return append(b, digits...)
	default:
		b = append(append(b, digits[:point]...), '.')
		return append(b, digits[point:]...)
	}
}

const maxPlainZeros = 400

func appendZeros(b []byte, n int) []byte {
	for range n {
		b = append(b, '0')
	}
	return b
}
