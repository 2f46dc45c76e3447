package debezium

import (
	"context"
	"encoding/binary"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// inKey runs f with the record's key as the input.
func (w *work) inKey(f func() bool) bool {
	message := w.input
	w.input.reset(w.ev.Key, w.d.cfg.MaxDepth)
	ok := w.utf8(0) && f() && w.end()
	if !ok {
		message.code, message.what, message.at = w.code, "record key: "+w.what, w.at
	}
	w.input = message
	return ok
}

// recordKey takes the key columns that after does not have from the record's
// key, if it is JSON.
func (w *work) recordKey() bool {
	if len(w.ev.Key) == 0 || w.ev.Key[0] == 0 {
		return true
	}
	return w.inKey(w.keyColumns)
}

func (w *work) keyColumns() bool {
	if w.peek() != '{' {
		return w.fail(fault.MissingKey, "it is not an object")
	}
	w.i++
	if !w.enter() {
		return false
	}
	for first := true; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return false
		}
		if !more {
			w.leave()
			return true
		}
		c, known := w.table.ColumnBytes(name)
		switch {
		case known && c < w.table.Key && w.states[c] == cellAbsent:
			w.column = c
			x := cell{deletion: noTime}
			ok = w.cellValue(w.table.Columns[c].Type, &x)
			w.keys[c], w.states[c] = x.value, x.state
			w.column = -1
		case !known && string(name) == "payload" && w.peek() == '{':
			ok = w.keyColumns()
		default:
			ok = w.skip()
		}
		if !ok {
			return false
		}
	}
}

// keyNames returns the names of the key columns, in their order, as the record's
// key has them.
func (w *work) keyNames(ctx context.Context) ([]string, error) {
	var names []string
	switch key := w.ev.Key; {
	case len(key) > frameSize && key[0] == 0 && w.d.cfg.Registry != nil:
		s, err := w.d.schema(ctx, int(binary.BigEndian.Uint32(key[1:])))
		if err != nil {
			return nil, err
		}
		names = s.keys
	case len(key) > 0 && key[0] != 0:
		w.code = "" // of the failure that asks for the names
		if !w.inKey(func() bool { return w.memberNames(&names) }) {
			return nil, w.failed()
		}
	}
	if len(names) == 0 {
		return nil, fault.New(fault.UnknownTable, "table %s of keyspace %s: the event's schema does not say which columns are its key, and neither does the record's key",
			cdc.QuoteIdent(string(w.name)), cdc.QuoteIdent(string(w.keyspace)))
	}
	return names, nil
}

// memberNames reads an object and appends the names of its members, or those of its payload.
func (w *work) memberNames(names *[]string) bool {
	if w.peek() != '{' {
		return w.fail(fault.UnknownTable, "it is not an object")
	}
	w.i++
	if !w.enter() {
		return false
	}
	wrapped := false
	for first := true; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return false
		}
		if !more {
			w.leave()
			return true
		}
		if string(name) == "payload" && w.peek() == '{' {
			wrapped = true
			*names = (*names)[:0]
			ok = w.memberNames(names)
		} else {
			if !wrapped {
				*names = append(*names, string(name))
			}
			ok = w.skip()
		}
		if !ok {
			return false
		}
	}
}
