package debezium

import (
	"math"
	"unicode/utf8"

	"github.com/hamba/avro/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// avroValue appends the value of schema n that comes next as one of t, and
// reports whether it is null; nothing is appended then.
func (w *work) avroValue(b []byte, t *cdc.Type, n *avroNode) (out []byte, null, ok bool) {
	n, ok = w.branch(n)
	if !ok {
		return b, false, false
	}
	switch n.kind {
	case avro.Null:
		return b, true, true
	case avro.Int, avro.Long:
		v, ok := w.long()
		if !ok {
			return b, false, false
		}
		b, ok = w.integer(b, t, v)
		return b, false, ok
	case avro.String:
		s, ok := w.lengthed()
		if !ok {
			return b, false, false
		}
		b, ok = w.avroString(b, t, s)
		return b, false, ok
	case avro.Enum:
		i, ok := w.long()
		if !ok || i < 0 || i >= int64(len(n.names)) {
			return b, false, w.malformed("an enum without that symbol")
		}
		b, ok = w.avroString(b, t, []byte(n.names[i]))
		return b, false, ok
	case avro.Boolean:
		v, ok := w.boolean()
		if ok && t.Kind != cdc.Boolean {
			ok = w.wrongType(t, "a boolean")
		}
		return cdc.AppendBool(b, v), false, ok
	case avro.Float, avro.Double:
		size := int64(8)
		if n.kind == avro.Float {
			size = 4
		}
		f, ok := w.float(size)
		if ok && t.Kind == cdc.Float && size == 8 && math.Abs(f) > math.MaxFloat32 && !math.IsInf(f, 0) {
			ok = w.fail(fault.OutOfRange, "number outside the range of %s", t)
		}
		if ok {
			b, ok = w.floating(b, t, f)
		}
		return b, false, ok
	case avro.Bytes, avro.Fixed:
		var s []byte
		if n.kind == avro.Fixed {
			s, ok = w.take(n.size)
		} else {
			s, ok = w.lengthed()
		}
		if ok {
			b, ok = w.avroBytes(b, t, n, s)
		}
		return b, false, ok
	}
	if !w.enter() {
		return b, false, false
	}
	switch {
	case n.kind == avro.Record && t.Kind == cdc.Decimal:
		b, ok = w.avroParts(b, t, n)
	case n.kind == avro.Record && (t.Kind == cdc.Tuple || t.Kind == cdc.UDT):
		b, ok = w.avroFields(b, t, n)
	case n.kind == avro.Array && (t.Kind == cdc.List || t.Kind == cdc.Set || t.Kind == cdc.Vector),
		(n.kind == avro.Array || n.kind == avro.Map) && t.Kind == cdc.Map:
		b, ok = w.avroElements(b, t, n)
	default:
		ok = w.wrongType(t, string("a "+n.kind))
	}
	w.leave()
	return b, false, ok
}

func (w *work) avroString(b []byte, t *cdc.Type, s []byte) ([]byte, bool) {
	if !utf8.Valid(s) {
		return b, w.fail(fault.NotUTF8, "invalid UTF-8 in a string")
	}
	if t.Kind == cdc.Blob { // which would be base64 in JSON
		return b, w.wrongType(t, "a string")
	}
	return w.text(b, t, s)
}

// avroBytes appends a blob, or a number in two's complement.
func (w *work) avroBytes(b []byte, t *cdc.Type, n *avroNode, s []byte) ([]byte, bool) {
	switch {
	case t.Kind == cdc.Blob:
		return append(b, s...), true
	case t.Kind == cdc.Varint && n.scale <= 0:
		return append(b, s...), w.checkUnscaled(t, s)
	case t.Kind == cdc.Decimal && n.scale >= 0:
		b, ok := w.scale(b, int64(n.scale))
		return append(b, s...), ok && w.checkUnscaled(t, s)
	}
	return b, w.wrongType(t, "bytes")
}

// avroParts appends a decimal from its scale and unscaled value.
func (w *work) avroParts(b []byte, t *cdc.Type, n *avroNode) ([]byte, bool) {
	seen := 0
	at := len(b)
	b = cdc.AppendInt32(b, 0)
	for _, f := range n.fields {
		switch f.name {
		case "scale":
			v, null, ok := w.avroInt(f.node)
			if !ok || null {
				return b, ok && w.wrongType(t, "a record with null fields")
			}
			if _, ok = w.scale(b[:at], v); !ok {
				return b, false
			}
			seen |= 1
		case "value":
			out, null, ok := w.avroValue(b, cdc.ScalarType(cdc.Blob), f.node)
			if !ok || null || !w.checkUnscaled(t, out[len(b):]) {
				return b, ok && w.wrongType(t, "a record with null fields")
			}
			b = out
			seen |= 2
		default:
			if !w.avroSkip(f.node) {
				return b, false
			}
		}
	}
	if seen != 3 {
		return b, w.wrongType(t, "a record without scale and value")
	}
	return b, true
}

// avroItems calls item for each item of an array, at its start.
func (w *work) avroItems(n *avroNode, item func(*avroNode) bool) bool {
	if n, _ = w.branch(n); n == nil || n.kind != avro.Array {
		return w.code == "" && w.fail(fault.AvroSchema, "schema with a %s where an array was expected", n.kind)
	}
	for {
		count, ok := w.block()
		if count == 0 || !ok {
			return ok
		}
		for ; count > 0; count-- {
			e, ok := w.branch(n.item)
			if !ok || !item(e) {
				return false
			}
		}
	}
}

func (w *work) avroNested(n *nest, b []byte, t *cdc.Type, s *avroNode) ([]byte, bool) {
	b, null, ok := w.avroValue(n.open(w, b), t, s)
	if !ok {
		return b, false
	}
	return n.close(w, b, null)
}

// avroElements appends a list, set or vector from an array; or a map, from an array
// of records with key and value, which is what AvroData makes of maps whose keys can
// be null, or from a map.
func (w *work) avroElements(b []byte, t *cdc.Type, s *avroNode) ([]byte, bool) {
	n, b := w.build(b, t)
	for {
		count, ok := w.block()
		if !ok {
			return b, false
		}
		if count == 0 {
			return n.end(w, b)
		}
		for ; count > 0; count-- {
			if t.Kind == cdc.Map {
				b, ok = w.avroEntry(&n, b, t, s)
			} else {
				b, ok = w.avroNested(&n, b, t.Elems[0], s.item)
			}
			if !ok {
				return b, false
			}
		}
	}
}

func (w *work) avroEntry(n *nest, b []byte, t *cdc.Type, s *avroNode) ([]byte, bool) {
	if s.kind == avro.Map {
		key, ok := w.lengthed()
		if ok {
			b, ok = w.avroString(n.open(w, b), t.Elems[0], key)
		}
		if ok {
			b, ok = n.close(w, b, false)
		}
		if !ok {
			return b, false
		}
		return w.avroNested(n, b, t.Elems[1], s.item)
	}
	e, ok := w.branch(s.item)
	if !ok {
		return b, false
	}
	if e.kind != avro.Record || len(e.fields) != 2 || e.fields[0].name != "key" || e.fields[1].name != "value" {
		return b, w.wrongType(t, "an array of something else than key and value")
	}
	for i, f := range e.fields {
		if b, ok = w.avroNested(n, b, t.Elems[i], f.node); !ok {
			return b, false
		}
	}
	return b, true
}

// avroFields appends a tuple or UDT. Its fields are looked up first and read in
// the type's order.
func (w *work) avroFields(b []byte, t *cdc.Type, s *avroNode) ([]byte, bool) {
	base := len(w.offsets)
	for range t.Elems { // where the field begins, and which of the record it is
		w.offsets = append(w.offsets, -1, -1)
	}
	for i, f := range s.fields {
		at := w.i
		if !w.avroSkip(f.node) {
			return b, false
		}
		k := fieldOf(t, []byte(f.name))
		switch {
		case k >= 0:
			w.offsets[base+2*k], w.offsets[base+2*k+1] = int32(at), int32(i)
		case t.Kind == cdc.Tuple:
			return b, w.wrongType(t, "a record with other fields")
		case !w.unknownColumn(w.columnName()+"."+f.name, false):
			return b, false
		}
	}
	end := w.i
	n, b := w.build(b, t)
	for k, e := range t.Elems {
		var ok bool
		if at := w.offsets[base+2*k]; at < 0 {
			b, ok = n.close(w, n.open(w, b), true)
		} else {
			w.i = int(at)
			b, ok = w.avroNested(&n, b, e, s.fields[w.offsets[base+2*k+1]].node)
		}
		if !ok {
			return b, false
		}
	}
	w.i = end
	b, ok := n.end(w, b)
	w.offsets = w.offsets[:base]
	return b, ok
}

// avroSkip passes over a value of schema n.
func (w *work) avroSkip(n *avroNode) bool {
	n, ok := w.branch(n)
	if !ok {
		return false
	}
	switch n.kind {
	case avro.Null:
	case avro.Int, avro.Long, avro.Enum:
		_, ok = w.long()
	case avro.Boolean:
		_, ok = w.boolean()
	case avro.Float:
		_, ok = w.take(4)
	case avro.Double:
		_, ok = w.take(8)
	case avro.Bytes, avro.String:
		_, ok = w.lengthed()
	case avro.Fixed:
		_, ok = w.take(n.size)
	default:
		ok = w.enter() && w.avroSkipNested(n)
		w.leave()
	}
	return ok
}

func (w *work) avroSkipNested(n *avroNode) bool {
	for _, f := range n.fields {
		if !w.avroSkip(f.node) {
			return false
		}
	}
	if n.item == nil {
		return true
	}
	for {
		count, ok := w.block()
		if count == 0 || !ok {
			return ok
		}
		for ; count > 0; count-- {
			if n.kind == avro.Map {
				if _, ok := w.lengthed(); !ok {
					return false
				}
			}
			if !w.avroSkip(n.item) {
				return false
			}
		}
	}
}
