package dlq_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
	"cdcpipe/stages"
)

// The schemas of a table's events as Debezium's agent registers them, with cells of
// several types.
const (
	avroKey    = `{"type":"record","name":"Key","namespace":"cdc.shop.orders","fields":[{"name":"customer","type":["null","int"],"default":null}],"connect.name":"cdc.shop.orders.Key"}`
	avroSource = `{"type":"record","name":"source","namespace":"","fields":[{"name":"version","type":"string"},{"name":"connector","type":"string"},{"name":"name","type":"string"},{"name":"ts_ms","type":"long"},` +
		`{"name":"snapshot","type":[{"type":"string","connect.version":1,"connect.default":"false","connect.name":"io.debezium.data.Enum"},"null"],"default":"false"},{"name":"ts_us","type":["null","long"],"default":null},` +
		`{"name":"file","type":"string"},{"name":"pos","type":"int"},{"name":"keyspace","type":"string"},{"name":"table","type":"string"}],"connect.version":1,"connect.name":"source"}`
	avroDecimal = `{"type":"bytes","scale":2,"precision":64,"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}`
)

func avroCell(column, typ string) string {
	return `{"name":"` + column + `","type":["null",{"type":"record","name":"` + column + `_cell","fields":[{"name":"value","type":["null",` + typ + `],"default":null},{"name":"deletion_ts","type":["null","long"],"default":null},{"name":"set","type":"boolean"}],"connect.version":1}],"default":null}`
}

var avroValue = `{"type":"record","name":"Envelope","namespace":"cdc.shop.orders","fields":[{"name":"ts_ms","type":"long"},{"name":"op","type":"string"},{"name":"source","type":` + avroSource + `},{"name":"after","type":{"type":"record","name":"after","namespace":"","fields":[` +
	strings.Join([]string{avroCell("customer", `"int"`), avroCell("at", `"long"`), avroCell("note", `"string"`), avroCell("price", avroDecimal), avroCell("qty", `"int"`)}, ",") + `],"connect.version":1,"connect.name":"after"}}],"connect.name":"cdc.shop.orders.Envelope"}`

// registry is one that has both schemas, by the ids 1 and 2.
func registry(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, ok := map[string]string{"/schemas/ids/1": avroKey, "/schemas/ids/2": avroValue}[r.URL.Path]; ok {
			_, _ = fmt.Fprintf(w, `{"schema":%q}`, text) // whoever asked may be gone
			return
		}
		http.Error(w, `{"error_code":40403,"message":"Schema not found"}`, http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s
}

// framed returns v in Avro, in Confluent's framing.
func framed(t testing.TB, id uint32, schema string, v any) []byte {
	t.Helper()
	b, err := avro.Marshal(avro.MustParse(schema), v)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), b...)
}

// inAvro is a letter whose key and value are Avro.
func inAvro(t testing.TB, qty int) *dlq.Letter {
	t.Helper()
	cell := func(typ string, v any) any {
		return map[string]any{"value": map[string]any{typ: v}, "deletion_ts": nil, "set": true}
	}
	in := func(column string, v any) any { return map[string]any{"cdc.shop.orders." + column + "_cell": v} }
	value := map[string]any{
		"ts_ms": int64(1767225631000), "op": "i",
		"source": map[string]any{"version": "3.6.1.Final", "connector": "cassandra", "name": "cdc", "ts_ms": int64(1767225601000), "snapshot": map[string]any{"string": "false"}, "ts_us": map[string]any{"long": int64(1767225601000000)},
			"file": "CommitLog-7-1.log", "pos": 1, "keyspace": "shop", "table": "orders"},
		"after": map[string]any{"customer": in("customer", cell("int", 1)), "at": nil, "note": in("note", cell("string", "ä <b>")), "price": in("price", cell("bytes.decimal", big.NewRat(3, 2))), "qty": in("qty", cell("int", qty))},
	}
	return &dlq.Letter{ID: 7, Keyspace: "shop", Table: "orders", Failures: []letter.Failure{{Code: fault.RuleFailed, Detail: "rule qty.min"}},
		Event: cdc.Event{Topic: "cdc.shop.orders", Key: framed(t, 1, avroKey, map[string]any{"customer": map[string]any{"int": 1}}), Value: framed(t, 2, avroValue, value)}}
}

// inAvroStages are those of checker, with a registry.
func inAvroStages(t testing.TB, url string) dlq.Check {
	t.Helper()
	c := checker(t)
	s, err := cdc.ParseCQL(`CREATE TABLE shop.orders (customer int PRIMARY KEY, at timestamp, note text, price decimal, qty int)`)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stages.DefaultDecode()
	cfg.Registry.URLs = []string{url}
	decode, err := stages.NewDecode(cfg, cdc.NewCatalog(nil, s.Tables()...))
	if err != nil {
		t.Fatal(err)
	}
	c.Stages[0] = decode
	return c
}

// A letter in Avro is corrected column by column like one in JSON, and stays Avro of
// the same schema.
func TestAvroDocument(t *testing.T) {
	t.Parallel()
	server := registry(t)
	c, l := inAvroStages(t, server.URL), inAvro(t, -3)
	d, err := c.Document(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	y, ok := d.YAML()
	if want := "columns:\n  customer: 1\n  note: \"ä <b>\"\n  price: \"1.50\"\n  qty: -3\n"; !ok || !strings.HasSuffix(string(y), want) {
		t.Fatalf("got %t\n%s", ok, y)
	}
	if _, changed, err := d.Apply(y); err != nil || changed != nil {
		t.Errorf("unchanged: %q, %v", changed, err)
	}
	value, changed, err := d.Apply([]byte(strings.NewReplacer("qty: -3", "qty: 3\n  at: 1767225600000", "1.50", "-1.50").Replace(string(y))))
	if err != nil || strings.Join(changed, " ") != "price qty at" {
		t.Fatalf("%q, %v", changed, err)
	}
	if err := c.Correction(t.Context(), l, value); err != nil {
		t.Fatal(err)
	}
	v, err := c.Run(t.Context(), l.Again(value))
	if err != nil || len(v.Failures) > 0 {
		t.Fatal(v, err)
	}
	if got := string(letter.AppendRecord(nil, v.Decoded)); !strings.Contains(got, `"qty":3`) || !strings.Contains(got, `"price":-1.50`) || !strings.Contains(got, `"at":"2026-01-01`) {
		t.Errorf("got %s", got)
	}
	var read struct {
		Source struct {
			TSUs *int64 `avro:"ts_us"`
		} `avro:"source"`
		TSMs int64 `avro:"ts_ms"`
	}
	if err := avro.Unmarshal(avro.MustParse(avroValue), value[5:], &read); err != nil || string(value[:5]) != "\x00\x00\x00\x00\x02" || read.Source.TSUs == nil || *read.Source.TSUs != 1767225601000000 || read.TSMs != 1767225631000 {
		t.Errorf("another reader finds %+v, %v in % x", read, err, value[:5])
	}
	for edit, want := range map[string]string{
		"qty: many": "after.qty.value", "qty: 3000000000": "after.qty.value", "qty: {a: 1}": "after.qty.value: an object", "qty: 3\n  colour: red": "after.colour", "qty: 3\n  at: soon": "after.at.value: a string",
	} {
		if value, _, err := d.Apply([]byte(strings.Replace(string(y), "qty: -3", edit, 1))); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got % x, %v", edit, value, err)
		}
	}
	for edit, want := range map[string]string{`"1.234"`: "after.price.value: 3 digits", "1.5": "after.price.value: a number"} {
		if value, _, err := d.Apply([]byte(strings.Replace(string(y), `"1.50"`, edit, 1))); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got % x, %v", edit, value, err)
		}
	}
	if _, _, err := d.Apply([]byte(strings.Replace(string(y), "customer: 1", "customer: 2", 1))); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), "key") {
		t.Errorf("another key: %v", err)
	}
	value, _, err = d.Set(map[string]json.RawMessage{"qty": json.RawMessage("-4")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Correction(t.Context(), l, value); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), "qty.min") {
		t.Errorf("it breaks a rule: %v", err)
	}
}

// A whole value in JSON is sent as Avro to a topic of Avro.
func TestAvroValue(t *testing.T) {
	t.Parallel()
	server := registry(t)
	c, l := inAvroStages(t, server.URL), inAvro(t, -3)
	whole := `{"ts_ms":1,"op":"i","source":{"version":"v","connector":"c","name":"n","ts_ms":1,"snapshot":null,"ts_us":5,"file":"f","pos":1,"keyspace":"shop","table":"orders"},` +
		`"after":{"customer":{"value":1,"deletion_ts":null,"set":true},"at":null,"note":null,"price":null,"qty":{"value":9,"deletion_ts":null,"set":true}}}`
	value, err := c.Value(t.Context(), l, []byte(whole))
	if err != nil || value[0] != 0 {
		t.Fatalf("got %q, %v", value, err)
	}
	if err := c.Correction(t.Context(), l, value); err != nil {
		t.Error(err)
	}
	if _, err := c.Value(t.Context(), l, []byte(strings.Replace(whole, `"pos":1,`, "", 1))); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), "source.pos: it is missing") {
		t.Errorf("got %v", err)
	}
	for _, same := range []string{whole, string(value)} {
		if got, err := c.Value(t.Context(), of(envelope), []byte(same)); err != nil || string(got) != same {
			t.Errorf("of a letter in JSON: got %q, %v", got, err)
		}
	}
	if got, err := c.Value(t.Context(), l, value); err != nil || string(got) != string(value) {
		t.Errorf("Avro: got %q, %v", got, err)
	}
}

// Without a schema there is no document, and a registry that is down is no verdict.
func TestAvroWithoutSchema(t *testing.T) {
	t.Parallel()
	server := registry(t)
	c, l := inAvroStages(t, server.URL), inAvro(t, -3)
	if _, err := checker(t).Document(t.Context(), l); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), "no schema registry is configured") {
		t.Errorf("no registry: %v", err)
	}
	other := *l
	other.Event.Value = append([]byte("\x00\x00\x00\x00\x09"), l.Event.Value[5:]...)
	if _, err := c.Document(t.Context(), &other); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), "schema id 9") {
		t.Errorf("unknown id: %v", err)
	}
	other.Event.Value = l.Event.Value[:20]
	if _, err := c.Document(t.Context(), &other); !fault.Is(err, fault.LetterRefused) || !strings.Contains(err.Error(), "malformed Avro") {
		t.Errorf("cut: %v", err)
	}
	server.Close()
	if _, err := inAvroStages(t, server.URL).Document(t.Context(), l); !fault.Is(err, fault.SchemaUnreached) {
		t.Errorf("registry down: %v", err)
	}
}
