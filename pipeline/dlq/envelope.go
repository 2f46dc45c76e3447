package dlq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A member of a JSON object, as it is written.
type member struct {
	name string
	raw  json.RawMessage
}

type object []member

// parseObject takes an object of JSON apart. It keeps order and the text of values.
func parseObject(text []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object of JSON")
	}
	var o object
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		var m member
		m.name, _ = t.(string) // as the names of members are
		if err := dec.Decode(&m.raw); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		if o.at(m.name) >= 0 {
			return nil, fmt.Errorf("%q stands there twice", m.name)
		}
		o = append(o, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if dec.More() {
		return nil, errors.New("something follows the object")
	}
	return o, nil
}

func (o object) at(name string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.name == name })
}

func (o object) get(name string) json.RawMessage {
	if i := o.at(name); i >= 0 {
		return o[i].raw
	}
	return nil
}

// set replaces or appends a member.
func (o *object) set(name string, raw json.RawMessage) {
	if i := o.at(name); i >= 0 {
		(*o)[i].raw = raw
		return
	}
	*o = append(*o, member{name, raw})
}

func (o object) text() []byte {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendText(b, m.name), ':'), m.raw...)
	}
	return append(b, '}')
}

// appendText appends s as a string of JSON that is one of YAML too.
func appendText(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string has no way to fail
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// An envelope is an event of Debezium's Cassandra connector in JSON, in parts.
type envelope struct {
	outer object // with schema and payload; nil if the event has no schema
	event object
	after object
}

// parseEnvelope takes an event's value apart.
func parseEnvelope(value []byte) (*envelope, error) {
	e := &envelope{}
	var err error
	if e.event, err = parseObject(value); err != nil {
		return nil, err
	}
	if payload := e.event.get("payload"); payload != nil && e.event.at("after") < 0 {
		e.outer = e.event
		if e.event, err = parseObject(payload); err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
	}
	if e.after, err = parseObject(e.event.get("after")); err != nil {
		return nil, fmt.Errorf("after: %w", err)
	}
	return e, nil
}

func (e *envelope) text() []byte {
	event := slices.Clone(e.event)
	event.set("after", e.after.text())
	if e.outer == nil {
		return event.text()
	}
	outer := slices.Clone(e.outer)
	outer.set("payload", event.text())
	return outer.text()
}

// bound reports whether a member of after is no column.
func bound(name string) bool { return name == "_range_start" || name == "_range_end" }

// columns returns what the event has written: a column's value, null for one that it
// deletes.
func (e *envelope) columns() (object, error) {
	var cs object
	for _, m := range e.after {
		if bound(m.name) || isNull(m.raw) {
			continue
		}
		cell, err := parseObject(m.raw)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", m.name, err)
		}
		value := cell.get("value")
		if value == nil {
			value = json.RawMessage("null")
		}
		cs = append(cs, member{m.name, value})
	}
	return cs, nil
}

// put sets a column's value.
func (e *envelope) put(name string, value json.RawMessage) error {
	if bound(name) {
		return fmt.Errorf("%q is no column", name)
	}
	cell := object{{"value", nil}, {"deletion_ts", json.RawMessage("null")}, {"set", json.RawMessage("true")}}
	if was := e.after.get(name); was != nil && !isNull(was) {
		var err error
		if cell, err = parseObject(was); err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
		if !isNull(value) && cell.at("deletion_ts") >= 0 && isNull(cell.get("value")) {
			cell.set("deletion_ts", json.RawMessage("null")) // it lives now
		}
	}
	cell.set("value", value)
	e.after.set(name, cell.text())
	return nil
}

// remove makes the event say nothing of a column.
func (e *envelope) remove(name string) {
	if e.after.at(name) >= 0 {
		e.after.set(name, json.RawMessage("null"))
	}
}
