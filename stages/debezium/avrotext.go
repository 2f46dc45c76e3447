package debezium

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hamba/avro/v2"

	"cdcpipe/pipeline/fault"
)

// An avroReader writes a message in Avro as JSON.
type avroReader struct {
	input
	steps int // that reading may still take: parts that take no bytes are no bomb
	out   []byte
}

func (r *avroReader) text(s []byte) bool {
	if !utf8.Valid(s) {
		return r.fail(fault.NotUTF8, "invalid UTF-8 in a string")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(s)) // a string has no way to fail
	r.out = append(r.out, bytes.TrimSpace(b.Bytes())...)
	return true
}

// value writes the value of schema n that comes next.
func (r *avroReader) value(n *avroNode) bool {
	if r.steps--; r.steps < 0 {
		return r.malformed("more parts than a message of its length can have")
	}
	switch n.kind {
	case avro.Null:
		r.out = append(r.out, "null"...)
		return true
	case avro.Union:
		i, ok := r.long()
		if ok && (i < 0 || i >= int64(len(n.union))) {
			ok = r.malformed("a union without that branch")
		}
		return ok && r.value(n.union[i])
	case avro.Boolean:
		v, ok := r.boolean()
		r.out = strconv.AppendBool(r.out, v)
		return ok
	case avro.Int, avro.Long:
		v, ok := r.long()
		r.out = strconv.AppendInt(r.out, v, 10)
		return ok
	case avro.Float:
		v, ok := r.float(4)
		r.number(v, 32)
		return ok
	case avro.Double:
		v, ok := r.float(8)
		r.number(v, 64)
		return ok
	case avro.String:
		s, ok := r.lengthed()
		return ok && r.text(s)
	case avro.Enum:
		i, ok := r.long()
		if ok && (i < 0 || i >= int64(len(n.names))) {
			ok = r.malformed("an enum without that symbol")
		}
		return ok && r.text([]byte(n.names[i]))
	case avro.Bytes:
		s, ok := r.lengthed()
		return ok && r.bytes(n, s)
	case avro.Fixed:
		s, ok := r.take(n.size)
		return ok && r.bytes(n, s)
	case avro.Record:
		return r.record(n)
	}
	return r.items(n)
}

func (r *avroReader) number(v float64, bits int) {
	if text, ok := noNumber(v); ok {
		r.out = strconv.AppendQuote(r.out, text)
		return
	}
	r.out = strconv.AppendFloat(r.out, v, 'g', -1, bits)
}

// noNumber returns the text of what JSON has no number for.
func noNumber(v float64) (string, bool) {
	switch {
	case math.IsNaN(v):
		return "NaN", true
	case math.IsInf(v, 1):
		return "Infinity", true
	case math.IsInf(v, -1):
		return "-Infinity", true
	}
	return "", false
}

func (r *avroReader) bytes(n *avroNode, s []byte) bool {
	if n.scale >= 0 {
		if len(s) > maxDecimalBytes || n.scale > maxDecimalBytes {
			return r.malformed("a decimal that is too long to be written")
		}
		return r.text([]byte(decimalText(s, n.scale)))
	}
	return r.text(base64.StdEncoding.AppendEncode(nil, s))
}

// maxDecimalBytes bounds what is written in digits, which takes the square of its length.
const maxDecimalBytes = 1 << 10

// decimalText returns the digits of an unscaled value in two's complement.
func decimalText(s []byte, scale int) string {
	v := new(big.Int).SetBytes(s)
	if len(s) > 0 && s[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(s))))
	}
	digits := new(big.Int).Abs(v).String()
	if scale > 0 {
		digits = strings.Repeat("0", max(0, scale+1-len(digits))) + digits
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if v.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

func (r *avroReader) record(n *avroNode) bool {
	r.out = append(r.out, '{')
	for i, f := range n.fields {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		if r.text([]byte(f.name)); !r.member(f.node) {
			return false
		}
	}
	r.out = append(r.out, '}')
	return true
}

func (r *avroReader) member(n *avroNode) bool {
	r.out = append(r.out, ':')
	return r.value(n)
}

// items writes an array or a map.
func (r *avroReader) items(n *avroNode) bool {
	open, end := byte('['), byte(']')
	if n.kind == avro.Map {
		open, end = '{', '}'
	}
	r.out = append(r.out, open)
	for first := true; ; {
		count, ok := r.block()
		if !ok {
			return false
		}
		if count == 0 {
			r.out = append(r.out, end)
			return true
		}
		for ; count > 0; count-- {
			if !first {
				r.out = append(r.out, ',')
			}
			first = false
			if n.kind == avro.Map {
				name, ok := r.lengthed()
				if !ok || !r.text(name) || !r.member(n.item) {
					return false
				}
			} else if !r.value(n.item) {
				return false
			}
		}
	}
}
