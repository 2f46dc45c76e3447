package debezium

import (
	"bytes"
	"encoding/binary"
	"slices"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A nest is a list, set, map, tuple, UDT or vector under construction. Sets and
// maps are put into their order in Cassandra, since the agent writes them in
// that of a hash table.
type nest struct {
	t      *cdc.Type
	s      cdc.Builder
	start  int // of the value
	base   int // of the offsets of its elements or entries in work.offsets
	values int
	around reach // what n itself stands in

	entry int         // where the element or entry at hand begins
	undo  cdc.Builder // s at that time
}

// A reach says whether the agent has converted the values at hand. It does so with what
// it takes apart itself; of a frozen collection these are the elements, not what
// collections among them hold (AbstractListTypeDeserializer and its like).
type reach uint8

const (
	ofColumn    reach = iota // a column's own value
	ofPart                   // a field, or an element that is a cell of its own
	ofFrozen                 // an element of a frozen collection
	unconverted              // in a collection in a frozen one: as Cassandra has it
)

// into returns the reach of what a value of t holds.
func (r reach) into(t *cdc.Type) reach {
	switch {
	case !t.Kind.Collection(), r == ofColumn && t.Multicell():
		return ofPart
	case r >= ofFrozen:
		return unconverted
	}
	return ofFrozen
}

// build starts a value of t at the end of b.
func (w *work) build(b []byte, t *cdc.Type) (nest, []byte) {
	n := nest{t: t, start: len(b), base: len(w.offsets), around: w.reach}
	w.reach = w.reach.into(t)
	n.s, b = cdc.Build(b, t)
	return n, b
}

func (n *nest) ordered() bool { return n.t.Kind == cdc.Set || n.t.Kind == cdc.Map }

// open starts the next nested value, which is all that b has after what it
// returns when close is called.
func (n *nest) open(w *work, b []byte) []byte {
	if n.t.Kind != cdc.Map || n.values%2 == 0 {
		n.entry, n.undo = len(b), n.s
		if n.ordered() {
			w.offsets = append(w.offsets, int32(len(b)-n.start))
		}
	}
	return n.s.Open(b)
}

// close ends the nested value. Null belongs in tuples and UDTs; in a collection
// that is not frozen it stands for an element that was removed, which is left out.
func (n *nest) close(w *work, b []byte, null bool) ([]byte, bool) {
	if !null {
		n.values++
		b = n.s.Close(b)
		return b, len(b)-n.start <= w.d.cfg.MaxBytes || w.fail(fault.EventTooLarge, "%s of more than %d bytes", n.t, w.d.cfg.MaxBytes)
	}
	switch b = b[:n.entry]; {
	case n.t.Kind == cdc.Tuple || n.t.Kind == cdc.UDT:
		n.s = n.undo
		return n.s.Null(b), true
	case !n.t.Multicell() || n.t.Kind == cdc.Map && n.values%2 == 0:
		return b, w.wrongType(n.t, "null in it")
	}
	n.s = n.undo
	if n.ordered() {
		w.offsets = w.offsets[:len(w.offsets)-1]
	}
	if n.t.Kind == cdc.Map {
		n.values--
	}
	return b, true
}

// end completes the value.
func (n *nest) end(w *work, b []byte) ([]byte, bool) {
	w.reach = n.around
	b, values := n.s.End(b)
	ok := true
	switch {
	case n.t.Kind == cdc.Vector && values != n.t.Dim:
		ok = w.wrongType(n.t, "another number of elements")
	case n.ordered():
		b, ok = w.order(b, n)
		w.offsets = w.offsets[:n.base]
	}
	return b, ok
}

// order puts the elements of a set, or the entries of a map, in the order of the
// elements or keys. An element may be there twice, a key may not.
func (w *work) order(b []byte, n *nest) ([]byte, bool) {
	offsets, v := w.offsets[n.base:], b[n.start:]
	key := n.t.Elems[0]
	compare := func(x, y int32) int { return w.compare(key, nested(v[x:]), nested(v[y:])) }
	sorted := true
	for i := 1; i < len(offsets) && sorted; i++ {
		sorted = compare(offsets[i-1], offsets[i]) < 0
	}
	if sorted {
		return b, true
	}
	slices.SortStableFunc(offsets, compare)
	out := append(w.sorted[:0], v[:4]...)
	count := uint32(0)
	for i, at := range offsets {
		if i > 0 && compare(offsets[i-1], at) == 0 {
			if n.t.Kind == cdc.Map {
				return b, w.fail(fault.DuplicateField, "%s with a key given twice", n.t)
			}
			continue
		}
		size := 4 + len(nested(v[at:]))
		if n.t.Kind == cdc.Map {
			size += 4 + len(nested(v[int(at)+size:]))
		}
		out = append(out, v[at:int(at)+size]...)
		count++
	}
	binary.BigEndian.PutUint32(out, count)
	w.sorted = out
	return append(b[:n.start], out...), true
}

// nested returns the value at the start of b, after its length.
func nested(b []byte) cdc.Value {
	end := 4 + binary.BigEndian.Uint32(b)
	return b[4:end:end]
}

// compare compares two values of t in its order.
func (w *work) compare(t *cdc.Type, x, y cdc.Value) int {
	switch t.Kind {
	case cdc.Ascii, cdc.Text, cdc.Blob, cdc.Inet, cdc.Date, cdc.Time:
		return bytes.Compare(x, y)
	}
	w.low = t.AppendOrdered(w.low[:0], x)
	w.high = t.AppendOrdered(w.high[:0], y)
	return bytes.Compare(w.low, w.high)
}
