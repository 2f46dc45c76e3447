package stages

import (
	"fmt"
	"math"
	"math/big"
	"time"

	"cdcpipe/pipeline/cdc"
)

// goValue returns v, of type t, as expressions see it: integers as int, floats,
// decimals and big integers as float64, text, uuid, inet and blob (as 0x...) as
// string, date and timestamp as time.Time in UTC, time and durations without
// months as time.Duration, lists, sets, tuples and vectors as []any, maps and
// UDTs as map[string]any, null and the empty value as nil.
func goValue(t *cdc.Type, v cdc.Value) any {
	switch t.Kind {
	case cdc.Ascii, cdc.Text:
		if v == nil {
			return nil
		}
		return string(v)
	case cdc.Blob:
		if v == nil {
			return nil
		}
		return string(t.AppendText(nil, v))
	}
	if len(v) == 0 {
		return nil
	}
	switch t.Kind {
	case cdc.Boolean:
		return v[0] != 0
	case cdc.Tinyint, cdc.Smallint, cdc.Int, cdc.Bigint, cdc.Counter:
		n, _ := v.Int(t.Kind)
		return int(n)
	case cdc.Float, cdc.Double:
		f, _ := v.Float(t.Kind)
		return f
	case cdc.Varint, cdc.Decimal:
		f, _ := new(big.Float).SetString(string(t.AppendText(nil, v)))
		x, _ := f.Float64()
		return x
	case cdc.Date:
		n, _ := v.Int(cdc.Date)
		return time.Unix(n*86400, 0).UTC()
	case cdc.Timestamp:
		n, _ := v.Int(cdc.Timestamp)
		return time.UnixMilli(n).UTC()
	case cdc.Time:
		n, _ := v.Int(cdc.Time)
		return time.Duration(n)
	case cdc.Duration:
		s, _ := v.Duration()
		if s.Months == 0 && s.Days == 0 {
			return time.Duration(s.Nanos)
		}
		return string(t.AppendText(nil, v))
	case cdc.List, cdc.Set, cdc.Tuple, cdc.Vector:
		list := []any{}
		for e, x := range t.Elements(v) {
			list = append(list, goValue(e, x))
		}
		return list
	case cdc.Map:
		return goMap(t, v)
	case cdc.UDT:
		fields, n := map[string]any{}, 0
		for e, x := range t.Elements(v) {
			fields[t.Fields[n]] = goValue(e, x)
			n++
		}
		return fields
	default: // uuid, timeuuid, inet
		return string(t.AppendText(nil, v))
	}
}

func goMap(t *cdc.Type, v cdc.Value) map[string]any {
	m, key, n := map[string]any{}, "", 0
	for e, x := range t.Elements(v) {
		if n%2 == 0 {
			key = string(e.AppendText(nil, x))
		} else {
			m[key] = goValue(e, x)
		}
		n++
	}
	return m
}

// appendGo appends what an expression returned as a value of scalar type t.
func appendGo(b []byte, t *cdc.Type, x any) ([]byte, error) {
	mismatch := fmt.Errorf("the expression gives %T, which is no %s", x, t)
	switch t.Kind {
	case cdc.Tinyint, cdc.Smallint, cdc.Int, cdc.Bigint, cdc.Timestamp, cdc.Date, cdc.Time:
		n, ok := wholeNumber(t.Kind, x)
		if !ok {
			return b, mismatch
		}
		return appendWhole(b, t.Kind, n)
	case cdc.Float, cdc.Double:
		var f float64
		switch x := x.(type) {
		case float64:
			f = x
		case int:
			f = float64(x)
		case int64:
			f = float64(x)
		case uint64:
			f = float64(x)
		default:
			return b, mismatch
		}
		if t.Kind == cdc.Float {
			return cdc.AppendFloat(b, float32(f)), nil
		}
		return cdc.AppendDouble(b, f), nil
	case cdc.Boolean:
		v, ok := x.(bool)
		if !ok {
			return b, mismatch
		}
		return cdc.AppendBool(b, v), nil
	case cdc.Decimal, cdc.Varint:
		switch x.(type) {
		case int, int64, uint64, float64, string:
		default:
			return b, mismatch
		}
		if t.Kind == cdc.Varint {
			return cdc.AppendVarintText(b, fmt.Append(nil, x))
		}
		return cdc.AppendDecimalText(b, fmt.Append(nil, x))
	}
	s, ok := x.(string)
	if !ok {
		return b, mismatch
	}
	switch t.Kind {
	case cdc.Ascii, cdc.Text:
		return append(b, s...), nil
	case cdc.UUID, cdc.Timeuuid:
		return cdc.AppendUUIDText(b, []byte(s))
	case cdc.Inet:
		return cdc.AppendInetText(b, []byte(s))
	default:
		return b, fmt.Errorf("a column of type %s cannot be derived", t)
	}
}

func wholeNumber(k cdc.Kind, x any) (int64, bool) {
	switch x := x.(type) {
	case int:
		return int64(x), true
	case uint64: // as YAML has positive numbers
		return int64(x), x <= math.MaxInt64
	case int64:
		return x, true
	case float64:
		return int64(x), x == math.Trunc(x) && math.Abs(x) < 1<<62
	case time.Time:
		if k == cdc.Date {
			return int64(math.Floor(float64(x.Unix()) / 86400)), true
		}
		return x.UnixMilli(), k == cdc.Timestamp
	case time.Duration:
		return int64(x), k == cdc.Time
	}
	return 0, false
}

func appendWhole(b []byte, k cdc.Kind, n int64) ([]byte, error) {
	bits := 64
	switch k {
	case cdc.Tinyint:
		bits = 8
	case cdc.Smallint:
		bits = 16
	case cdc.Int, cdc.Date:
		bits = 32
	}
	if n>>(bits-1) != 0 && n>>(bits-1) != -1 {
		return b, fmt.Errorf("%d is out of the range of %s", n, k)
	}
	switch k {
	case cdc.Tinyint:
		return cdc.AppendInt8(b, int8(n)), nil
	case cdc.Smallint:
		return cdc.AppendInt16(b, int16(n)), nil
	case cdc.Int:
		return cdc.AppendInt32(b, int32(n)), nil
	case cdc.Date:
		return cdc.AppendDate(b, int32(n)), nil
	default:
		return cdc.AppendInt64(b, n), nil
	}
}
