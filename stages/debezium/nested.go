package debezium

import (
	"strconv"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// array appends a list, set or vector, or a map from an array of pairs.
func (w *work) array(b []byte, t *cdc.Type) ([]byte, bool) {
	switch t.Kind {
	case cdc.List, cdc.Set, cdc.Vector, cdc.Map:
	default:
		return b, w.wrongType(t, "an array")
	}
	w.i++
	if !w.enter() {
		return b, false
	}
	n, b := w.build(b, t)
	for first := true; ; first = false {
		more, ok := w.element(first)
		if !ok {
			return b, false
		}
		if !more {
			break
		}
		if t.Kind == cdc.Map {
			b, ok = w.pair(&n, b, t)
		} else {
			b, ok = w.nestedValue(&n, b, t.Elems[0])
		}
		if !ok {
			return b, false
		}
	}
	w.leave()
	return n.end(w, b)
}

// nestedValue adds the JSON value that comes next to n as one of e.
func (w *work) nestedValue(n *nest, b []byte, e *cdc.Type) ([]byte, bool) {
	b, null, ok := w.value(n.open(w, b), e)
	if !ok {
		return b, false
	}
	return n.close(w, b, null)
}

// pair adds an entry of a map to n from an array of its key and value, which is how
// Kafka Connect's JsonConverter writes maps whose keys are not strings.
func (w *work) pair(n *nest, b []byte, t *cdc.Type) ([]byte, bool) {
	if w.peek() != '[' {
		return b, w.wrongType(t, "an array of something else than pairs")
	}
	w.i++
	if !w.enter() {
		return b, false
	}
	for i, e := range t.Elems {
		more, ok := w.element(i == 0)
		if !ok {
			return b, false
		}
		if !more {
			return b, w.wrongType(t, "an array of something else than pairs")
		}
		if b, ok = w.nestedValue(n, b, e); !ok {
			return b, false
		}
	}
	if more, ok := w.element(false); more || !ok {
		return b, ok && w.wrongType(t, "an array of something else than pairs")
	}
	w.leave()
	return b, true
}

// object appends what an object stands for: a map with keys of text, the fields
// of a tuple or UDT, or a decimal in its two parts.
func (w *work) object(b []byte, t *cdc.Type) ([]byte, bool) {
	w.i++
	if !w.enter() {
		return b, false
	}
	var ok bool
	switch t.Kind {
	case cdc.Map:
		b, ok = w.members(b, t)
	case cdc.Tuple, cdc.UDT:
		b, ok = w.fields(b, t)
	case cdc.Decimal:
		b, ok = w.parts(b, t)
	default:
		return b, w.wrongType(t, "an object")
	}
	w.leave()
	return b, ok
}

func (w *work) members(b []byte, t *cdc.Type) ([]byte, bool) {
	n, b := w.build(b, t)
	for first := true; ; first = false {
		key, escaped, more, ok := w.member(first)
		if ok && escaped {
			key, ok = w.unescape(key)
		}
		if !ok {
			return b, false
		}
		if !more {
			break
		}
		if b, ok = w.text(n.open(w, b), t.Elems[0], key); ok {
			b, ok = n.close(w, b, false)
		}
		if ok {
			b, ok = w.nestedValue(&n, b, t.Elems[1])
		}
		if !ok {
			return b, false
		}
	}
	return n.end(w, b)
}

// fields appends a tuple or UDT. Its fields may stand in any order, and those
// that are missing are null; they are looked up first and read in the type's order.
func (w *work) fields(b []byte, t *cdc.Type) ([]byte, bool) {
	base := len(w.offsets)
	for range t.Elems {
		w.offsets = append(w.offsets, -1)
	}
	for first := true; ; first = false {
		key, escaped, more, ok := w.member(first)
		if ok && escaped {
			key, ok = w.unescape(key)
		}
		if !ok {
			return b, false
		}
		if !more {
			break
		}
		f := fieldOf(t, key)
		switch {
		case f < 0 && t.Kind == cdc.UDT:
			if !w.unknownColumn(w.columnName()+"."+string(key), false) {
				return b, false
			}
		case f < 0:
			return b, w.wrongType(t, "an object with other fields")
		case w.offsets[base+f] >= 0:
			return b, w.fail(fault.DuplicateField, "field %.64q given twice", key)
		default:
			w.offsets[base+f] = int32(w.i)
		}
		if !w.skip() {
			return b, false
		}
	}
	end := w.i
	n, b := w.build(b, t)
	for f, e := range t.Elems {
		var ok bool
		if w.i = int(w.offsets[base+f]); w.i < 0 {
			b, ok = n.close(w, n.open(w, b), true)
		} else {
			b, ok = w.nestedValue(&n, b, e)
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

// fieldOf returns the position of a field in a UDT by its name, or in a tuple,
// whose fields are named field1, field2 and so on.
func fieldOf(t *cdc.Type, name []byte) int {
	if t.Kind == cdc.UDT {
		for i, f := range t.Fields {
			if f == string(name) {
				return i
			}
		}
		return -1
	}
	const prefix = "field"
	if len(name) <= len(prefix) || len(name) > len(prefix)+5 || string(name[:len(prefix)]) != prefix {
		return -1
	}
	n, err := strconv.Atoi(string(name[len(prefix):]))
	if err != nil || n < 1 || n > len(t.Elems) {
		return -1
	}
	return n - 1
}

// parts appends a decimal from its scale and the base64 of its unscaled value
// (io.debezium.data.VariableScaleDecimal).
func (w *work) parts(b []byte, t *cdc.Type) ([]byte, bool) {
	var scale int64
	for first, seen := true, 0; ; first = false {
		key, _, more, ok := w.member(first)
		if !ok {
			return b, false
		}
		if !more {
			if seen != 3 {
				return b, w.wrongType(t, "an object without scale and value")
			}
			break
		}
		var null bool
		bit := 1
		switch string(key) {
		case "scale":
			scale, null, ok = w.jsonInt(fault.WrongType, "the scale of a decimal")
		case "value":
			bit = 2
			w.unscaled, null, ok = w.value(w.unscaled[:0], cdc.ScalarType(cdc.Blob))
		default:
			return b, w.wrongType(t, "an object with other fields")
		}
		switch {
		case !ok:
			return b, false
		case null:
			return b, w.wrongType(t, "an object with null fields")
		case seen&bit != 0:
			return b, w.fail(fault.DuplicateField, "field %s given twice", key)
		}
		seen |= bit
	}
	b, ok := w.scale(b, scale)
	return append(b, w.unscaled...), ok && w.checkUnscaled(t, w.unscaled)
}
