package debezium_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// A connect is a schema of Kafka Connect, from which an event in JSON is turned
// into Avro as Confluent's AvroData and serializer do it. Every record has a name
// of its own, since the agent's own ones cannot be told apart.
type connect struct {
	Type, Name, Field   string
	Optional            bool
	Default             any
	Fields              []*connect
	Items, Keys, Values *connect
}

// avro returns the schema in Avro.
func (c *connect) avro(records *int) string {
	var s string
	named := func(typ string) string {
		s := `{"type":"` + typ + `"`
		if c.Name != "" {
			s += `,"connect.name":"` + c.Name + `"`
		}
		return s
	}
	switch c.Type {
	case "struct":
		*records++
		s = named("record") + fmt.Sprintf(`,"namespace":"","name":"r%d","fields":[`, *records)
		for i, f := range c.Fields {
			if i > 0 {
				s += ","
			}
			s += `{"name":"` + f.Field + `","type":` + f.avro(records) + `}`
		}
		s += "]}"
	case "array":
		s = `{"type":"array","items":` + c.Items.avro(records) + "}"
	case "map":
		*records++
		s = fmt.Sprintf(`{"type":"array","items":{"type":"record","name":"MapEntry%d","connect.name":"io.confluent.connect.avro.MapEntry","fields":[{"name":"key","type":%s},{"name":"value","type":%s}]}}`,
			*records, c.Keys.avro(records), c.Values.avro(records))
	case "int8", "int16":
		s = named("int") + `,"connect.type":"` + c.Type + `"}`
	case "int32":
		s = named("int") + "}"
	case "int64":
		s = named("long") + "}"
	default:
		s = named(c.Type) + "}"
	}
	switch {
	case c.Optional && c.Default != nil:
		return "[" + s + `,"null"]`
	case c.Optional:
		return `["null",` + s + "]"
	}
	return s
}

// encode appends v, as encoding/json has it, in Avro.
func (c *connect) encode(b []byte, v any) []byte {
	if c.Optional {
		null := c.Default != nil == (v == nil) // whether the second branch is taken
		if b = binary.AppendVarint(b, map[bool]int64{true: 1}[null]); v == nil {
			return b
		}
	}
	switch c.Type {
	case "struct":
		m := v.(map[string]any)
		for _, f := range c.Fields {
			b = f.encode(b, m[f.Field])
		}
	case "array":
		if items := v.([]any); len(items) > 0 {
			b = binary.AppendVarint(b, int64(len(items)))
			for _, x := range items {
				b = c.Items.encode(b, x)
			}
		}
		b = append(b, 0)
	case "map":
		n := 0
		entry := func(k, v any) { // each in a block of its own, with its size
			body := c.Values.encode(c.Keys.encode(nil, k), v)
			b = append(binary.AppendVarint(binary.AppendVarint(b, -1), int64(len(body))), body...)
			n++
		}
		if m, ok := v.(map[string]any); ok {
			for k, v := range m {
				entry(k, v)
			}
		} else {
			for _, kv := range v.([]any) {
				entry(kv.([]any)[0], kv.([]any)[1])
			}
		}
		b = append(b, 0)
	case "string":
		b = append(binary.AppendVarint(b, int64(len(v.(string)))), v.(string)...)
	case "bytes":
		raw, _ := base64.StdEncoding.DecodeString(v.(string))
		b = append(binary.AppendVarint(b, int64(len(raw))), raw...)
	case "boolean":
		b = append(b, map[bool]byte{true: 1}[v.(bool)])
	case "float":
		f, _ := strconv.ParseFloat(text(v), 32)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
	case "double":
		f, _ := strconv.ParseFloat(text(v), 64)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	default:
		n, err := strconv.ParseInt(text(v), 10, 64)
		if err != nil {
			panic(err)
		}
		b = binary.AppendVarint(b, n)
	}
	return b
}

func text(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return v.(string)
}

// A memory is a registry that learns schemas as they are used.
type memory struct{ texts []string }

func (m *memory) Schema(_ context.Context, id int) (string, error) {
	if id < 1 || id > len(m.texts) {
		return "", fault.New(fault.AvroSchema, "schema id %d", id)
	}
	return m.texts[id-1], nil
}

// frame returns a document with an embedded schema in Avro, in Confluent's framing.
func (m *memory) frame(t testing.TB, doc []byte) []byte {
	t.Helper()
	var w struct {
		Schema  *connect
		Payload any
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&w); err != nil {
		t.Fatal(err)
	}
	n := 0
	return m.framed(w.Schema.avro(&n), w.Schema.encode(nil, w.Payload))
}

func (m *memory) framed(schema string, body []byte) []byte {
	id := 0
	for i, s := range m.texts {
		if s == schema {
			id = i + 1
		}
	}
	if id == 0 {
		m.texts = append(m.texts, schema)
		id = len(m.texts)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
}

// avroRecords returns the events of the corpus whose names Avro can have, with
// their embedded schemas and in Avro.
func avroRecords(t testing.TB, m *memory) (json, avro []*cdc.Event) {
	t.Helper()
	for _, ev := range records(t, "schemas.jsonl") {
		if strings.HasSuffix(ev.Topic, "MixedCase") {
			continue
		}
		json = append(json, ev)
		avro = append(avro, &cdc.Event{Topic: ev.Topic, Key: m.frame(t, ev.Key), Value: m.frame(t, ev.Value)})
	}
	return json, avro
}

// TestAvro decodes the same events in both formats to the same changes, with
// definitions of their own and with those that come with them.
func TestAvro(t *testing.T) {
	t.Parallel()
	m := &memory{}
	inJSON, inAvro := avroRecords(t, m)
	for _, defs := range [][]*cdc.Table{tables(t), nil} {
		j := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, defs...), Registry: m})
		a := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, defs...), Registry: m})
		for i, ev := range inJSON {
			want, err := decode(t, j, ev)
			got, err2 := decode(t, a, inAvro[i])
			if err != nil || err2 != nil {
				if fault.CodeOf(err) != fault.CodeOf(err2) {
					t.Errorf("got %v, want %v", err2, err)
				}
				continue
			}
			check(t, got)
			if show(got) != show(want) || !bytes.Equal(got.AppendKey(nil), want.AppendKey(nil)) || !got.Table.Equal(want.Table) {
				t.Errorf("got  %s\nwant %s", show(got), show(want))
			}
		}
	}
}

// TestMalformedAvro cuts, lengthens and alters messages.
func TestMalformedAvro(t *testing.T) {
	t.Parallel()
	m := &memory{}
	_, evs := avroRecords(t, m)
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(t)...), Registry: m})
	wantErr := func(value []byte) {
		t.Helper()
		if c, err := decode(t, d, &cdc.Event{Value: value}); err == nil {
			t.Fatalf("no error, but %s", show(c))
		}
	}
	for _, ev := range evs[:3] {
		for n := range len(ev.Value) { // also where a field ends
			wantErr(ev.Value[:n:n])
		}
		wantErr(append(bytes.Clone(ev.Value), 0))
		for i := 5; i < len(ev.Value); i++ { // whatever it says then, it must be a fault or a change
			x := bytes.Clone(ev.Value)
			x[i] ^= 0x80
			if c, err := decode(t, d, &cdc.Event{Value: x}); err == nil {
				check(t, c)
			} else if _, ok := err.(*fault.Fault); !ok { //nolint:errorlint // that is the promise
				t.Fatal(err)
			}
		}
	}
	_, err := decode(t, d, &cdc.Event{Value: []byte("\x00\x00\x00\x00\x63abc")})
	wantFault(t, err, fault.AvroSchema)
}

const envelope = `{"type":"record","name":"Envelope","fields":[{"name":"op","type":"string"},{"name":"source","type":{"type":"record","name":"source","fields":[
	{"name":"keyspace","type":"string"},{"name":"table","type":"string"},{"name":"ts_us","type":["null","long"]}]}},{"name":"after","type":{"type":"record","name":"after","fields":[
	{"name":"id","type":["null",{"type":"record","name":"id_cell","fields":[{"name":"value","type":["null","int"]},{"name":"deletion_ts","type":["null","long"]},{"name":"set","type":"boolean"}]}]},
	{"name":"v","type":["null",{"type":"record","name":"v_cell","fields":[{"name":"value","type":["null",VALUE]},{"name":"deletion_ts","type":["null","long"]},{"name":"set","type":"boolean"}]}]}]}}EXTRA]}`

// head is how an event of that schema begins, up to the value of v.
const head = "\x02u" + "\x04ks" + "\x02t" + "\x02\x0a" + "\x02\x02\x02\x00\x01" + "\x02\x02"

func TestAvroValues(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("\xff", 9) + "\x01"
	for _, test := range []struct{ typ, schema, value, want string }{
		{"decimal", `"double"`, string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e10))), "10000000000"},
		{"decimal", `{"type":"bytes","logicalType":"decimal","precision":20,"scale":3}`, "\x06\x01\xe2\x3a", "123.450"},
		{"decimal", `{"type":"record","name":"d","fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]}`, "\x06\x06\x01\xe2\x3a", "123.450"},
		{"decimal", `{"type":"record","name":"d","fields":[{"name":"value","type":"bytes"},{"name":"scale","type":"int"}]}`, "\x06\x01\xe2\x3a\x06", "123.450"},
		{"decimal", `{"type":"record","name":"d","fields":[{"name":"scale","type":"int"}]}`, "\x06", "CDC-1008"},
		{"decimal", `"bytes"`, "\x02\x01", "CDC-1008"},
		{"varint", `{"type":"bytes","logicalType":"decimal","precision":64,"scale":0}`, "\x12\x01\x00\x00\x00\x00\x00\x00\x00\x01", "18446744073709551617"},
		{"varint", `"bytes"`, "\x00", "CDC-1008"},
		{"varint", `"long"`, "\x02", "1"},
		{"text", `"string"`, "\x04\xc3\xa9", `"é"`}, {"text", `"string"`, "\x02\xff", "CDC-1002"}, {"text", `"string"`, many, "CDC-1014"}, {"text", `{"type":"enum","name":"e","symbols":["A","B"]}`, "\x02", `"B"`}, {"text", `{"type":"enum","name":"e","symbols":["A"]}`, "\x02", "CDC-1014"}, {"text", `"int"`, "\x02", "CDC-1008"},
		{"blob", `"bytes"`, "\x04\x00\xff", `"0x00ff"`}, {"blob", `{"type":"fixed","name":"f","size":2}`, "\x00\xff", `"0x00ff"`}, {"blob", `"string"`, "\x08AAAA", "CDC-1008"},
		{"int", `"long"`, "\xfe\xff\xff\xff\x0f", "2147483647"}, {"int", `"long"`, "\x80\x80\x80\x80\x10", "CDC-1009"}, {"boolean", `"boolean"`, "\x01", "true"}, {"boolean", `"boolean"`, "\x02", "CDC-1014"}, {"int", `"boolean"`, "\x01", "CDC-1008"},
		{"float", `"double"`, string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e300))), "CDC-1009"}, {"double", `"float"`, "\x00\x00\x80\x3f", "1"}, {"float", `["null","string","float"]`, "\x04\x00\x00\x80\x3f", "1"},
		{"frozen<list<int>>", `{"type":"array","items":"int"}`, "\x03\x04\x02\x04\x00", "[1,2]"}, {"frozen<list<int>>", `{"type":"array","items":"int"}`, "\x03\xff\x7f\x02\x04\x00", "CDC-1014"},
		{"frozen<list<int>>", `{"type":"array","items":"int"}`, "\x02\x02\x02\x04\x00", "[1,2]"}, {"frozen<list<int>>", `{"type":"array","items":["null","int"]}`, "\x02\x00\x00", "CDC-1008"}, {"list<int>", `{"type":"array","items":["null","int"]}`, "\x04\x00\x02\x04\x00", "[2]"},
		{"frozen<list<int>>", `{"type":"array","items":"null"}`, many + "\x00", "CDC-1014"}, {"frozen<list<int>>", `{"type":"array","items":"int"}`, "\x01\x00\x00", "CDC-1014"},
		{"frozen<set<text>>", `{"type":"array","items":"string"}`, "\x06\x02b\x02a\x02b\x00", `["a","b"]`}, {"frozen<map<text,int>>", `{"type":"map","values":"int"}`, "\x04\x02b\x02\x02a\x04\x00", `{"a":2,"b":1}`}, {"frozen<map<text,int>>", `{"type":"array","items":"int"}`, "\x02\x02\x00", "CDC-1008"},
		{"tuple<int,text>", `{"type":"record","name":"p","fields":[{"name":"field2","type":"string"},{"name":"field1","type":["null","int"]}]}`, "\x02x\x02\x08", `[4,"x"]`}, {"tuple<int>", `{"type":"record","name":"p","fields":[{"name":"f","type":"int"}]}`, "\x02", "CDC-1008"},
		{"frozen<u>", `{"type":"record","name":"p","fields":[{"name":"y","type":"int"}]}`, "\x02", `{"x":null,"y":1}`}, {"frozen<u>", `{"type":"record","name":"p","fields":[{"name":"z","type":"int"}]}`, "\x02", "CDC-1016"},
		{"vector<float,2>", `{"type":"array","items":"float"}`, "\x04\x00\x00\x80\x3f\x00\x00\x00\x00\x00", "[1,0]"}, {"vector<float,2>", `{"type":"array","items":"float"}`, "\x02\x00\x00\x80\x3f\x00", "CDC-1008"},
	} {
		m := &memory{}
		d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TYPE ks.u (x int, y int)", "CREATE TABLE ks.t (id int PRIMARY KEY, v "+test.typ+")"), Registry: m})
		schema, body := strings.Replace(envelope, "VALUE", test.schema, 1), head+test.value+"\x00\x01"
		if strings.HasPrefix(test.schema, "[") {
			schema, body = strings.Replace(schema, `["null",`+test.schema+"]", test.schema, 1), strings.Replace(head, "\x02\x02\x02\x00\x01\x02\x02", "\x02\x02\x02\x00\x01\x02", 1)+test.value+"\x00\x01"
		}
		c, err := decode(t, d, &cdc.Event{Value: m.framed(strings.Replace(schema, "EXTRA", "", 1), []byte(body))})
		if strings.HasPrefix(test.want, "CDC-") {
			if fault.CodeOf(err) != fault.Code(test.want) {
				t.Errorf("%s from %s: got %v, want %s", test.typ, test.schema, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s from %s: %v", test.typ, test.schema, err)
			continue
		}
		check(t, c)
		if got := string(c.Table.Columns[1].Type.AppendJSON(nil, c.Cells[0].Value)); got != test.want {
			t.Errorf("%s from %s: got %s, want %s", test.typ, test.schema, got, test.want)
		}
	}
}
