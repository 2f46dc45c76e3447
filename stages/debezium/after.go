package debezium

import (
	"bytes"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A cell is what an event says of one column.
type cell struct {
	state    cellState
	value    cdc.Value
	deletion int64 // deletion_ts
}

// after reads the columns.
func (w *work) after() bool {
	if !w.openObject("after") || !w.openRow() {
		return false
	}
	order, next, same := w.plan.order, 0, true
	for first := true; ; first = false {
		var c int
		start := w.i
		if next < len(order) && w.expect(order[next].raw, first) {
			c = order[next].column
			next++
		} else {
			name, more, ok := w.field(first)
			if !ok {
				return false
			}
			if !more {
				break
			}
			if c, ok = w.find(name); !ok {
				return false
			}
			if c != ignored { // which must be looked up every time: not every event may be without it
				if same {
					same = false
					w.learned = append(w.learned[:0], order[:next]...)
				}
				next = w.plan.next(c, next)
			}
		}
		if !same && c != ignored {
			w.learned = append(w.learned, planField{trimToQuote(w.b[start:w.i]), c})
		}
		if !w.afterField(c) {
			return false
		}
	}
	w.leave()
	if !same {
		w.lastPlan = w.d.plans.learn(w.plan, w.learned)
	}
	return true
}

// expect passes over the name of the next member if it is raw: the name in
// quotes with all that follows up to its value.
func (w *work) expect(raw []byte, first bool) bool {
	at := w.i
	if !first {
		if at >= len(w.b) || w.b[at] != ',' {
			return false
		}
		at++
	}
	if !bytes.HasPrefix(w.b[at:], raw) {
		return false
	}
	w.i = at + len(raw)
	return true
}

func trimToQuote(b []byte) []byte { return b[bytes.IndexByte(b, '"'):] }

// What stands in after besides columns.
const (
	rangeStart = -1 - iota
	rangeEnd
	ignored
)

// find returns the column of that name, or else what it stands for.
func (w *work) find(name []byte) (int, bool) {
	switch string(name) {
	case "_range_start":
		return rangeStart, true
	case "_range_end":
		return rangeEnd, true
	}
	if c, ok := w.table.ColumnBytes(name); ok {
		return c, true
	}
	return ignored, w.unknownColumn(string(name), w.op == 'd' || w.op == 'r' || w.peek() == 'n')
}

// afterField reads what after says of a column.
func (w *work) afterField(c int) bool {
	switch c {
	case rangeStart:
		return w.bound(0)
	case rangeEnd:
		return w.bound(1)
	case ignored:
		return w.skip()
	}
	if !w.onceColumn(c) {
		return false
	}
	var t *cdc.Type
	if c < w.table.Key || w.op == 'i' || w.op == 'u' {
		t = w.table.Columns[c].Type
	}
	x, ok := w.cell(t)
	return ok && w.put(x)
}

// cell reads a cell of t. Without a type its value is passed over.
func (w *work) cell(t *cdc.Type) (c cell, ok bool) {
	c.deletion = noTime
	if w.peek() == 'n' {
		return c, w.lit("null") || w.expected("a value")
	}
	var seen uint32
	first, set := true, true
	if w.lit(`{"value":`) { // what Debezium writes, for one comparison
		if ok = w.enter() && w.cellValue(t, &c); !ok {
			return c, false
		}
		if w.lit(`,"deletion_ts":null,"set":true}`) {
			w.leave()
			return c, true
		}
		seen, first = fieldValue, false
	} else if !w.openObject("what after says of a column") {
		return c, false
	}
	for ; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return c, false
		}
		if !more {
			break
		}
		switch string(name) {
		case "value":
			ok = w.once(&seen, fieldValue, "value") && w.cellValue(t, &c)
		case "deletion_ts":
			var n int64
			var null bool
			ok = w.once(&seen, fieldDeletion, "deletion_ts")
			if ok {
				if n, null, ok = w.jsonInt(fault.WrongType, "deletion_ts"); ok && !null {
					c.deletion = n
				}
			}
		case "set":
			ok = w.once(&seen, fieldSet, "set")
			if ok {
				set = w.peek() != 'f'
				ok = w.skip()
			}
		default:
			ok = w.skip()
		}
		if !ok {
			return c, false
		}
	}
	w.leave()
	if seen&fieldValue == 0 {
		return c, w.notEnvelope("what after says of a column has no value")
	}
	if !set {
		c = cell{deletion: noTime}
	}
	return c, true
}

// cellValue reads the value of a cell. Text without escapes is shared with the message.
func (w *work) cellValue(t *cdc.Type, c *cell) bool {
	c.state = cellValue
	switch first := w.peek(); {
	case first == 'n':
		c.state = cellNull
		return w.lit("null") || w.expected("a value")
	case t == nil:
		return w.skip()
	case first == '"' && (t.Kind == cdc.Text || t.Kind == cdc.Ascii):
		raw, escaped, ok := w.str()
		if !ok {
			return false
		}
		if !escaped && (t.Kind == cdc.Text || ascii(raw)) {
			c.value = raw
			return true
		}
		if escaped {
			if raw, ok = w.unescape(raw); !ok {
				return false
			}
		}
		b, ok := w.text(w.slab.open(), t, raw)
		c.value = w.slab.close(b)
		return ok
	}
	b, _, ok := w.value(w.slab.open(), t)
	c.value = w.slab.close(b)
	return ok
}
