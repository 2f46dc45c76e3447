package generator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A capture is an event that Debezium's agent 3.4.1.Final wrote for Cassandra 5.0.6.
type capture struct {
	Partition, Clustering int // columns of the key
	Key, Value            string
}

func captures(t *testing.T) (cs []capture) {
	t.Helper()
	b, err := os.ReadFile("testdata/captured.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var c capture
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	return cs
}

// Every part of every event has a shape that real events have, the fields in the
// same order, and real shapes are all made.
func TestShapes(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, c := range captures(t) {
		for _, s := range shapes(t, c.Partition, c.Clustering, []byte(c.Key), []byte(c.Value)) {
			want[s] = true
		}
	}
	g := newGenerator(t, func(c *Config) { c.Keys, c.Deletes, c.TTL, c.Malformed = 1000, 0.3, 0.2, 0 })
	got := map[string]bool{}
	var e Event
	for i := range uint64(5000) {
		g.Event(i, &e)
		def := e.statement.table.def
		for _, s := range shapes(t, def.Partition, def.Key-def.Partition, e.Key, e.Value) {
			if got[s] = true; !want[s] {
				t.Fatalf("event %d: no real event has %s: %s", i, s, e.Value)
			}
		}
		var names []string
		for _, f := range fields(t, lookup(t, e.Value, "after")) {
			names = append(names, f.name)
		}
		for _, c := range def.Columns {
			if names[0] != c.Name {
				t.Fatalf("event %d: column %q where %q should be: %s", i, names[0], c.Name, e.Value)
			}
			names = names[1:]
		}
	}
	for s := range want {
		if !got[s] {
			t.Errorf("no event has %s", s)
		}
	}
}

// shapes returns the shapes of an event's parts. A column's says its role, but not
// its name or its type.
func shapes(t *testing.T, partition, clustering int, key, value []byte) (out []string) {
	t.Helper()
	op := string(lookup(t, value, "op"))
	var top []string
	for _, f := range fields(t, value) {
		if top = append(top, f.name); f.name != "after" {
			out = append(out, f.name+" "+shape(t, f.value))
		}
	}
	out = append(out, strings.Join(top, " "))
	keys, after := fields(t, key), fields(t, lookup(t, value, "after"))
	if len(keys) != partition+clustering {
		t.Fatalf("key has %d columns, want %d: %s", len(keys), partition+clustering, key)
	}
	for i, f := range after {
		role := "regular"
		switch {
		case i >= len(after)-2: // the ends of a range
			out = append(out, fmt.Sprintf("op %s: %s %s", op, f.name, shape(t, f.value)))
			continue
		case i < partition:
			role = "partition"
		case i < partition+clustering:
			role = "clustering"
		}
		out = append(out, fmt.Sprintf("op %s: %s %s", op, role, cellShape(t, f.value)))
		if i < partition+clustering {
			inAfter := []byte("null")
			if string(f.value) != "null" {
				inAfter = lookup(t, f.value, "value")
			}
			if keys[i].name != f.name || !bytes.Equal(keys[i].value, inAfter) {
				t.Fatalf("key has %s %s where after has %s %s", keys[i].name, keys[i].value, f.name, f.value)
			}
		}
	}
	return out
}

// cellShape is the shape of a cell, whatever the type of its value.
func cellShape(t *testing.T, raw []byte) string {
	if string(raw) == "null" {
		return "null"
	}
	var parts []string
	for _, f := range fields(t, raw) {
		s := shape(t, f.value)
		if f.name == "value" && s != "null" {
			s = "any"
		}
		parts = append(parts, f.name+":"+s)
	}
	return strings.Join(parts, " ")
}

// shape returns the names and types of a document, in order. Array elements of the
// same shape are one.
func shape(t *testing.T, raw []byte) string {
	switch raw[0] {
	case '{':
		var parts []string
		for _, f := range fields(t, raw) {
			parts = append(parts, f.name+":"+shape(t, f.value))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case '[':
		var elems []json.RawMessage
		if err := json.Unmarshal(raw, &elems); err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, e := range elems {
			parts = append(parts, shape(t, e))
		}
		return "[" + strings.Join(slices.Compact(parts), " ") + "]"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

type jsonField struct {
	name  string
	value json.RawMessage
}

// fields returns the fields of an object, in order.
func fields(t *testing.T, raw []byte) (fs []jsonField) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		t.Fatalf("not an object: %s", raw)
	}
	for d.More() {
		name, err := d.Token()
		var f jsonField
		if err == nil {
			err = d.Decode(&f.value)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		f.name = name.(string)
		fs = append(fs, f)
	}
	return fs
}

func lookup(t *testing.T, raw []byte, name string) json.RawMessage {
	t.Helper()
	for _, f := range fields(t, raw) {
		if f.name == name {
			return f.value
		}
	}
	t.Fatalf("no field %s: %s", name, raw)
	return nil
}
