package debezium

import (
	"strconv"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// value appends the JSON value that comes next as one of t, and reports whether
// it is null; nothing is appended then.
func (w *work) value(b []byte, t *cdc.Type) (out []byte, null, ok bool) {
	switch c := w.peek(); c {
	case '"':
		raw, escaped, ok := w.str()
		if ok && escaped {
			raw, ok = w.unescape(raw)
		}
		if !ok {
			return b, false, false
		}
		b, ok = w.text(b, t, raw)
		return b, false, ok
	case 'n':
		return b, true, w.lit("null") || w.expected("a value")
	case 't', 'f':
		yes := w.lit("true")
		if !yes && !w.lit("false") {
			return b, false, w.expected("a value")
		}
		if t.Kind != cdc.Boolean {
			return b, false, w.wrongType(t, "a boolean")
		}
		return cdc.AppendBool(b, yes), false, true
	case '[':
		b, ok = w.array(b, t)
		return b, false, ok
	case '{':
		b, ok = w.object(b, t)
		return b, false, ok
	default:
		if c != '-' && (c < '0' || c > '9') {
			return b, false, w.expected("a value")
		}
		b, ok = w.jsonNumber(b, t)
		return b, false, ok
	}
}

// unescape returns the text of a string with escapes. It is good until the next call.
func (w *work) unescape(raw []byte) ([]byte, bool) {
	s, ok := appendUnescaped(w.unescaped[:0], raw)
	w.unescaped = s
	return s, ok || w.fail(fault.NotUTF8, "escape of half a surrogate pair")
}

// maxFloatText bounds the text of a floating-point number. The longest exact one
// of a double has some 1,100 characters.
const maxFloatText = 4096

func (w *work) jsonNumber(b []byte, t *cdc.Type) ([]byte, bool) {
	raw, integer, ok := w.number()
	if !ok {
		return b, false
	}
	switch t.Kind {
	case cdc.Float, cdc.Double:
		size := 64
		if t.Kind == cdc.Float {
			size = 32
		}
		f, err := 0.0, error(nil)
		if len(raw) <= maxFloatText {
			f, err = strconv.ParseFloat(string(raw), size)
		}
		if err != nil || len(raw) > maxFloatText {
			return b, w.fail(fault.OutOfRange, "number outside the range of %s", t)
		}
		return w.floating(b, t, f)
	case cdc.Decimal:
		return w.numeric(b, t, raw)
	}
	if !integer {
		return b, w.wrongType(t, "a number with a fraction or an exponent")
	}
	n, fits := parseInt(raw)
	switch {
	case fits:
		return w.integer(b, t, n)
	case t.Kind == cdc.Varint:
		out, err := cdc.AppendVarintText(b, raw)
		return out, err == nil || w.fail(fault.OutOfRange, "%v", err)
	default:
		return b, w.fail(fault.OutOfRange, "number outside the range of %s", t)
	}
}

// parseInt parses an integer as JSON writes it, if it fits 64 bits.
func parseInt(s []byte) (int64, bool) {
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	if len(s) > 19 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range s {
		n = n*10 + uint64(c-'0')
	}
	if neg {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

// jsonInt reads an integer or null. Anything else fails with c.
func (w *work) jsonInt(c fault.Code, what string) (n int64, null, ok bool) {
	if w.peek() == 'n' && w.lit("null") {
		return 0, true, true
	}
	if first := w.peek(); first != '-' && (first < '0' || first > '9') {
		at := w.i
		return 0, false, w.skip() && w.failAt(at, c, "%s is not an integer", what)
	}
	at := w.i
	raw, integer, ok := w.number()
	if !ok {
		return 0, false, false
	}
	if n, ok = parseInt(raw); !ok || !integer {
		return 0, false, w.failAt(at, c, "%s is not an integer of 64 bits", what)
	}
	return n, false, true
}
