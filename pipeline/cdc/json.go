package cdc

import (
	"bytes"
	"math"
)

// AppendJSON appends v as SELECT JSON and toJson() write a value of t: numbers
// bare, lists, sets, tuples and vectors as arrays, maps and UDTs as objects
// whose keys are text, null as null, all else as strings. NaN and the
// infinities, for which JSON has no number, are the strings "NaN", "Infinity" and
// "-Infinity". v must satisfy [Type.Check].
func (t *Type) AppendJSON(b []byte, v Value) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	switch t.Kind {
	case Ascii, Text:
		return appendQuoted(b, v)
	case List, Set, Tuple, Vector:
		return t.appendArray(b, v)
	case Map:
		return t.appendMap(b, v)
	case UDT:
		return t.appendObject(b, v)
	}
	if len(v) == 0 && t.Kind != Blob {
		return append(b, `""`...) // the empty value, which is not null
	}
	switch t.Kind {
	case Boolean, Tinyint, Smallint, Int, Bigint, Counter, Varint, Decimal:
		return t.AppendText(b, v)
	case Float, Double:
		if f, _ := v.Float(t.Kind); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return t.AppendText(b, v)
		}
	}
	return append(t.AppendText(append(b, '"'), v), '"') // no character that needs an escape
}

func (t *Type) appendArray(b []byte, v Value) []byte {
	b = append(b, '[')
	n := 0
	for e, x := range t.Elements(v) {
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = e.AppendJSON(b, x)
	}
	for ; t.Kind == Tuple && n < len(t.Elems); n++ { // fields that are not there yet are null
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, "null"...)
	}
	return append(b, ']')
}

func (t *Type) appendMap(b []byte, v Value) []byte {
	b = append(b, '{')
	n := 0
	for e, x := range t.Elements(v) {
		if n%2 == 1 {
			b = e.AppendJSON(append(b, ':'), x)
		} else {
			if n > 0 {
				b = append(b, ',')
			}
			b = e.appendKey(b, x)
		}
		n++
	}
	return append(b, '}')
}

// appendKey appends v as the key of an object: its text, quoted.
func (t *Type) appendKey(b []byte, v Value) []byte {
	if t.Kind == Ascii || t.Kind == Text {
		return appendQuoted(b, v)
	}
	return appendQuoted(b, t.AppendText(nil, v))
}

func (t *Type) appendObject(b []byte, v Value) []byte {
	b = append(b, '{')
	n := 0
	next := func() {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, []byte(t.Fields[n])), ':')
		n++
	}
	for e, x := range t.Elements(v) {
		next()
		b = e.AppendJSON(b, x)
	}
	for n < len(t.Fields) {
		next()
		b = append(b, "null"...)
	}
	return append(b, '}')
}

// appendQuoted appends s as a JSON string (RFC 8259 §7), escaping only what must be.
func appendQuoted(b, s []byte) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}

// HasNUL reports whether text anywhere in v holds U+0000, which PostgreSQL's
// text and jsonb cannot (PostgreSQL, "String Types").
func (t *Type) HasNUL(v Value) bool {
	switch {
	case t.Kind == Ascii || t.Kind == Text:
		return bytes.IndexByte(v, 0) >= 0
	case len(t.Elems) > 0:
		for e, x := range t.Elements(v) {
			if e.HasNUL(x) {
				return true
			}
		}
	}
	return false
}
