package dlq_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

const envelope = `{"ts_ms":1767225631000,"op":"i","source":{"ts_us":1767225601000000,"keyspace":"shop","table":"orders"},"after":{` +
	`"customer":{"value":1,"deletion_ts":null,"set":true},"at":null,"note":{"value":null,"deletion_ts":17,"set":true},"price":{"value":12345678901234567890.10,"deletion_ts":null,"set":true},` +
	`"qty":{"value":-3,"deletion_ts":null,"set":true},"_range_start":null,"_range_end":null}}`

func document(t testing.TB, value string) *dlq.Document {
	t.Helper()
	d, err := (dlq.Check{}).Document(t.Context(), of(value))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func of(value string) *dlq.Letter {
	return &dlq.Letter{ID: 7, Keyspace: "shop", Table: "orders", Failures: []letter.Failure{{Code: fault.RuleFailed, Detail: "rule qty.min:\nbelow 0"}},
		Event: cdc.Event{Topic: "cdc.shop.orders", Key: []byte(`{"customer":1}`), Value: []byte(value)}}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	d := document(t, envelope)
	y, ok := d.YAML()
	want := `# Letter 7 of shop.orders, from cdc.shop.orders/0 offset 0.
# CDC-2004 rule qty.min: below 0
# Correct the values, save and close: they are checked before anything is sent.
# A column that is removed is left as it is in the replica; null deletes it. The key cannot be changed.
# Close without a change to send nothing.
columns:
  customer: 1
  note: null
  price: 12345678901234567890.10
  qty: -3
`
	if string(y) != want || !ok {
		t.Errorf("got %t\n%s", ok, y)
	}
	if got := string(d.JSON()); !strings.Contains(got, `"price": 12345678901234567890.10,`) {
		t.Errorf("got %s", got)
	}
	for _, tc := range []struct {
		name, from, to string
		changed        []string
		was, is        string // in the value
	}{
		{"nothing", "", "", nil, "", ""},
		{"comments alone", "# Close", "# x", nil, "", ""},
		{"a number", "qty: -3", "qty: 3", []string{"qty"}, `"qty":{"value":-3`, `"qty":{"value":3`},
		{"text", "note: null", "note: x y", []string{"note"}, `"note":{"value":null,"deletion_ts":17`, `"note":{"value":"x y","deletion_ts":null`},
		{"quoted", "qty: -3", `qty: "-3"`, []string{"qty"}, `{"value":-3`, `{"value":"-3"`},
		{"added", "qty: -3", "qty: -3\n  at: 5", []string{"at"}, `"at":null`, `"at":{"value":5,"deletion_ts":null,"set":true}`},
		{"unknown", "qty: -3", "qty: -3\n  new: [1, {a: b}]", []string{"new"}, `"_range_end":null}`, `"_range_end":null,"new":{"value":[1,{"a":"b"}],"deletion_ts":null,"set":true}}`},
		{"removed", "  qty: -3\n", "", []string{"qty"}, `"qty":{"value":-3,"deletion_ts":null,"set":true}`, `"qty":null`},
		{"same in another form", "qty: -3", "qty:   -3", nil, "", ""},
	} {
		edited := strings.Replace(want, tc.from, tc.to, 1)
		got, changed, err := d.Apply([]byte(edited))
		if err != nil || !slices.Equal(changed, tc.changed) {
			t.Errorf("%s: changed %q, %v", tc.name, changed, err)
			continue
		}
		value := strings.Replace(envelope, tc.was, tc.is, 1)
		if tc.changed == nil {
			value = ""
		}
		if string(got) != value {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, value)
		}
	}
	got, changed, err := d.Apply([]byte(strings.Replace(string(d.JSON()), "-3", "4", 1)))
	if err != nil || !slices.Equal(changed, []string{"qty"}) || !strings.Contains(string(got), `{"value":4,`) {
		t.Errorf("in JSON: got %s, %q, %v", got, changed, err)
	}
	for _, text := range []string{
		"", "columns:", "columns: 1", "x: 1", "columns: {qty: 3}\nx: 1", "{", "columns: {qty: -3, qty: 4}", "columns: &a {qty: -3}", "columns: {customer: 2}", "columns: {qty: 1}",
		"columns: {customer: 1, qty: !!int 3}", "columns: {customer: 1, _range_start: 3}", "a: 1\n---\nb: 2", "columns: {customer: 1, qty: 0x10}", "columns: {customer: 1, qty: .inf}",
	} {
		if got, _, err := d.Apply([]byte(text)); !fault.Is(err, fault.LetterRefused) {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for _, value := range []string{"", "\x00avro", "{", "[]", `{"after":1}`, `{"after":{"a":1}}`, `{"after":{"a":null,"a":null}}`, `{"x":1} {}`} {
		if _, err := (dlq.Check{}).Document(t.Context(), of(value)); !fault.Is(err, fault.LetterRefused) {
			t.Errorf("%q: got %v", value, err)
		}
	}
	// With a schema, as value.converter.schemas.enable writes it.
	d = document(t, `{"schema":{"x":[1, 2]},"payload":`+envelope+`}`)
	got, _, err = d.Set(map[string]json.RawMessage{"qty": json.RawMessage("3")})
	if err != nil || string(got) != `{"schema":{"x":[1, 2]},"payload":`+strings.Replace(envelope, "-3", "3", 1)+`}` {
		t.Errorf("got %s, %v", got, err)
	}
}

// Whatever values an event has, its document says so, and read back unchanged it
// changes nothing.
func TestDocumentRoundTrip(t *testing.T) {
	t.Parallel()
	var value *rapid.Generator[any]
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.Int64(), func(n int64) any { return n }),
			rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.SampledFrom([]string{"no", "1e5", "0x1", "~", "- a", "a: b", "#", "", " ", "2026-01-01", ".inf", "\u2028", "'"}), func(s string) any { return s }),
			rapid.Map(rapid.SliceOfN(value, 0, 3), func(a []any) any { return a }),
			rapid.Map(rapid.MapOfN(rapid.String(), value, 0, 3), func(m map[string]any) any { return m }),
		)
	})
	exact := 0
	rapid.Check(t, func(t *rapid.T) {
		after := map[string]any{}
		for name, v := range rapid.MapOfN(rapid.String(), value, 0, 4).Draw(t, "columns") {
			after[name] = map[string]any{"value": v, "deletion_ts": nil, "set": true}
		}
		text, err := json.Marshal(map[string]any{"op": "i", "after": after})
		if err != nil {
			t.Fatal(err)
		}
		d, err := (dlq.Check{}).Document(context.Background(), of(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if _, changed, err := d.Apply(d.JSON()); err != nil || changed != nil {
			t.Fatalf("in JSON: %q, %v", changed, err)
		}
		if y, ok := d.YAML(); ok {
			exact++
			if _, changed, err := d.Apply(y); err != nil || changed != nil {
				t.Fatalf("in YAML: %q, %v of\n%s", changed, err, y)
			}
		}
	})
	if exact == 0 {
		t.Error("YAML never held a document")
	}
}

// No text that an editor may leave makes it panic.
func FuzzApply(f *testing.F) {
	d := document(f, envelope)
	y, _ := d.YAML()
	f.Add(y)
	f.Add(d.JSON())
	f.Add([]byte("columns: [a, *b]\n? x\n: |\n y"))
	f.Fuzz(func(t *testing.T, text []byte) {
		value, changed, err := d.Apply(text)
		if err == nil && changed != nil && !json.Valid(value) {
			t.Errorf("of %q: %s", text, value)
		}
	})
}
