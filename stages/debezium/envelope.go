package debezium

import (
	"unicode/utf8"

	"cdcpipe/pipeline/fault"
)

// Fields that an object holds once at most.
const (
	fieldOp = 1 << iota
	fieldSource
	fieldAfter
	fieldVersion
	fieldSnapshot
	fieldMillis
	fieldMicros
	fieldKeyspace
	fieldTable
	fieldSchema
	fieldPayload
	fieldValue
	fieldDeletion
	fieldSet
	fieldMethod
	fieldValues
	fieldName
	fieldType
)

// once notes that a field was given. It fails if that was noted before.
func (w *work) once(seen *uint32, field uint32, name string) bool {
	if *seen&field != 0 {
		return w.fail(fault.DuplicateField, "field %s given twice", name)
	}
	*seen |= field
	return true
}

// field is [scanner.member] with the name unescaped.
func (w *work) field(first bool) (name []byte, more, ok bool) {
	name, escaped, more, ok := w.member(first)
	if escaped && ok {
		name, ok = w.unescape(name)
	}
	return name, more && ok, ok
}

// openObject enters an object. what names it where there is none.
func (w *work) openObject(what string) bool {
	switch {
	case w.peek() == '{':
	case w.i >= len(w.b):
		return w.expected("an object")
	default:
		return w.notEnvelope(what + " is not an object")
	}
	w.i++
	return w.enter()
}

func (w *work) notEnvelope(why string) bool {
	return w.fail(fault.NotAnEnvelope, "not a change event: %s", why)
}

// json decodes the message as JSON.
func (w *work) json() bool {
	matched := w.matchWire()
	if !w.utf8(matched) {
		return false
	}
	if w.peek() != '{' {
		return w.skip() && w.end() && w.notEnvelope("the message is not an object")
	}
	start := w.i
	w.i++
	name, _, ok := w.field(true)
	if !ok {
		return false
	}
	w.i = start
	if string(name) == "schema" || string(name) == "payload" {
		return w.wrapped(matched) && w.end()
	}
	return w.event() && w.end()
}

// utf8 checks the message from a position on.
func (w *work) utf8(at int) bool {
	if utf8.Valid(w.b[at:]) {
		return true
	}
	for at < len(w.b) {
		r, n := utf8.DecodeRune(w.b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return w.failAt(at, fault.NotUTF8, "invalid UTF-8")
}

// event reads the envelope. Debezium writes after last; where it stands
// before what tells its meaning, it is passed over and read at the end.
func (w *work) event() bool {
	if !w.openObject("the event") {
		return false
	}
	var seen uint32
	after := -1
	for first := true; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		switch string(name) {
		case "op":
			ok = w.once(&seen, fieldOp, "op") && w.operation()
		case "source":
			ok = w.once(&seen, fieldSource, "source") && w.source()
		case "after":
			switch ok = w.once(&seen, fieldAfter, "after"); {
			case !ok:
			case w.op != 0 && w.table != nil:
				ok = w.after()
			default:
				after = w.i
				ok = w.skip()
			}
		default:
			ok = w.skip()
		}
		if !ok {
			return false
		}
	}
	w.leave()
	switch {
	case seen&fieldOp == 0:
		return w.notEnvelope("it has no op")
	case seen&fieldSource == 0:
		return w.notEnvelope("it has no source")
	case seen&fieldAfter == 0:
		return w.notEnvelope("it has no after")
	case after < 0:
		return true
	}
	end := w.i
	w.i = after
	ok := w.after()
	w.i = end
	return ok
}

// operation reads op. Debezium's EnvelopeTransformation renames i to c and r to t.
func (w *work) operation() bool {
	if w.peek() != '"' && w.i < len(w.b) {
		return w.notEnvelope("op is not a string")
	}
	at := w.i
	raw, _, ok := w.str()
	if !ok {
		return false
	}
	return w.setOp(raw) || w.failAt(at, fault.UnknownOp, "operation %.16q", raw)
}

func (w *work) setOp(op []byte) bool {
	if len(op) != 1 {
		return false
	}
	switch c := op[0]; c {
	case 'i', 'u', 'd', 'r':
		w.op = c
	case 'c':
		w.op = 'i'
	case 't':
		w.op = 'r'
	default:
		return false
	}
	return true
}

// source reads what the event says of its origin, and finds the table.
func (w *work) source() bool {
	if !w.openObject("source") {
		return false
	}
	var seen uint32
	for first := true; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		switch string(name) {
		case "version":
			ok = w.once(&seen, fieldVersion, "source.version") && w.textOrNull(&w.version)
		case "snapshot":
			ok = w.once(&seen, fieldSnapshot, "source.snapshot") && w.snapshotFlag()
		case "ts_ms":
			ok = w.once(&seen, fieldMillis, "source.ts_ms") && w.time(&w.millis, "source.ts_ms")
		case "ts_us":
			ok = w.once(&seen, fieldMicros, "source.ts_us") && w.time(&w.micros, "source.ts_us")
		case "keyspace":
			ok = w.once(&seen, fieldKeyspace, "source.keyspace") && w.textOrNull(&w.keyspace)
		case "table":
			ok = w.once(&seen, fieldTable, "source.table") && w.textOrNull(&w.name)
		default:
			ok = w.skip()
		}
		if !ok {
			return false
		}
	}
	w.leave()
	return w.findTable()
}

// textOrNull reads a string that must outlive the next one. Null is the empty string.
func (w *work) textOrNull(into *[]byte) bool {
	switch w.peek() {
	case 'n':
		return w.lit("null") || w.expected("a value")
	case '"':
		raw, escaped, ok := w.str()
		if escaped && ok {
			from := len(w.names)
			if w.names, ok = appendUnescaped(w.names, raw); !ok {
				return w.fail(fault.NotUTF8, "escape of half a surrogate pair")
			}
			raw = w.names[from:]
		}
		*into = raw
		return ok
	}
	if w.i >= len(w.b) {
		return w.expected("a value")
	}
	return w.notEnvelope("source has a name that is not text")
}

func (w *work) time(into *int64, what string) bool {
	n, null, ok := w.jsonInt(fault.BadWriteTime, what)
	if ok && !null {
		if n == noTime {
			return w.fail(fault.BadWriteTime, "%s is the value that stands for no time", what)
		}
		*into = n
	}
	return ok
}

// snapshotFlag reads snapshot: "false" or null for what was streamed.
func (w *work) snapshotFlag() bool {
	var s []byte
	switch w.peek() {
	case 't', 'f':
		w.snapshot = w.peek() == 't'
		return w.skip()
	default:
		ok := w.textOrNull(&s)
		w.snapshot = len(s) > 0 && string(s) != "false"
		return ok
	}
}

// findTable looks up the table that source names.
func (w *work) findTable() bool {
	if len(w.keyspace) == 0 || len(w.name) == 0 {
		return w.notEnvelope("source names no keyspace and table")
	}
	if w.table = w.d.catalog.LookupBytes(w.keyspace, w.name); w.table == nil {
		return w.fail(fault.UnknownTable, "table %.48q of keyspace %.48q", w.name, w.keyspace)
	}
	return true
}
