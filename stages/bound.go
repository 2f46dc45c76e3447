package stages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"time"

	"cdcpipe/pipeline/cdc"
)

// holds says whether columns of type t may hold values of a kind (integer, date and
// so on). If t is text, it returns the function that tells which texts do.
func holds(kind string, t *cdc.Type) (ok func(cdc.Value) bool, fits bool) {
	k := t.Kind
	whole := k == cdc.Tinyint || k == cdc.Smallint || k == cdc.Int || k == cdc.Bigint || k == cdc.Varint
	switch kind {
	case "integer":
		fits = whole
	case "number":
		fits = whole || k == cdc.Float || k == cdc.Double || k == cdc.Decimal
	case "boolean":
		fits = k == cdc.Boolean
	case "text":
		return nil, k == cdc.Text || k == cdc.Ascii
	case "uuid":
		fits = k == cdc.UUID || k == cdc.Timeuuid
	case "inet":
		fits = k == cdc.Inet
	case "date":
		fits = k == cdc.Date
	case "timestamp":
		fits = k == cdc.Timestamp
	case "json":
		fits = !k.Scalar()
	}
	if fits || k != cdc.Text && k != cdc.Ascii {
		return nil, fits
	}
	return func(v cdc.Value) bool { return parses(kind, v) }, true
}

// parses reports whether text is of the form of a kind.
func parses(kind string, text cdc.Value) bool {
	var err error
	switch kind {
	case "integer":
		_, err = cdc.AppendVarintText(nil, text)
	case "number":
		_, err = cdc.AppendDecimalText(nil, text)
	case "boolean":
		return string(text) == "true" || string(text) == "false"
	case "uuid":
		_, err = cdc.AppendUUIDText(nil, text)
	case "inet":
		_, err = cdc.AppendInetText(nil, text)
	case "date":
		_, err = time.Parse(time.DateOnly, string(text))
	case "timestamp":
		_, err = time.Parse(time.RFC3339Nano, string(text))
	case "json":
		return json.Valid(text)
	}
	return err == nil
}

// newBound returns a function that compares a value of type t with x: -1, 0 or 1. It
// is not ok for what cannot be compared: NaN, the empty value, text that is no number.
// Text is compared as a number.
func newBound(t *cdc.Type, x any) (compare func(cdc.Value) (n int, ok bool), err error) {
	switch t.Kind {
	case cdc.Date, cdc.Timestamp:
		return newTimeBound(t, x)
	case cdc.Tinyint, cdc.Smallint, cdc.Int, cdc.Bigint, cdc.Float, cdc.Double, cdc.Varint, cdc.Decimal, cdc.Text, cdc.Ascii:
	default:
		return nil, fmt.Errorf("a bound is for numbers, dates and timestamps, and the column is of type %s", t)
	}
	bound, ok := number([]byte(fmt.Sprint(x)))
	if !ok {
		return nil, fmt.Errorf("%v is no number, and the column is of type %s", x, t)
	}
	whole, exact := bound.Int64()
	near, _ := bound.Float64()
	switch t.Kind {
	case cdc.Tinyint, cdc.Smallint, cdc.Int, cdc.Bigint:
		return func(v cdc.Value) (int, bool) {
			n, ok := v.Int(t.Kind)
			if exact == big.Exact {
				return cmp.Compare(n, whole), ok
			}
			return new(big.Float).SetInt64(n).Cmp(bound), ok
		}, nil
	case cdc.Float, cdc.Double:
		return func(v cdc.Value) (int, bool) {
			f, ok := v.Float(t.Kind)
			return cmp.Compare(f, near), ok && !math.IsNaN(f)
		}, nil
	}
	return func(v cdc.Value) (int, bool) {
		n, ok := number(t.AppendText(nil, v))
		if !ok {
			return 0, false
		}
		return n.Cmp(bound), true
	}, nil
}

// number reads a decimal number, exactly to some 150 digits.
func number(text []byte) (*big.Float, bool) {
	if _, err := cdc.AppendDecimalText(nil, text); err != nil {
		return nil, false
	}
	f, ok := new(big.Float).SetPrec(512).SetString(string(text))
	return f, ok
}

// newTimeBound is newBound for points in time: text as in RFC 3339, or a date.
func newTimeBound(t *cdc.Type, x any) (func(cdc.Value) (int, bool), error) {
	s, _ := x.(string)
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		at, err = time.Parse(time.RFC3339Nano, s)
	}
	if err != nil {
		return nil, fmt.Errorf("%v is neither a date (2006-01-02) nor a timestamp (RFC 3339)", x)
	}
	bound := at.UnixMilli()
	if t.Kind == cdc.Date {
		bound = int64(math.Floor(float64(at.Unix()) / 86400))
	}
	return func(v cdc.Value) (int, bool) {
		n, ok := v.Int(t.Kind)
		return cmp.Compare(n, bound), ok
	}, nil
}
