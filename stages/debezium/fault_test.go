package debezium_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// TestFaults makes every fault of an event in JSON.
func TestFaults(t *testing.T) {
	t.Parallel()
	catalog := of(t, plain, strings.Replace(clustered, "ks.t", "ks.c", 1), "CREATE TABLE ks.n (id int PRIMARY KEY, n counter)")
	d := newDecoder(t, debezium.Config{Catalog: catalog, MaxBytes: 1 << 16, MaxDepth: 16})
	ev := event("u", set("id", "1", "a", "2", "b", `"secret"`))
	msg := func(s string) *cdc.Event { return &cdc.Event{Value: []byte(s)} }
	for _, test := range []struct {
		name string
		ev   *cdc.Event
		want fault.Code
	}{
		{"empty", msg(""), fault.MalformedJSON},
		{"white space", msg(" \n"), fault.MalformedJSON},
		{"garbage", msg("\x17\x03\x03 garbage"), fault.MalformedJSON},
		{"text", msg("hello"), fault.MalformedJSON},
		{"cut short", msg(string(ev.Value[:len(ev.Value)-1])), fault.MalformedJSON},
		{"cut short within text", msg(string(ev.Value[:len(ev.Value)-40])), fault.MalformedJSON},
		{"two documents", msg(string(ev.Value) + "{}"), fault.MalformedJSON},
		{"control character", in(ev, "secret", "se\ncret"), fault.MalformedJSON},
		{"invalid UTF-8", in(ev, "secret", "se\xffcret"), fault.NotUTF8},
		{"overlong UTF-8", in(ev, "secret", "\xc0\x80"), fault.NotUTF8},
		{"surrogate in UTF-8", in(ev, "secret", "\xed\xa0\x80"), fault.NotUTF8},
		{"half a surrogate pair", in(ev, "secret", `\ud800`), fault.NotUTF8},
		{"large", in(ev, "secret", strings.Repeat("x", 1<<16)), fault.EventTooLarge},
		{"large key", &cdc.Event{Key: make([]byte, 1<<17), Value: ev.Value}, fault.EventTooLarge},
		{"large list", in(ev, `"b":{"value":"secret"`, `"l":{"value":[`+strings.Repeat("1,", 20_000)+`1]`), fault.EventTooLarge},
		{"deep", msg(strings.Repeat(`{"a":`, 1000)), fault.TooDeep},
		{"deep after", in(ev, `"secret"`, strings.Repeat("[", 30)+strings.Repeat("]", 30)), fault.WrongType},
		{"deep and unknown", in(ev, `"op":"u"`, `"op":"u","x":`+strings.Repeat("[", 30)+strings.Repeat("]", 30)), fault.TooDeep},
		{"array", msg(`[1,2]`), fault.NotAnEnvelope},
		{"null", msg(`null`), fault.NotAnEnvelope},
		{"empty object", msg(`{}`), fault.NotAnEnvelope},
		{"no op", in(ev, `"op":"u",`, ``), fault.NotAnEnvelope},
		{"op null", in(ev, `"op":"u"`, `"op":null`), fault.NotAnEnvelope},
		{"no source", in(ev, `"source"`, `"origin"`), fault.NotAnEnvelope},
		{"source null", in(ev, `"source":`+source, `"source":null`), fault.NotAnEnvelope},
		{"no after", in(ev, `"after"`, `"before"`), fault.NotAnEnvelope},
		{"after null", msg(`{"op":"u","source":` + source + `,"after":null}`), fault.NotAnEnvelope},
		{"no keyspace", in(ev, `"keyspace":"ks"`, `"x":"ks"`), fault.NotAnEnvelope},
		{"table null", in(ev, `"table":"t"`, `"table":null`), fault.NotAnEnvelope},
		{"table a number", in(ev, `"table":"t"`, `"table":5`), fault.NotAnEnvelope},
		{"bare columns", msg(`{"op":"u","source":` + source + `,"after":{"id":1}}`), fault.NotAnEnvelope},
		{"cell without value", in(ev, `{"value":2,`, `{"val":2,`), fault.NotAnEnvelope},
		{"schema alone", msg(`{"schema":{}}`), fault.NotAnEnvelope},
		{"payload alone", msg(`{"payload":{}}`), fault.NotAnEnvelope},
		{"payload null", msg(`{"schema":null,"payload":null}`), fault.NotAnEnvelope},
		{"more than schema and payload", msg(`{"schema":null,"payload":` + string(ev.Value) + `,"x":1}`), fault.NotAnEnvelope},
		{"unknown op", in(ev, `"op":"u"`, `"op":"m"`), fault.UnknownOp},
		{"long op", in(ev, `"op":"u"`, `"op":"insert"`), fault.UnknownOp},
		{"unknown table", in(ev, `"table":"t"`, `"table":"T"`), fault.UnknownTable},
		{"wrong type", in(ev, `"secret"`, `12345678`), fault.WrongType},
		{"out of range", in(ev, `"value":2`, `"value":2147483648`), fault.OutOfRange},
		{"no key", in(ev, `"id":{"value":1`, `"id":{"value":null`), fault.MissingKey},
		{"no whole key", in(event("u", set("id", "1", "ck", "2", "a", "3")), `"table":"t"`, `"table":"c"`), fault.MissingKey},
		{"empty clustering", in(event("i", set("id", "1", "ck", "2", "ck2", "null", "a", "3")), `"table":"t"`, `"table":"c"`), fault.MissingKey},
		{"deletion with an empty clustering", in(event("d", set("id", "1", "ck", "null", "ck2", "null")), `"table":"t"`, `"table":"c"`), fault.MissingKey},
		{"deletion of half a key", in(event("d", set("id", "1", "ck", "2")+","+at("ck2", "null", "5")), `"table":"t"`, `"table":"c"`), fault.MissingKey},
		{"no write time", in(in(ev, `"ts_us":1767225601234567`, `"ts_us":null`), `"name":"cdc","ts_ms":1767225601234`, `"name":"cdc"`), fault.BadWriteTime},
		{"bad range", in(ev, `"op":"u"`, `"op":"r"`), fault.BadRange},
		{"counter", in(event("i", set("id", "1", "n", "2")), `"table":"t"`, `"table":"n"`), fault.UnsupportedType},
		{"Avro without registry", msg("\x00\x00\x00\x00\x01abc"), fault.AvroSchema},
		{"unknown column", in(ev, `"b":`, `"B":`), fault.UnknownColumn},
		{"op twice", in(ev, `"op":"u"`, `"op":"u","op":"u"`), fault.DuplicateField},
		{"source twice", in(ev, `"op":"u"`, `"op":"u","source":`+source), fault.DuplicateField},
		{"after twice", in(ev, `"op":"u"`, `"op":"u","after":{},"after":{}`), fault.DuplicateField},
		{"write time twice", in(ev, `"pos":1234`, `"ts_us":5`), fault.DuplicateField},
		{"column twice", in(ev, `"b":`, `"a":`), fault.DuplicateField},
		{"column twice, escaped", in(ev, `"b":`, `"\u0061":`), fault.DuplicateField},
		{"value twice", in(ev, `"value":2,`, `"value":2,"value":2,`), fault.DuplicateField},
		{"set twice", in(ev, `"value":2,`, `"value":2,"set":true,`), fault.DuplicateField},
		{"range twice", event("r", set("id", "1")+`,"_range_start":{},"_range_start":{}`), fault.DuplicateField},
	} {
		for range 2 {
			c, err := decode(t, d, test.ev)
			if err == nil {
				t.Errorf("%s: got %s", test.name, show(c))
				continue
			}
			if f, ok := err.(*fault.Fault); !ok || f.Code != test.want { //nolint:errorlint // that is the promise
				t.Errorf("%s: got %v, want %s", test.name, err, test.want)
			}
			if s := err.Error(); strings.Contains(s, "secret") || strings.Contains(s, "12345678") || len(s) > 400 {
				t.Errorf("%s: the message is too long or tells a value: %s", test.name, s)
			}
		}
	}
	if got := mustDecode(t, d, ev); !strings.Contains(got, "secret") {
		t.Error(got)
	}
}

// TestPosition makes sure that a fault says where it is.
func TestPosition(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, `CREATE TABLE ks.t (id int PRIMARY KEY, "a B" int)`)})
	for value, want := range map[string]string{
		`{"x"`: "CDC-1001 expected a colon, but the message ends at byte 4",
		`{"op":"u","source":{"keyspace":"ks","table":"t","ts_us":5},"after":{"id":{"value":1},"a B":{"value":"x"}}}`: `CDC-1008 column "a B" of ks.t: expected int, found text at byte 103`,
		`{"op":"u","source":{"keyspace":"ks","table":"t"},"after":{"id":{"value":1}}}`:                               "CDC-1011 ks.t: source has neither ts_us nor ts_ms",
		`{"op":"u","source":{"keyspace":"ks","table":"t","ts_us":5},"after":{"id":null}}`:                            "CDC-1010 column id of ks.t: the event has no value for this key column",
	} {
		if _, err := decode(t, d, &cdc.Event{Value: []byte(value)}); err == nil || err.Error() != want {
			t.Errorf("%s\ngot %v, want %s", value, err, want)
		}
	}
}

// TestCollectionsRefused refuses what events of collections do not say.
func TestCollectionsRefused(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, l list<int>, f frozen<list<int>>)"), Collections: debezium.Refuse})
	_, err := decode(t, d, event("u", set("id", "1", "l", "[1]")))
	wantFault(t, err, fault.ColumnNotExact)
	if got := mustDecode(t, d, event("u", set("id", "1", "f", "[1]")+`,"l":null`)); !strings.Contains(got, "f=[1]") {
		t.Error(got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	catalog := cdc.NewCatalog(nil)
	for _, bad := range []debezium.Config{
		{}, {Catalog: catalog, MaxBytes: -1}, {Catalog: catalog, MaxBytes: 1 << 31}, {Catalog: catalog, MaxDepth: 3}, {Catalog: catalog, MaxDepth: 1 << 20},
		{Catalog: catalog, UnknownColumns: "approximate"}, {Catalog: catalog, Collections: "ignore"}, {Catalog: catalog, Varint: "hex"},
	} {
		if _, err := debezium.New(bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}
