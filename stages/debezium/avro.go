package debezium

import (
	"context"
	"encoding/binary"
	"unicode/utf8"

	"github.com/hamba/avro/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// frameSize is what Confluent's framing takes: a zero and the schema's id.
const frameSize = 5

// avro decodes the message as Avro in Confluent's framing. An error is the
// fault of its schema, or an [*UnavailableError].
func (w *work) avro(ctx context.Context) (ok bool, err error) {
	switch {
	case w.d.cfg.Registry == nil:
		return w.fail(fault.AvroSchema, "the message is in Confluent's framing, but no schema registry is configured"), nil
	case len(w.b) <= frameSize:
		return w.malformed("a frame without a message"), nil
	}
	s, err := w.d.schema(ctx, int(binary.BigEndian.Uint32(w.b[1:])))
	if err != nil {
		return false, err
	}
	if s.fault != nil {
		return false, s.fault
	}
	w.wire = s.wire
	w.i = frameSize
	if w.avroEvent(s) && w.i < len(w.b) {
		w.malformed("more after the end of the event")
	}
	return w.code == "", nil
}

// avroEvent reads the envelope.
func (w *work) avroEvent(s *avroSchema) bool {
	after := -1
	for _, f := range s.envelope.fields {
		var ok bool
		switch f.name {
		case "op":
			var op []byte
			if op, ok = w.avroText(f.node); ok && !w.setOp(op) {
				return w.fail(fault.UnknownOp, "operation %.16q", op)
			}
		case "source":
			ok = w.avroSource(f.node)
		case "after":
			if w.op != 0 && w.table != nil {
				ok = w.avroAfter(s, f.node)
			} else {
				after = w.i
				ok = w.avroSkip(f.node)
			}
		default:
			ok = w.avroSkip(f.node)
		}
		if !ok {
			return false
		}
	}
	if after < 0 {
		return true
	}
	end := w.i
	w.i = after
	ok := w.avroAfter(s, s.envelope.field("after"))
	w.i = end
	return ok
}

func (w *work) avroSource(n *avroNode) bool {
	if n, _ = w.branch(n); n == nil || n.kind != avro.Record {
		return w.code == "" && w.notEnvelope("it has no source")
	}
	for _, f := range n.fields {
		var ok bool
		switch f.name {
		case "version":
			w.version, ok = w.avroText(f.node)
		case "snapshot":
			var s []byte
			s, ok = w.avroText(f.node)
			w.snapshot = len(s) > 0 && string(s) != "false"
		case "ts_ms":
			ok = w.avroTime(f.node, &w.millis)
		case "ts_us":
			ok = w.avroTime(f.node, &w.micros)
		case "keyspace":
			w.keyspace, ok = w.avroText(f.node)
		case "table":
			w.name, ok = w.avroText(f.node)
		default:
			ok = w.avroSkip(f.node)
		}
		if !ok {
			return false
		}
	}
	return w.findTable()
}

// branch reads which branch of a union comes next; n itself is taken if it is none.
func (w *work) branch(n *avroNode) (*avroNode, bool) {
	if w.steps--; w.steps < 0 {
		return nil, w.malformed("more parts than a message of its length can have")
	}
	if n.kind != avro.Union {
		return n, true
	}
	i, ok := w.long()
	if !ok {
		return nil, false
	}
	if i < 0 || i >= int64(len(n.union)) {
		return nil, w.malformed("a union without that branch")
	}
	return n.union[i], true
}

// avroText reads a string. Null is the empty string.
func (w *work) avroText(n *avroNode) ([]byte, bool) {
	n, ok := w.branch(n)
	switch {
	case !ok:
		return nil, false
	case n.kind == avro.Null:
		return nil, true
	case n.kind != avro.String:
		return nil, w.fail(fault.AvroSchema, "schema with a %s where a string was expected", n.kind)
	}
	s, ok := w.lengthed()
	if ok && !utf8.Valid(s) {
		return nil, w.fail(fault.NotUTF8, "invalid UTF-8 in a string")
	}
	return s, ok
}

// avroInt reads an int or long.
func (w *work) avroInt(n *avroNode) (v int64, null, ok bool) {
	n, ok = w.branch(n)
	switch {
	case !ok:
		return 0, false, false
	case n.kind == avro.Null:
		return 0, true, true
	case n.kind != avro.Int && n.kind != avro.Long:
		return 0, false, w.fail(fault.AvroSchema, "schema with a %s where a long was expected", n.kind)
	}
	v, ok = w.long()
	return v, false, ok
}

func (w *work) avroTime(n *avroNode, into *int64) bool {
	v, null, ok := w.avroInt(n)
	if ok && !null {
		if v == noTime {
			return w.fail(fault.BadWriteTime, "write time is the value that stands for no time")
		}
		*into = v
	}
	return ok
}

// avroAfter reads the columns.
func (w *work) avroAfter(s *avroSchema, n *avroNode) bool {
	if n, _ = w.branch(n); n == nil || n.kind != avro.Record {
		return w.code == "" && w.notEnvelope("it has no after")
	}
	if !w.openRow() {
		return false
	}
	for i, c := range s.columnsOf(w.table) {
		f := n.fields[i]
		n, ok := w.branch(f.node)
		switch {
		case !ok:
			return false
		case n.kind == avro.Null: // absent; a column that the table lacks is then no loss
			continue
		case c == ignored:
			ok = w.op == 'd' || w.op == 'r' || w.unknownColumn(f.name, false)
			ok = ok && w.avroSkip(n)
		case c == rangeStart:
			ok = w.avroBound(0, n)
		case c == rangeEnd:
			ok = w.avroBound(1, n)
		default:
			ok = w.onceColumn(c) && w.avroCell(n)
		}
		if !ok {
			return false
		}
	}
	return true
}

// columnsOf returns what the fields of after are in t.
func (s *avroSchema) columnsOf(t *cdc.Table) []int {
	if c := s.columns.Load(); c != nil && c.table == t {
		return c.columns
	}
	c := &avroColumns{table: t}
	for _, f := range s.after.fields {
		i, ok := t.Column(f.name)
		switch {
		case f.name == boundNames[0]:
			i = rangeStart
		case f.name == boundNames[1]:
			i = rangeEnd
		case !ok:
			i = ignored
		}
		c.columns = append(c.columns, i)
	}
	s.columns.Store(c)
	return c.columns
}

// avroCell reads a cell of the column at hand.
func (w *work) avroCell(n *avroNode) bool {
	c := cell{state: cellNull, deletion: noTime}
	set := true
	for _, f := range n.fields {
		var ok bool
		switch f.name {
		case "value":
			if w.column >= w.table.Key && w.op != 'i' && w.op != 'u' {
				ok = w.avroSkip(f.node)
				break
			}
			var b []byte
			var null bool
			if b, null, ok = w.avroValue(w.slab.open(), w.table.Columns[w.column].Type, f.node); !null {
				c.state, c.value = cellValue, w.slab.close(b)
			}
		case "deletion_ts":
			var null bool
			if c.deletion, null, ok = w.avroInt(f.node); null {
				c.deletion = noTime
			}
		case "set":
			var n *avroNode
			if n, ok = w.branch(f.node); ok && n.kind == avro.Boolean {
				set, ok = w.boolean()
			} else if ok {
				ok = w.avroSkip(n)
			}
		default:
			ok = w.avroSkip(f.node)
		}
		if !ok {
			return false
		}
	}
	if !set {
		c = cell{deletion: noTime}
	}
	return w.put(c)
}

// avroBound reads a bound of a range.
func (w *work) avroBound(k int, n *avroNode) bool {
	if !w.openBound(k) {
		return false
	}
	for _, f := range n.fields {
		var ok bool
		switch f.name {
		case "method":
			var method []byte
			if method, ok = w.avroText(f.node); ok {
				ok = w.boundMethod(k, method)
			}
		case "values":
			ok = w.avroItems(f.node, func(n *avroNode) bool { return w.avroBoundValue(k, n) })
		default:
			ok = w.avroSkip(f.node)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *work) avroBoundValue(k int, n *avroNode) bool {
	var column, value, class []byte
	for _, f := range n.fields {
		var ok bool
		switch f.name {
		case "name":
			column, ok = w.avroText(f.node)
		case "value":
			value, ok = w.avroText(f.node)
		case "type":
			class, ok = w.avroText(f.node)
		default:
			ok = w.avroSkip(f.node)
		}
		if !ok {
			return false
		}
	}
	return w.boundValue(k, column, value, class)
}
