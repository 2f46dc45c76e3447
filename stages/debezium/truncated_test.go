package debezium_test

import (
	"os"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// An event that is cut short, wherever, is malformed JSON and nothing else.
func TestTruncated(t *testing.T) {
	t.Parallel()
	cql, err := os.ReadFile("../../testdata/events/tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cdc.ParseCQL(string(cql))
	if err != nil {
		t.Fatal(err)
	}
	d, err := debezium.New(debezium.Config{Catalog: cdc.NewCatalog(nil, s.Tables()...)})
	if err != nil {
		t.Fatal(err)
	}
	const whole = `{"ts_ms":1,"op":"i","source":{"version":"3.4.1.Final","connector":"cassandra","name":"cdc","ts_ms":1,"snapshot":"false","db":"NULL",` +
		`"sequence":null,"ts_us":1795489473846745,"ts_ns":1795489473846745000,"cluster":"c","file":"f","pos":1,"keyspace":"shop","table":"orders"},` +
		`"after":{"customer":{"value":1,"deletion_ts":null,"set":true},"placed":{"value":"a\u00e9","deletion_ts":null,"set":true},"item":{"value":1,"deletion_ts":null,"set":true},` +
		`"at":null,"note":{"value":"n","deletion_ts":null,"set":true},"price":{"value":"1.50","deletion_ts":null,"set":true},"_range_start":null,"_range_end":null}}`
	decode := func(b string) error {
		_, err := d.Decode(t.Context(), &cdc.Event{Topic: "t", Value: []byte(b)}, debezium.NewSlab(1))
		return err
	}
	if err := decode(whole); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(whole); n++ {
		if err := decode(whole[:n]); !fault.Is(err, fault.MalformedJSON) {
			t.Errorf("the first %d bytes, up to %q: got %v", n, whole[max(0, n-12):n], err)
		}
	}
}
