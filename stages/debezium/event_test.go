package debezium_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// source is what the agent says of an event's origin.
const source = `{"version":"3.4.1.Final","connector":"cassandra","name":"cdc","ts_ms":1767225601234,"snapshot":"false","db":"NULL",` +
	`"sequence":null,"ts_us":1767225601234567,"ts_ns":1767225601234567000,"cluster":"lab","file":"CommitLog-7-1767225600000.log","pos":1234,"keyspace":"ks","table":"t"}`

// ts is the write time of source.
const ts = 1767225601234567

// event returns an event as the agent writes it. after is the members of after.
func event(op, after string) *cdc.Event {
	return &cdc.Event{Topic: "cdc.ks.t", Value: []byte(`{"ts_ms":1767225631000,"op":"` + op + `","source":` + source + `,"after":{` + after + `}}`)}
}

// in returns ev with one text of its value replaced by another.
func in(ev *cdc.Event, from, to string) *cdc.Event {
	c := *ev
	c.Value = []byte(strings.Replace(string(ev.Value), from, to, 1))
	return &c
}

// set returns cells with values, as members of after: name, value, name, value.
func set(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, `"`+pairs[i]+`":{"value":`+pairs[i+1]+`,"deletion_ts":null,"set":true}`)
	}
	return strings.Join(out, ",")
}

// at returns a cell with a value and a deletion_ts, as a member of after.
func at(name, value, deletion string) string {
	return `"` + name + `":{"value":` + value + `,"deletion_ts":` + deletion + `,"set":true}`
}

// of returns a catalog of the tables that CQL statements define.
func of(t testing.TB, cql ...string) *cdc.Catalog {
	t.Helper()
	return cdc.NewCatalog(nil, parse(t, cql...)...)
}

func parse(t testing.TB, cql ...string) []*cdc.Table {
	t.Helper()
	s, err := cdc.ParseCQL(strings.Join(cql, ";\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()
}

func decode(t testing.TB, d *debezium.Decoder, ev *cdc.Event) (*cdc.Change, error) {
	t.Helper()
	return d.Decode(t.Context(), ev, debezium.NewSlab(1))
}

// mustDecode returns the change, which is checked, as text.
func mustDecode(t testing.TB, d *debezium.Decoder, ev *cdc.Event) string {
	t.Helper()
	c, err := decode(t, d, ev)
	if err != nil {
		t.Fatalf("%v\n%s", err, ev.Value)
	}
	check(t, c)
	if c.Event != ev {
		t.Error("the change has lost its event")
	}
	return show(c)
}

// wantFault fails unless err is a fault of that code itself, and not around another error.
func wantFault(t testing.TB, err error, want fault.Code) {
	t.Helper()
	f, ok := err.(*fault.Fault) //nolint:errorlint // that is the promise
	if !ok || f.Code != want {
		t.Errorf("got %v, want a fault %s", err, want)
	}
}
