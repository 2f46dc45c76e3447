package debezium

import (
	"encoding/json"
	"sync"
)

// A shape is a schema of Kafka Connect, as its JsonConverter embeds it.
type shape struct {
	Type   string // int8, int16, int32, int64, float, double, boolean, string, bytes, array, map, struct
	Name   string // of the logical type or the struct
	Field  string // what it is within a struct
	Fields []*shape
	Items  *shape // of an array
	Keys   *shape // of a map
	Values *shape // of a map
}

// field returns a field of a struct, or nil.
func (s *shape) field(name string) *shape {
	if s == nil || s.Type != "struct" {
		return nil
	}
	for _, f := range s.Fields {
		if f != nil && f.Field == name {
			return f
		}
	}
	return nil
}

// A wire is the schema that came with an event.
type wire struct {
	text          string   // the schema as it stands in a JSON message
	columns       []*shape // the cells of after
	preciseVarint bool     // varints are two's complements in base64
}

// newWire returns the wire of an event's schema, or nil if it is not that of a change event.
func newWire(text string, s *shape) *wire {
	after := s.field("after")
	if after == nil || after.Type != "struct" {
		return nil
	}
	w := &wire{text: text, preciseVarint: after.has("bytes", logicalDecimal, 0)}
	for _, c := range after.Fields {
		if c.field("value") != nil && len(text) <= maxWire {
			w.columns = append(w.columns, c)
		}
	}
	return w
}

// has reports whether a shape of that type and name is anywhere in s.
func (s *shape) has(typ, name string, depth int) bool {
	if s == nil || depth > maxShapeDepth {
		return false
	}
	if s.Type == typ && s.Name == name || s.Items.has(typ, name, depth+1) || s.Keys.has(typ, name, depth+1) || s.Values.has(typ, name, depth+1) {
		return true
	}
	for _, f := range s.Fields {
		if f.has(typ, name, depth+1) {
			return true
		}
	}
	return false
}

// wires holds the schemas embedded in messages, by their text.
type wires struct {
	mu    sync.RWMutex
	known map[string]*wire // nil for what is not the schema of a change event
	bytes int
}

const (
	maxWire  = 1 << 20  // bytes of a schema from which a definition is taken
	maxWires = 64 << 20 // bytes of all that are kept
)

// get returns the wire of a schema in JSON, or nil.
func (x *wires) get(text []byte) *wire {
	x.mu.RLock()
	w, ok := x.known[string(text)]
	x.mu.RUnlock()
	if ok {
		return w
	}
	var s shape
	if json.Unmarshal(text, &s) == nil {
		w = newWire(string(text), &s)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bytes += len(text); x.bytes > maxWires || x.known == nil {
		x.known, x.bytes = map[string]*wire{}, len(text)
	}
	x.known[string(text)] = w
	return w
}

// schemaHead is how a message begins that Kafka Connect's JsonConverter wrote
// with schemas.enable.
const schemaHead = `{"schema":`

// matchWire reports how far the message is the same as the one before: up to the
// end of the embedded schema, or not at all.
func (w *work) matchWire() int {
	x := w.lastWire
	if x == nil {
		return 0
	}
	n := len(schemaHead) + len(x.text)
	if len(w.b) < n || string(w.b[:len(schemaHead)]) != schemaHead || string(w.b[len(schemaHead):n]) != x.text {
		return 0
	}
	return n
}

// wrapped reads an event with its schema, which stands before it if the
// JsonConverter wrote it. matched is what matchWire returned.
func (w *work) wrapped(matched int) bool {
	w.i++
	var seen uint32
	payload := -1
	ok := w.enter()
	for first := true; ok; first = false {
		var name []byte
		var more bool
		if name, more, ok = w.field(first); !more {
			break
		}
		switch string(name) {
		case "schema":
			ok = w.once(&seen, fieldSchema, "schema") && w.schema(matched)
		case "payload":
			if ok = w.once(&seen, fieldPayload, "payload"); !ok {
				break
			}
			if seen&fieldSchema != 0 {
				ok = w.event()
			} else {
				payload = w.i
				ok = w.skip()
			}
		default:
			ok = w.notEnvelope("it has a field besides schema and payload")
		}
	}
	w.leave()
	if !ok {
		return false
	}
	if seen != fieldSchema|fieldPayload {
		return w.notEnvelope("it has only one of schema and payload")
	}
	if payload < 0 {
		return true
	}
	end := w.i
	w.i = payload
	ok = w.event()
	w.i = end
	return ok
}

func (w *work) schema(matched int) bool {
	if matched > 0 && w.i == len(schemaHead) {
		w.i = matched
		w.wire = w.lastWire
		return true
	}
	start := w.i
	if !w.skip() {
		return false
	}
	if text := w.b[start:w.i]; text[0] == '{' {
		if w.wire = w.d.wires.get(text); w.wire != nil {
			w.lastWire = w.wire
		}
	}
	return true
}
