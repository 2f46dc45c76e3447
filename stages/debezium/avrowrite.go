package debezium

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hamba/avro/v2"
)

// A misfit is what does not fit a schema: where, from the outside in, and why.
type misfit struct {
	path []string
	why  string
}

func (m *misfit) Error() string {
	if len(m.path) == 0 {
		return m.why
	}
	return strings.Join(m.path, ".") + ": " + m.why
}

func misfits(format string, args ...any) error { return &misfit{why: fmt.Sprintf(format, args...)} }

// within says in which part of the value an error is.
func within(name string, err error) error {
	if m, ok := errors.AsType[*misfit](err); ok {
		return &misfit{append([]string{name}, m.path...), m.why}
	}
	return err
}

// appendAvro appends a value in JSON, as [Form.JSON] writes it, in Avro.
func appendAvro(b []byte, n *avroNode, text json.RawMessage) ([]byte, error) {
	text = bytes.TrimSpace(text)
	null := string(text) == "null"
	switch n.kind {
	case avro.Union:
		return appendUnion(b, n, text, null)
	case avro.Null:
		if !null {
			return nil, misfits("%s, where the schema has null", kindOf(text))
		}
		return b, nil
	case avro.Record:
		return appendRecord(b, n, text)
	case avro.Map:
		return appendMap(b, n, text)
	case avro.Array:
		return appendArray(b, n, text)
	case avro.Boolean:
		switch string(text) {
		case "true":
			return append(b, 1), nil
		case "false":
			return append(b, 0), nil
		}
	case avro.Int, avro.Long:
		if kindOf(text) == "a number" {
			bits := map[avro.Type]int{avro.Int: 32, avro.Long: 64}[n.kind]
			v, err := strconv.ParseInt(string(text), 10, bits)
			if err != nil {
				return nil, misfits("not an integer within the range of %s", n.kind)
			}
			return binary.AppendVarint(b, v), nil
		}
	case avro.Float, avro.Double:
		return appendFloat(b, n, text)
	case avro.String, avro.Enum, avro.Bytes, avro.Fixed:
		var s string
		if kindOf(text) == "a string" && json.Unmarshal(text, &s) == nil {
			return appendString(b, n, s)
		}
	}
	return nil, misfits("%s, where the schema has %s", kindOf(text), n.kind)
}

// kindOf names what a text of JSON is.
func kindOf(text []byte) string {
	if len(text) == 0 {
		return "nothing"
	}
	switch text[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// appendUnion takes the first branch that the value fits.
func appendUnion(b []byte, n *avroNode, text []byte, null bool) ([]byte, error) {
	var first error
	for i, branch := range n.union {
		if null != (branch.kind == avro.Null) {
			continue
		}
		out, err := appendAvro(binary.AppendVarint(b, int64(i)), branch, text)
		if err == nil {
			return out, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = misfits("%s, which the schema does not allow", kindOf(text))
	}
	return nil, first
}

// members returns the members of an object, each once.
func members(n *avroNode, text []byte) (names []string, values map[string]json.RawMessage, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, misfits("%s, where the schema has %s", kindOf(text), n.kind)
	}
	values = map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, nil, misfits("not JSON")
		}
		name, _ := t.(string) // as the names of members are
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, nil, within(name, misfits("not JSON"))
		}
		if _, twice := values[name]; twice {
			return nil, nil, within(name, misfits("it stands there twice"))
		}
		names, values[name] = append(names, name), raw
	}
	return names, values, nil
}

func appendRecord(b []byte, n *avroNode, text []byte) ([]byte, error) {
	names, values, err := members(n, text)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if n.field(name) == nil {
			return nil, within(name, misfits("the schema has no such field"))
		}
	}
	for _, f := range n.fields {
		raw, ok := values[f.name]
		if !ok {
			return nil, within(f.name, misfits("it is missing"))
		}
		if b, err = appendAvro(b, f.node, raw); err != nil {
			return nil, within(f.name, err)
		}
	}
	return b, nil
}

func appendMap(b []byte, n *avroNode, text []byte) ([]byte, error) {
	names, values, err := members(n, text)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		b = binary.AppendVarint(b, int64(len(names)))
	}
	for _, name := range names {
		b = append(binary.AppendVarint(b, int64(len(name))), name...)
		if b, err = appendAvro(b, n.item, values[name]); err != nil {
			return nil, within(name, err)
		}
	}
	return append(b, 0), nil
}

func appendArray(b []byte, n *avroNode, text []byte) ([]byte, error) {
	var items []json.RawMessage
	if kindOf(text) != "an array" || json.Unmarshal(text, &items) != nil {
		return nil, misfits("%s, where the schema has %s", kindOf(text), n.kind)
	}
	if len(items) > 0 {
		b = binary.AppendVarint(b, int64(len(items)))
	}
	var err error
	for i, item := range items {
		if b, err = appendAvro(b, n.item, item); err != nil {
			return nil, within(strconv.Itoa(i), err)
		}
	}
	return append(b, 0), nil
}

func appendFloat(b []byte, n *avroNode, text []byte) ([]byte, error) {
	bits := map[avro.Type]int{avro.Float: 32, avro.Double: 64}[n.kind]
	var v float64
	var err error
	switch string(text) {
	case `"NaN"`:
		v = math.NaN()
	case `"Infinity"`:
		v = math.Inf(1)
	case `"-Infinity"`:
		v = math.Inf(-1)
	default:
		if kindOf(text) != "a number" {
			return nil, misfits("%s, where the schema has %s", kindOf(text), n.kind)
		}
		if v, err = strconv.ParseFloat(string(text), bits); err != nil {
			return nil, misfits("not a number within the range of %s", n.kind)
		}
	}
	if bits == 32 {
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v))), nil
	}
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), nil
}

// appendString appends what stands in a string: text, a symbol, a decimal, or bytes.
func appendString(b []byte, n *avroNode, s string) ([]byte, error) {
	raw := []byte(s)
	var err error
	switch {
	case n.kind == avro.Enum:
		i := slices.Index(n.names, s)
		if i < 0 {
			return nil, misfits("none of the symbols %s", strings.Join(n.names, ", "))
		}
		return binary.AppendVarint(b, int64(i)), nil
	case n.kind == avro.String:
	case n.scale >= 0:
		if raw, err = unscaled(s, n.scale); err != nil {
			return nil, err
		}
		if n.kind == avro.Fixed && len(raw) < int(n.size) { // the sign goes on
			raw = append(bytes.Repeat([]byte{byte(int8(raw[0]) >> 7)}, int(n.size)-len(raw)), raw...)
		}
	default:
		if raw, err = base64.StdEncoding.DecodeString(s); err != nil {
			return nil, misfits("bytes stand in base64, which it is not")
		}
	}
	if n.kind == avro.Fixed {
		if len(raw) != int(n.size) {
			return nil, misfits("%d bytes, where the schema has %d", len(raw), n.size)
		}
		return append(b, raw...), nil
	}
	return append(binary.AppendVarint(b, int64(len(raw))), raw...), nil
}

// unscaled returns a decimal without its point, in two's complement.
func unscaled(s string, scale int) ([]byte, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	digits := strings.TrimPrefix(whole, "-") + fraction
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return nil, misfits("a decimal stands there in digits, as \"1.50\"")
	case len(fraction) > scale:
		return nil, misfits("%d digits behind the point, where the schema has %d", len(fraction), scale)
	case len(digits) > 2*maxDecimalBytes || scale > maxDecimalBytes:
		return nil, misfits("too many digits")
	}
	v, _ := new(big.Int).SetString(digits+strings.Repeat("0", scale-len(fraction)), 10) // of digits alone
	if strings.HasPrefix(s, "-") {
		v.Neg(v)
	}
	size := v.BitLen()/8 + 1 // with room for the sign
	if v.Sign() < 0 {
		if x := new(big.Int).Not(v); x.BitLen()/8+1 < size {
			size = x.BitLen()/8 + 1 // -128 fits a byte
		}
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return v.FillBytes(make([]byte, size)), nil
}
