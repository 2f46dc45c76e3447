package debezium_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

func form(t testing.TB, m *memory, message []byte) *debezium.Form {
	t.Helper()
	f, err := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil), Registry: m}).Form(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Events of the corpus are the same changes once they were turned into JSON and back,
// and their JSON is what another reader of Avro finds in them.
func TestForm(t *testing.T) {
	t.Parallel()
	m := &memory{}
	inJSON, inAvro := avroRecords(t, m)
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(t)...), Registry: m})
	for i, ev := range inAvro {
		f := form(t, m, ev.Value)
		text, err := f.JSON(ev.Value)
		if err != nil {
			t.Fatal(err)
		}
		back, err := f.Message(text)
		if err != nil {
			t.Fatalf("%v of %s", err, text)
		}
		want, wantErr := decode(t, d, ev)
		got, err := decode(t, d, &cdc.Event{Topic: ev.Topic, Key: ev.Key, Value: back})
		if fault.CodeOf(err) != fault.CodeOf(wantErr) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err == nil && show(got) != show(want) {
			t.Errorf("got  %s\nwant %s", show(got), show(want))
		}
		var read, written any
		schema := avro.MustParse(m.texts[int(ev.Value[4])-1])
		if err := avro.Unmarshal(schema, ev.Value[5:], &read); err != nil {
			t.Fatal(err)
		}
		if err := avro.Unmarshal(schema, back[5:], &written); err != nil {
			t.Fatal(err)
		}
		if a, b := fmt.Sprint(read), fmt.Sprint(written); a != b || len(a) < 100 {
			t.Errorf("another reader finds %s, and in the original %s", b, a)
		}
		var key struct{ Payload map[string]any }
		if err := json.Unmarshal(inJSON[i].Key, &key); err != nil {
			t.Fatal(err)
		}
		names := form(t, m, ev.Key).Fields()
		for _, name := range names {
			if _, ok := key.Payload[name]; !ok || len(names) != len(key.Payload) {
				t.Errorf("fields %q of the key %v", names, key.Payload)
			}
		}
	}
}

// Values of every type of Avro, as they stand in JSON.
func TestFormValues(t *testing.T) {
	t.Parallel()
	const dec = `{"type":"bytes","logicalType":"decimal","precision":40,"scale":2}`
	const fixed = `{"type":"fixed","name":"f","size":3,"logicalType":"decimal","precision":6,"scale":2}`
	for _, tc := range []struct{ schema, value, want string }{
		{`"int"`, `-2147483648`, ``}, {`"int"`, `2147483648`, "range of int"}, {`"int"`, `1.0`, "range of int"}, {`"int"`, `"1"`, "a string, where the schema has int"}, {`"int"`, `{}`, "an object"}, {`"int"`, `true`, "a boolean"},
		{`"long"`, `9223372036854775807`, ``}, {`"long"`, `9223372036854775808`, "range of long"}, {`"boolean"`, `true`, ``}, {`"boolean"`, `false`, ``}, {`"boolean"`, `1`, "a number, where the schema has boolean"},
		{`"float"`, `0.1`, ``}, {`"float"`, `1e39`, "range of float"}, {`"float"`, `"NaN"`, ``}, {`"double"`, `1e+300`, ``}, {`"double"`, `1e400`, "range of double"}, {`"double"`, `"Infinity"`, ``}, {`"double"`, `"-Infinity"`, ``}, {`"double"`, `"much"`, "a string, where the schema has double"},
		{`"string"`, `"é\"\n<\u0000"`, ``}, {`"string"`, `5`, "a number, where the schema has string"}, {`{"type":"enum","name":"e","symbols":["A","B"]}`, `"B"`, ``}, {`{"type":"enum","name":"e","symbols":["A","B"]}`, `"C"`, "none of the symbols A, B"},
		{`"bytes"`, `"AP8="`, ``}, {`"bytes"`, `"!"`, "base64"}, {`{"type":"fixed","name":"f","size":2}`, `"AP8="`, ``}, {`{"type":"fixed","name":"f","size":3}`, `"AP8="`, "2 bytes, where the schema has 3"},
		{dec, `"1.50"`, ``}, {dec, `"-1.28"`, ``}, {dec, `"1.28"`, ``}, {dec, `"-0.01"`, ``}, {dec, `"0.00"`, ``}, {dec, `"-99999999999999999999999999999999999999.99"`, ``}, {dec, `"1.234"`, "3 digits behind the point"}, {dec, `"1e5"`, "in digits"}, {dec, `""`, "in digits"}, {dec, `"--1"`, "in digits"}, {dec, `1.5`, "a number"},
		{dec, `"` + strings.Repeat("9", 3000) + `"`, "too many digits"}, {fixed, `"-1.28"`, ``}, {fixed, `"-83886.08"`, ``}, {fixed, `"83886.08"`, "4 bytes"},
		{`{"type":"array","items":["null","int"]}`, `[1,null,3]`, ``}, {`{"type":"array","items":"int"}`, `[]`, ``}, {`{"type":"array","items":"int"}`, `[1,"x"]`, "value.1: a string"}, {`{"type":"array","items":"int"}`, `{}`, "an object, where the schema has array"},
		{`{"type":"map","values":"int"}`, `{"a":1,"b":2}`, ``}, {`{"type":"map","values":"int"}`, `{"a":1,"a":2}`, "value.a: it stands there twice"}, {`{"type":"map","values":"int"}`, `{"a":"x"}`, "value.a: a string"},
		{`{"type":"record","name":"r","fields":[{"name":"x","type":"int"},{"name":"y","type":["null","string"]}]}`, `{"x":1,"y":null}`, ``}, {`{"type":"record","name":"r","fields":[{"name":"x","type":"int"}]}`, `{}`, "value.x: it is missing"}, {`{"type":"record","name":"r","fields":[{"name":"x","type":"int"}]}`, `{"x":1,"z":2}`, "value.z: the schema has no such field"},
	} {
		m := &memory{}
		schema := strings.NewReplacer("VALUE", tc.schema, "EXTRA", "").Replace(envelope)
		message := m.framed(schema, []byte("\x02u\x04ks\x02t\x02\x0a\x02\x02\x02\x00\x01\x00"))
		f := form(t, m, message)
		text, err := f.JSON(message)
		if err != nil {
			t.Fatal(err)
		}
		if want := `"v":null`; !bytes.Contains(text, []byte(want)) {
			t.Fatalf("no %s in %s", want, text)
		}
		text = bytes.Replace(text, []byte(`"v":null`), []byte(`"v":{"value":`+tc.value+`,"deletion_ts":null,"set":true}`), 1)
		back, err := f.Message(text)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), "after.v.value") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s of %s: got %v, want %s", tc.value, tc.schema, err, tc.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %s: %v", tc.value, tc.schema, err)
			continue
		}
		if !bytes.Equal(back[:5], message[:5]) {
			t.Errorf("it has another id: % x", back[:5])
		}
		if again, err := f.JSON(back); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s of %s: got %s, %v", tc.value, tc.schema, again, err)
		}
		var read any
		if err := avro.Unmarshal(avro.MustParse(schema), back[5:], &read); err != nil {
			t.Errorf("%s of %s: another reader says %v", tc.value, tc.schema, err)
		}
	}
}

// What is no message of a form, or has none, is a fault.
func TestFormRefuses(t *testing.T) {
	t.Parallel()
	m := &memory{}
	ev := intEvent(1)
	m.framed(intSchema, nil)
	f := form(t, m, ev.Value)
	for n := 5; n < len(ev.Value); n++ {
		if text, err := f.JSON(ev.Value[:n]); fault.CodeOf(err) != fault.MalformedAvro {
			t.Errorf("cut at %d: got %s, %v", n, text, err)
		}
	}
	if _, err := f.JSON(append(slices.Clone(ev.Value), 0)); fault.CodeOf(err) != fault.MalformedAvro {
		t.Errorf("got %v", err)
	}
	for _, text := range []string{"", "{", "[]", "5", `{"op":}`, "\xff"} {
		if _, err := f.Message([]byte(text)); fault.CodeOf(err) != fault.AvroSchema {
			t.Errorf("%q: got %v", text, err)
		}
	}
	without := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil)})
	if _, err := without.Form(t.Context(), ev.Value); fault.CodeOf(err) != fault.AvroSchema {
		t.Errorf("without a registry: %v", err)
	}
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil), Registry: m})
	if _, err := d.Form(t.Context(), []byte("\x00\x00\x00")); fault.CodeOf(err) != fault.MalformedAvro {
		t.Errorf("half a frame: %v", err)
	}
	if _, err := d.Form(t.Context(), []byte("\x00\x00\x00\x00\x09x")); fault.CodeOf(err) != fault.AvroSchema {
		t.Errorf("an unknown schema: %v", err)
	}
	small := m.framed(strings.NewReplacer("VALUE", `"int"`, "EXTRA", bomb()).Replace(envelope), ev.Value[5:])
	if _, err := form(t, m, small).JSON(small); fault.CodeOf(err) != fault.MalformedAvro {
		t.Errorf("a bomb: %v", err)
	}
	key := m.framed(`{"type":"record","name":"Key","fields":[{"name":"id","type":"int"}]}`, []byte{2})
	if _, err := form(t, m, key).JSON(key); fault.CodeOf(err) != fault.AvroSchema {
		t.Errorf("a key is no event: %v", err)
	}
}

// Whatever bytes a message has, they are a fault or JSON that gives the same JSON again.
func FuzzForm(f *testing.F) {
	m := &memory{}
	_, evs := avroRecords(f, m)
	d := newDecoder(f, debezium.Config{Catalog: cdc.NewCatalog(nil), Registry: m})
	for _, ev := range evs {
		f.Add(ev.Value)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		form, err := d.Form(t.Context(), message)
		if err != nil {
			return
		}
		text, err := form.JSON(message)
		if err != nil {
			return
		}
		back, err := form.Message(text)
		if err != nil {
			t.Fatalf("%v of %s", err, text)
		}
		if again, err := form.JSON(back); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("got %s, %v, want %s", again, err, text)
		}
	})
}
