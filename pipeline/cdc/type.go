package cdc

import (
	"slices"
	"strconv"
	"strings"
)

// A Type is a CQL type. Types are immutable and may be shared; compare them
// with [Type.Equal].
type Type struct {
	Kind   Kind
	Frozen bool     // of a list, set, map or UDT; tuples and vectors always are
	Elems  []*Type  // list, set, vector: the element; map: key and value; tuple, UDT: the fields
	Fields []string // of a UDT, in the order of its definition
	Name   string   // of a UDT, without its keyspace
	Dim    int      // of a vector
}

// ScalarType returns the type of a scalar kind. It panics if k is not one.
func ScalarType(k Kind) *Type {
	if !k.Scalar() {
		panic("cdc: " + k.String() + " is not a scalar kind")
	}
	return &scalars[k]
}

var scalars = func() (ts [Varint + 1]Type) {
	for k := Ascii; k <= Varint; k++ {
		ts[k] = Type{Kind: k}
	}
	return ts
}()

// ListOf returns list<elem>, frozen or not.
func ListOf(elem *Type, frozen bool) *Type {
	return &Type{Kind: List, Frozen: frozen, Elems: []*Type{elem}}
}

// SetOf returns set<elem>, frozen or not.
func SetOf(elem *Type, frozen bool) *Type {
	return &Type{Kind: Set, Frozen: frozen, Elems: []*Type{elem}}
}

// MapOf returns map<key, value>, frozen or not.
func MapOf(key, value *Type, frozen bool) *Type {
	return &Type{Kind: Map, Frozen: frozen, Elems: []*Type{key, value}}
}

// TupleOf returns tuple<fields...>.
func TupleOf(fields ...*Type) *Type { return &Type{Kind: Tuple, Frozen: true, Elems: fields} }

// VectorOf returns vector<elem, dim>.
func VectorOf(elem *Type, dim int) *Type {
	return &Type{Kind: Vector, Frozen: true, Elems: []*Type{elem}, Dim: dim}
}

// UDTOf returns the user-defined type name.
func UDTOf(name string, fields []string, types []*Type, frozen bool) *Type {
	return &Type{Kind: UDT, Frozen: frozen, Name: name, Fields: fields, Elems: types}
}

// Multicell reports whether Cassandra stores a column of type t as several
// cells, so that an event may carry a part of its value only.
func (t *Type) Multicell() bool { return !t.Frozen && (t.Kind.Collection() || t.Kind == UDT) }

// Equal reports whether t and u are the same type, frozen alike.
func (t *Type) Equal(u *Type) bool {
	return t == u || t.Kind == u.Kind && t.Frozen == u.Frozen && t.Name == u.Name && t.Dim == u.Dim &&
		slices.Equal(t.Fields, u.Fields) && slices.EqualFunc(t.Elems, u.Elems, (*Type).Equal)
}

// String returns t as CQL writes it.
func (t *Type) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t *Type) write(b *strings.Builder) {
	if t.Frozen && (t.Kind.Collection() || t.Kind == UDT) {
		b.WriteString("frozen<")
		defer b.WriteByte('>')
	}
	if t.Kind == UDT {
		b.WriteString(QuoteIdent(t.Name))
		return
	}
	b.WriteString(t.Kind.String())
	if len(t.Elems) == 0 {
		return
	}
	b.WriteByte('<')
	for i, e := range t.Elems {
		if i > 0 {
			b.WriteString(", ")
		}
		e.write(b)
	}
	if t.Kind == Vector {
		b.WriteString(", ")
		b.WriteString(strconv.Itoa(t.Dim))
	}
	b.WriteByte('>')
}
