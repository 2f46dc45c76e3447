package cdc

import (
	"encoding/binary"
	"iter"
)

// Collections, tuples and UDTs nest values as the native protocol does from
// version 3 on: a list, set or map starts with an int32 count, and every value
// is preceded by its int32 length, -1 for null (serializers/CollectionSerializer,
// db/marshal/TupleType). A vector has no lengths unless its elements vary.

// A Builder appends the nested values of a collection, tuple, UDT or vector.
// Values are added in order; a nested value is added by a builder on the same
// bytes, between [Builder.Open] and [Builder.Close].
type Builder struct {
	t     *Type
	start int // of the count
	n     int // values added
	at    int // of the open value's length
}

// Build starts a value of t at the end of b and returns b with its head.
func Build(b []byte, t *Type) (Builder, []byte) {
	s := Builder{t: t, start: len(b)}
	if t.Kind.Collection() {
		b = append(b, 0, 0, 0, 0)
	}
	return s, b
}

// Open starts the next nested value and returns b with the room for its length.
func (s *Builder) Open(b []byte) []byte {
	s.at = len(b)
	if s.t.Kind == Vector {
		if s.t.Elems[0].inlineSize() > 0 {
			return b
		}
		return append(b, 0) // the usual length of a uvint below 128; Close makes room for more
	}
	return append(b, 0, 0, 0, 0)
}

// Close ends the nested value that Open started, all of b after its length.
func (s *Builder) Close(b []byte) []byte {
	s.n++
	if s.t.Kind != Vector {
		binary.BigEndian.PutUint32(b[s.at:], uint32(len(b)-s.at-4))
		return b
	}
	if s.t.Elems[0].inlineSize() > 0 {
		return b
	}
	body := b[s.at+1:]
	var head [9]byte
	length := appendUvint(head[:0], uint64(len(body)))
	if extra := len(length) - 1; extra > 0 {
		b = append(b, length[:extra]...)
		copy(b[s.at+1+extra:], body)
	}
	copy(b[s.at:], length)
	return b
}

// Null adds null, which only tuples and UDTs may hold.
func (s *Builder) Null(b []byte) []byte {
	s.n++
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

// End completes the value. n counts the values added; a map has two per entry.
func (s *Builder) End(b []byte) (all []byte, n int) {
	if s.t.Kind.Collection() {
		n := s.n
		if s.t.Kind == Map {
			n /= 2
		}
		binary.BigEndian.PutUint32(b[s.start:], uint32(n))
	}
	return b, s.n
}

// inlineSize returns the packed length of a value of t in a vector, or 0.
func (t *Type) inlineSize() int {
	if t.Kind == Vector {
		return t.Dim * t.Elems[0].inlineSize()
	}
	return t.Kind.inlineSize()
}

// Elements yields the nested values of a list, set, map (key, value, key, ...),
// tuple, UDT or vector with their types; nil stands for null. A tuple or UDT may
// yield fewer values than its type has fields, since fields can be added later.
// It ends early at malformed input, which [Type.Check] finds.
func (t *Type) Elements(v Value) iter.Seq2[*Type, Value] {
	return func(yield func(*Type, Value) bool) {
		n, v := t.count(v)
		for i := range n {
			e := t.elem(i)
			if t.Kind >= Tuple && t.Kind <= UDT && len(v) == 0 {
				return
			}
			x, rest, ok := t.cut(e, v)
			if !ok || !yield(e, x) {
				return
			}
			v = rest
		}
	}
}

// Len returns how many elements or entries a list, set or map has, and 0 for any
// other type.
func (t *Type) Len(v Value) int {
	if !t.Kind.Collection() {
		return 0
	}
	n, _ := t.count(v)
	if t.Kind == Map {
		n /= 2
	}
	return n
}

// count returns how many nested values t has in v, and v without the count.
func (t *Type) count(v Value) (int, Value) {
	switch t.Kind {
	case List, Set, Map:
		if len(v) < 4 {
			return 0, v
		}
		n := int(int32(binary.BigEndian.Uint32(v)))
		if t.Kind == Map {
			n *= 2
		}
		return max(n, 0), v[4:]
	case Vector:
		return t.Dim, v
	default:
		return len(t.Elems), v
	}
}

func (t *Type) elem(i int) *Type {
	switch t.Kind {
	case List, Set, Vector:
		return t.Elems[0]
	case Map:
		return t.Elems[i%2]
	default:
		return t.Elems[i]
	}
}

// cut takes the next nested value, of type e, from v.
func (t *Type) cut(e *Type, v Value) (x, rest Value, ok bool) {
	var n int
	switch size := e.inlineSize(); {
	case t.Kind == Vector && size > 0:
		n = size
	case t.Kind == Vector:
		var u uint64
		if u, v, ok = uvint(v); !ok || u > uint64(len(v)) {
			return nil, v, false
		}
		n = int(u)
	default:
		if len(v) < 4 {
			return nil, v, false
		}
		n, v = int(int32(binary.BigEndian.Uint32(v))), v[4:]
		if n < 0 {
			return nil, v, n == -1
		}
	}
	if n > len(v) {
		return nil, v, false
	}
	return v[:n:n], v[n:], true
}
