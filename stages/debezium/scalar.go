package debezium

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// nanosPerDay bounds a time (db/marshal/TimeType).
const nanosPerDay = 86_400_000_000_000

// maxUnscaled bounds the two's complement of a number, and maxScale its scale:
// numbers beyond them have no text that package cdc reads.
const (
	maxUnscaled = 1 << 16
	maxScale    = 1 << 20
)

// strict64 is what Jackson writes: the standard alphabet, padded (RFC 4648 §4).
var strict64 = base64.StdEncoding.Strict()

// wrongType fails because the value at hand is of a kind that t has no use for.
func (w *work) wrongType(t *cdc.Type, found string) bool {
	if t.Kind == cdc.Counter {
		return w.fail(fault.UnsupportedType, "counters cannot be replicated")
	}
	return w.fail(fault.WrongType, "expected %s, found %s", t, found)
}

// integer appends n as a value of t.
func (w *work) integer(b []byte, t *cdc.Type, n int64) ([]byte, bool) {
	switch {
	case t.Kind == cdc.Int && n == int64(int32(n)):
		return cdc.AppendInt32(b, int32(n)), true
	case t.Kind == cdc.Bigint, t.Kind == cdc.Timestamp, t.Kind == cdc.Time && n >= 0 && n < nanosPerDay:
		return cdc.AppendInt64(b, n), true
	case t.Kind == cdc.Smallint && n == int64(int16(n)):
		return cdc.AppendInt16(b, int16(n)), true
	case t.Kind == cdc.Tinyint && n == int64(int8(n)):
		return cdc.AppendInt8(b, int8(n)), true
	case t.Kind == cdc.Date && n == int64(int32(n)):
		if w.reach == unconverted || rawDates(w.version) {
			return cdc.AppendInt32(b, int32(n)), true
		}
		return cdc.AppendDate(b, int32(n)), true
	case t.Kind == cdc.Duration:
		return cdc.AppendDuration(b, cdc.Span{Nanos: n}), true
	case t.Kind == cdc.Varint:
		return cdc.AppendVarint64(b, n), true
	case t.Kind == cdc.Decimal:
		return cdc.AppendDecimal64(b, n, 0), true
	}
	switch t.Kind {
	case cdc.Int, cdc.Smallint, cdc.Tinyint, cdc.Date, cdc.Time:
		return b, w.fail(fault.OutOfRange, "number outside the range of %s", t)
	}
	return b, w.wrongType(t, "an integer")
}

// floating appends f as a value of t.
func (w *work) floating(b []byte, t *cdc.Type, f float64) ([]byte, bool) {
	switch t.Kind {
	case cdc.Double:
		return cdc.AppendDouble(b, f), true
	case cdc.Float:
		return cdc.AppendFloat(b, float32(f)), true
	case cdc.Decimal:
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return b, w.fail(fault.OutOfRange, "a decimal that is not finite")
		}
		var text [32]byte
		b, err := cdc.AppendDecimalText(b, appendJavaDouble(text[:0], f))
		return b, err == nil || w.fail(fault.OutOfRange, "number outside the range of decimal")
	}
	return b, w.wrongType(t, "a floating-point number")
}

// appendJavaDouble appends f as java.lang.Double.toString writes it, from which
// a decimal gets its scale.
func appendJavaDouble(b []byte, f float64) []byte {
	from := len(b)
	if a := math.Abs(f); a != 0 && (a < 1e-3 || a >= 1e7) {
		b = strconv.AppendFloat(b, f, 'e', -1, 64)
		e := from + bytes.IndexByte(b[from:], 'e')
		if bytes.IndexByte(b[from:e], '.') < 0 {
			b = slices.Insert(b, e, '.', '0')
		}
		return b
	}
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if bytes.IndexByte(b[from:], '.') < 0 {
		b = append(b, ".0"...)
	}
	return b
}

// text appends the value of t that the text s stands for.
func (w *work) text(b []byte, t *cdc.Type, s []byte) ([]byte, bool) {
	var err error
	switch t.Kind {
	case cdc.Text:
		return append(b, s...), true
	case cdc.Ascii:
		if !ascii(s) {
			return b, w.fail(fault.OutOfRange, "ascii with a character beyond ASCII")
		}
		return append(b, s...), true
	case cdc.UUID, cdc.Timeuuid:
		at := len(b)
		if b, err = cdc.AppendUUIDText(b, s); err == nil && t.Kind == cdc.Timeuuid && b[at+6]>>4 != 1 {
			return b, w.fail(fault.OutOfRange, "timeuuid that is not of version 1")
		}
	case cdc.Inet:
		b, err = cdc.AppendInetText(b, s)
	case cdc.Decimal, cdc.Varint:
		return w.numeric(b, t, s)
	case cdc.Float, cdc.Double:
		switch string(s) {
		case "NaN":
			return w.floating(b, t, math.NaN())
		case "Infinity":
			return w.floating(b, t, math.Inf(1))
		case "-Infinity":
			return w.floating(b, t, math.Inf(-1))
		}
		return b, w.wrongType(t, "other text")
	case cdc.Blob:
		at := len(b)
		b, err = strict64.AppendDecode(b, s)
		if err != nil {
			return b[:at], w.fail(fault.WrongType, "text that is not base64")
		}
	default:
		return b, w.wrongType(t, "text")
	}
	if err != nil {
		return b, w.fail(fault.WrongType, "%v", err)
	}
	return b, true
}

// numeric appends the decimal or varint that s writes in digits.
func (w *work) numeric(b []byte, t *cdc.Type, s []byte) ([]byte, bool) {
	if t.Kind == cdc.Varint && w.base64() {
		return w.precise(b, t, s)
	}
	var err error
	if t.Kind == cdc.Varint {
		b, err = cdc.AppendVarintText(b, s)
	} else if unscaled, scale, ok := shortDecimal(s); ok {
		return cdc.AppendDecimal64(b, unscaled, scale), true
	} else {
		b, err = cdc.AppendDecimalText(b, s)
	}
	switch {
	case err == nil:
		return b, true
	case isNumber(s):
		return b, w.fail(fault.OutOfRange, "%v", err)
	case t.Kind == cdc.Varint:
		return b, w.fail(fault.WrongType, "varint in text that is no integer; of an agent with varint.handling.mode=precise, set decode.varint to base64")
	default:
		return b, w.fail(fault.WrongType, "%v", err)
	}
}

// shortDecimal is [cdc.AppendDecimalText] for what fits 64 bits and has no
// exponent, without an allocation.
func shortDecimal(s []byte) (unscaled int64, scale int32, ok bool) {
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	if len(s) > 18 {
		return 0, 0, false
	}
	point := len(s)
	for i, c := range s {
		switch {
		case c-'0' <= 9:
			unscaled = unscaled*10 + int64(c-'0')
			ok = true
		case c == '.' && point == len(s):
			point = i
		default:
			return 0, 0, false
		}
	}
	if neg {
		unscaled = -unscaled
	}
	return unscaled, int32(max(len(s)-point-1, 0)), ok
}

// isNumber reports whether s is a number as JSON writes it.
func isNumber(s []byte) bool {
	n := scanner{input{b: s}}
	_, _, ok := n.number()
	return ok && n.i == len(s)
}

// precise appends the varint whose two's complement s is in base64.
func (w *work) precise(b []byte, t *cdc.Type, s []byte) ([]byte, bool) {
	at := len(b)
	b, err := strict64.AppendDecode(b, s)
	if err != nil {
		return b[:at], w.fail(fault.WrongType, "text that is not base64")
	}
	return b, w.checkUnscaled(t, b[at:])
}

// base64 reports whether varints in text are two's complements in base64. Where
// the schema came with the event it says so.
func (w *work) base64() bool {
	if w.wire != nil {
		return w.wire.preciseVarint
	}
	return w.d.cfg.Varint == Base64
}

// checkUnscaled checks the two's complement of a number.
func (w *work) checkUnscaled(t *cdc.Type, v []byte) bool {
	switch {
	case len(v) == 0:
		return w.fail(fault.WrongType, "%s of no bytes", t)
	case len(v) > maxUnscaled:
		return w.fail(fault.OutOfRange, "%s of %d bytes", t, len(v))
	}
	return true
}

// scale appends the scale of a decimal.
func (w *work) scale(b []byte, n int64) ([]byte, bool) {
	if n < -maxScale || n > maxScale {
		return b, w.fail(fault.OutOfRange, "decimal with a scale beyond %d", maxScale)
	}
	return cdc.AppendInt32(b, int32(n)), true
}

// rawDates reports whether a connector of that version writes dates as Cassandra
// stores them, shifted by 2^31, instead of in days since 1970: those before
// 3.4.1 do. One that does not say its version is taken for a later one.
func rawDates(version []byte) bool {
	want := [...]int{3, 4, 1}
	for i, rest := 0, version; i < len(want); i++ {
		n, digits := 0, 0
		for len(rest) > digits && rest[digits]-'0' <= 9 && digits < 6 {
			n = n*10 + int(rest[digits]-'0')
			digits++
		}
		if digits == 0 || n > want[i] {
			return false
		}
		if n < want[i] {
			return true
		}
		if rest = rest[digits:]; len(rest) > 0 && rest[0] == '.' {
			rest = rest[1:]
		}
	}
	return false
}
