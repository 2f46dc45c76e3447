package debezium_test

import (
	"encoding/json"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// identity returns what two captures of one event have in common.
func identity(t testing.TB, ev *cdc.Event) string {
	t.Helper()
	var m struct {
		Payload json.RawMessage
		Op      string
		Source  struct {
			Keyspace, Table, File string
			Pos                   int
		}
		After map[string]json.RawMessage
	}
	if err := json.Unmarshal(ev.Value, &m); err != nil {
		t.Fatal(err)
	}
	if m.Payload != nil {
		if err := json.Unmarshal(m.Payload, &m); err != nil {
			t.Fatal(err)
		}
	}
	rest, _ := json.Marshal([]any{m.Op, m.Source, m.After})
	return string(rest)
}

// TestEmbedded decodes events that were captured with and without their schemas
// to the same changes.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(t)...)})
	bare := map[string]string{}
	for _, file := range []string{"types.jsonl", "orders.jsonl", "times.jsonl", "users.jsonl", "mixedcase.jsonl"} {
		for _, ev := range records(t, file) {
			bare[identity(t, ev)] = mustDecode(t, d, ev)
		}
	}
	n := 0
	for _, ev := range records(t, "schemas.jsonl") {
		if want, ok := bare[identity(t, ev)]; ok {
			n++
			if got := mustDecode(t, d, ev); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d events in both", n)
	}
}

// TestInfer takes definitions from the events, where nobody else has them.
func TestInfer(t *testing.T) {
	t.Parallel()
	catalog := cdc.NewCatalog(nil)
	d := newDecoder(t, debezium.Config{Catalog: catalog})
	known := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(t)...)})
	for _, ev := range records(t, "schemas.jsonl") {
		want, err := decode(t, known, ev)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(t, d, ev)
		if want.Op == cdc.DeletePartition || want.Op == cdc.DeleteRange {
			wantFault(t, err, fault.KeyNotSplit)
			continue
		}
		if err != nil {
			t.Errorf("%v: %s", err, show(want))
			continue
		}
		check(t, got)
		if got.Op != want.Op || len(got.Key) != len(want.Key) || len(got.Cells) != len(want.Cells) || got.Marker != want.Marker || got.Deleted != want.Deleted {
			t.Errorf("got %s, want %s", show(got), show(want))
		}
	}
	for name, want := range map[string]string{
		"types.alltypes": `CREATE TABLE types.alltypes (
    id int,
    c_ascii text,
    c_bigint bigint,
    c_blob blob,
    c_boolean boolean,
    c_date date,
    c_decimal text,
    c_double double,
    c_duration duration,
    c_float float,
    c_inet text,
    c_int int,
    c_smallint smallint,
    c_text text,
    c_time bigint,
    c_timestamp timestamp,
    c_timeuuid uuid,
    c_tinyint tinyint,
    c_tuple tuple<int, text, uuid>,
    c_uuid uuid,
    c_varchar text,
    c_varint text,
    f_dates list<date>,
    f_decs map<text, text>,
    f_imap map<int, text>,
    f_list list<int>,
    f_map map<text, int>,
    f_set list<text>,
    f_tuples list<tuple<int, text>>,
    f_uuids list<uuid>,
    PRIMARY KEY ((id))
)`,
		"shop.orders": `CREATE TABLE shop.orders (
    customer int,
    placed text,
    item int,
    "at" timestamp,
    note text,
    price text,
    qty int,
    s text,
    s2 int,
    PRIMARY KEY ((customer, placed, item))
)`,
	} {
		keyspace, table, _ := strings.Cut(name, ".")
		if got := catalog.Lookup(keyspace, table); got == nil || strings.ReplaceAll(got.CQL(), `"at"`, "at") != strings.ReplaceAll(want, `"at"`, "at") {
			t.Errorf("got %v, want %s", got.CQL(), want)
		}
	}
}

// embedded returns an event with its schema; fields are those of after and of the
// key, name and schema in turn, and the key is made of the first.
func embedded(after string, key string, fields ...string) *cdc.Event {
	var cells []string
	for i := 0; i < len(fields); i += 2 {
		cells = append(cells, `{"type":"struct","fields":[`+strings.Replace(fields[i+1], "{", `{"field":"value","optional":true,`, 1)+`,{"type":"int64","field":"deletion_ts"},{"type":"boolean","field":"set"}],"name":"cell_value","field":"`+fields[i]+`"}`)
	}
	schema := `{"type":"struct","fields":[{"type":"string","field":"op"},{"type":"struct","fields":[` + strings.Join(cells, ",") + `,{"type":"struct","name":"_range_start","field":"_range_start","fields":[]}],"name":"after","field":"after"}]}`
	ev := event("i", after)
	return &cdc.Event{Key: []byte(key), Value: []byte(`{"schema":` + schema + `,"payload":` + string(ev.Value) + `}`)}
}

func TestInferType(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"int8"}`: "tinyint", `{"type":"double"}`: "double", `{"type":"int64","name":"io.debezium.time.NanoDuration"}`: "duration",
		`{"type":"struct","name":"io.debezium.data.VariableScaleDecimal","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]}`: "decimal",
		`{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}}`:                                                    "varint",
		`{"type":"array","items":{"type":"array","items":{"type":"int8"}}}`:                                                                             "list<frozen<list<tinyint>>>",
		`{"type":"struct","name":"ks.address","fields":[{"type":"string","field":"street"},{"type":"int32","field":"zip"}]}`:                            "frozen<address>",
		`{"type":"struct","name":"Int32Tuple","fields":[{"type":"int32","field":"field1"}]}`:                                                            "tuple<int>",
		`{"type":"float64"}`: "", `{"type":"struct","fields":[]}`: "", `{"type":"array"}`: "", `{"type":"map","keys":{"type":"string"}}`: "", `{"type":"array","items":null}`: "",
		strings.Repeat(`{"type":"array","items":`, 40) + `{"type":"int8"}` + strings.Repeat("}", 40): "",
	} {
		catalog := cdc.NewCatalog(nil)
		d := newDecoder(t, debezium.Config{Catalog: catalog, MaxDepth: 200})
		_, err := decode(t, d, embedded(set("id", "1")+`,"v":null`, `{"id":1}`, "id", `{"type":"int32"}`, "v", schema))
		switch {
		case want == "":
			wantFault(t, err, fault.UnsupportedType)
		case err != nil:
			t.Errorf("%s: %v", schema, err)
		default:
			if got := catalog.Lookup("ks", "t").Columns[1].Type.String(); got != want {
				t.Errorf("%s: got %s, want %s", schema, got, want)
			}
		}
	}
}

func TestInferKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]fault.Code{
		`{"id":1}`: "", `{"schema":{"type":"struct","fields":[]},"payload":{"id":1}}`: "", `{"payload":{"id":1},"schema":{}}`: "",
		``: fault.UnknownTable, `5`: fault.UnknownTable, `{}`: fault.UnknownTable, `{"x":1}`: fault.UnknownTable, `{"id":1,"id":1}`: fault.UnknownTable, `{"id"`: fault.MalformedJSON, "\x00\x00\x00\x00\x01x": fault.UnknownTable,
	} {
		d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil)})
		_, err := decode(t, d, embedded(set("id", "1"), key, "id", `{"type":"int32"}`))
		if (err == nil) != (want == "") || err != nil && fault.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %s", key, err, want)
		}
	}
}

// TestInferMore joins the columns of several schemas of a table.
func TestInferMore(t *testing.T) {
	t.Parallel()
	catalog := cdc.NewCatalog(nil)
	d := newDecoder(t, debezium.Config{Catalog: catalog})
	one := embedded(set("id", "1", "a", "2"), `{"id":1}`, "id", `{"type":"int32"}`, "a", `{"type":"int32"}`)
	two := embedded(set("id", "1", "b", "2"), `{"id":1}`, "id", `{"type":"int32"}`, "b", `{"type":"int64"}`)
	for _, ev := range []*cdc.Event{one, two, one, two} {
		mustDecode(t, d, ev)
	}
	if got := len(catalog.Lookup("ks", "t").Columns); got != 3 {
		t.Errorf("got %d columns", got)
	}
	if got := mustDecode(t, d, event("u", set("id", "1", "a", "3", "b", "4"))); !strings.Contains(got, "a=3") || !strings.Contains(got, "b=4") {
		t.Error(got)
	}
	better := parse(t, "CREATE TABLE ks.t (id int, a int, b bigint, PRIMARY KEY (id, a))")
	catalog.Put(better...)
	c, err := decode(t, d, embedded(set("id", "1", "a", "2", "b", "2"), `{"id":1}`, "id", `{"type":"int32"}`, "a", `{"type":"int32"}`, "b", `{"type":"int64"}`))
	if err != nil || c.Table != better[0] {
		t.Errorf("got %v, %v: what the catalog has comes first", c, err)
	}
}

// TestInferredPreciseVarint reads varints as their schema says.
func TestInferredPreciseVarint(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v varint)")})
	precise := embedded(set("id", "1", "v", `"1234"`), ``, "id", `{"type":"int32"}`, "v", `{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal"}`)
	digits := embedded(set("id", "1", "v", `"1234"`), ``, "id", `{"type":"int32"}`, "v", `{"type":"string"}`)
	for ev, want := range map[*cdc.Event]string{precise: "v=-2658824[", digits: "v=1234["} {
		if got := mustDecode(t, d, ev); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
