package debezium_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// fuzzed decodes ev twice and makes sure that it is refused with a code, or
// decoded to what later stages may rely on, and both times alike.
func fuzzed(t *testing.T, d *debezium.Decoder, ev *cdc.Event) {
	t.Helper()
	s := debezium.NewSlab(2)
	c, err := d.Decode(t.Context(), ev, s)
	again, err2 := d.Decode(t.Context(), ev, s)
	if err != nil || err2 != nil {
		f, ok := err.(*fault.Fault) //nolint:errorlint // that is the promise
		if !ok || fault.Describe(f.Code).Code != f.Code || len(err.Error()) > 1000 {
			t.Fatalf("got %v", err)
		}
		if fault.CodeOf(err2) != f.Code && f.Code != fault.AvroSchema {
			t.Fatalf("got %v, then %v", err, err2)
		}
		return
	}
	if c == nil {
		return
	}
	check(t, c)
	if show(c) != show(again) || c.Hash() != again.Hash() {
		t.Fatalf("got %s, then %s", show(c), show(again))
	}
}

// FuzzJSON decodes messages in JSON with definitions of every type.
func FuzzJSON(f *testing.F) {
	for _, file := range []string{"types.jsonl", "orders.jsonl", "mixedcase.jsonl", "users.jsonl"} {
		for i, ev := range records(f, file) {
			if i%5 == 0 {
				f.Add(ev.Key, ev.Value)
			}
		}
	}
	f.Add([]byte(nil), event("i", set("id", "1", "l", `[1,null,2]`, "m", `{"a":[[2,"x"],[1,null]]}`, "u", `{"y":[["b","a"]],"x":1}`, "v", `[1,2]`, "p", `{"field2":"x"}`, "d", `{"scale":3,"value":"AeI6"}`)).Value)
	defs := append(tables(f), parse(f, "CREATE TYPE ks.u (x int, y frozen<list<frozen<set<text>>>>)",
		"CREATE TABLE ks.t (id int PRIMARY KEY, l list<int>, m map<text, frozen<map<int, text>>>, u frozen<u>, v vector<float, 2>, p tuple<int, text>, d decimal, s set<decimal>, i set<varint>)")...)
	d := newDecoder(f, debezium.Config{Catalog: cdc.NewCatalog(nil, defs...)})
	f.Fuzz(func(t *testing.T, key, value []byte) { fuzzed(t, d, &cdc.Event{Key: key, Value: value}) })
}

// FuzzEmbeddedSchema decodes messages that bring their schema, with a catalog
// that knows nothing else.
func FuzzEmbeddedSchema(f *testing.F) {
	for i, ev := range records(f, "schemas.jsonl") {
		if i%6 == 0 && len(ev.Value) < 8000 {
			f.Add(ev.Key, ev.Value)
		}
	}
	small := embedded(set("id", "1", "v", `{"a":[1]}`, "p", `{"field1":1}`), `{"id":1}`, "id", `{"type":"int32"}`, "v", `{"type":"map","keys":{"type":"string"},"values":{"type":"array","items":{"type":"int8"}}}`, "p", `{"type":"struct","name":"aTuple","fields":[{"type":"int32","field":"field1"}]}`)
	f.Add(small.Key, small.Value)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		fuzzed(t, newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil)}), &cdc.Event{Key: key, Value: value})
	})
}

// FuzzAvro decodes bodies in Avro with schemas of every type.
func FuzzAvro(f *testing.F) {
	m := &memory{}
	_, evs := avroRecords(f, m)
	for _, ev := range evs {
		f.Add(ev.Value[4], ev.Value[5:])
	}
	value := `{"type":"array","items":{"type":"record","name":"e","fields":[{"name":"field1","type":["null",{"type":"map","values":"double"}]},{"name":"field2","type":{"type":"record","name":"d","fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]}}]}}`
	last := m.framed(strings.NewReplacer("VALUE", value, "EXTRA", `,{"name":"x","type":{"type":"array","items":["null","e"]}}`).Replace(envelope), []byte(head+"\x02\x02\x02\x02a\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x02\x02\x05\x00\x00\x01\x00"))
	f.Add(last[4], last[5:])
	defs := append(tables(f), parse(f, "CREATE TABLE ks.t (id int PRIMARY KEY, v list<frozen<tuple<frozen<map<text, double>>, decimal>>>)")...)
	d := newDecoder(f, debezium.Config{Catalog: cdc.NewCatalog(nil, defs...), Registry: m})
	f.Fuzz(func(t *testing.T, id byte, body []byte) {
		fuzzed(t, d, &cdc.Event{Value: append([]byte{0, 0, 0, 0, id}, body...)})
	})
}

// FuzzAvroSchema decodes with any schema.
func FuzzAvroSchema(f *testing.F) {
	m := &memory{}
	_, evs := avroRecords(f, m)
	for i, ev := range evs {
		if s := m.texts[int(ev.Value[4])-1]; i%9 == 0 && len(s) < 4000 {
			f.Add(s, ev.Value[5:])
		}
	}
	f.Add(intSchema, []byte(head+"\x08\x00\x01"))
	f.Fuzz(func(t *testing.T, schema string, body []byte) {
		registry := debezium.RegistryFunc(func(context.Context, int) (string, error) { return schema, nil })
		d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil), Registry: registry})
		msg := append([]byte{0, 0, 0, 0, 1}, body...)
		fuzzed(t, d, &cdc.Event{Key: bytes.Clone(msg), Value: msg})
	})
}
