package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
)

// sameNumeric reports whether two numerics in binary form are equal, in value and
// scale. Both forms may have zeros at either end (utils/adt/numeric.c, strip_var).
func sameNumeric(a, b []byte) bool {
	x, ok1 := readNumeric(a)
	y, ok2 := readNumeric(b)
	return ok1 && ok2 && x.weight == y.weight && x.sign == y.sign && x.scale == y.scale && bytes.Equal(x.digits, y.digits)
}

// A rawNumeric is a numeric without zeros at the ends.
type rawNumeric struct {
	weight      int16
	sign, scale uint16
	digits      []byte
}

func readNumeric(b []byte) (n rawNumeric, ok bool) {
	if len(b) < 8 || len(b) != 8+2*int(binary.BigEndian.Uint16(b)) {
		return n, false
	}
	n = rawNumeric{int16(binary.BigEndian.Uint16(b[2:])), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), b[8:]}
	for len(n.digits) > 0 && n.digits[0] == 0 && n.digits[1] == 0 {
		n.digits, n.weight = n.digits[2:], n.weight-1
	}
	for len(n.digits) > 0 && n.digits[len(n.digits)-2] == 0 && n.digits[len(n.digits)-1] == 0 {
		n.digits = n.digits[:len(n.digits)-2]
	}
	if len(n.digits) == 0 {
		n.weight, n.sign = 0, n.sign&0xc000&^0x4000 // zero has no sign, but NaN and infinities have theirs
	}
	return n, true
}

// sameJSON reports whether two jsonb in binary form are equal, whatever the order of
// their keys and the form of their numbers.
func sameJSON(a, b []byte) bool {
	x, ok1 := readJSON(a)
	y, ok2 := readJSON(b)
	return ok1 && ok2 && equalJSON(x, y)
}

func readJSON(b []byte) (v any, ok bool) {
	if len(b) == 0 || b[0] != 1 {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(b[1:]))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

func equalJSON(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		return ok && shortest(x.String()) == shortest(y.String())
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equalJSON(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			if w, ok := y[k]; !ok || !equalJSON(v, w) {
				return false
			}
		}
		return true
	default: // string, bool, nil
		return a == b
	}
}

// shortest returns a JSON number as digits without zeros at the ends, and an exponent.
func shortest(s string) string {
	s, negative := strings.CutPrefix(s, "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	exp, _ := strconv.Atoi(exponent) // 0 without one
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exp -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	exp += len(digits) - len(short)
	if negative {
		short = "-" + short
	}
	return short + "e" + strconv.Itoa(exp)
}
