package debezium_test

import (
	"fmt"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

const (
	plain     = "CREATE TABLE ks.t (id int PRIMARY KEY, a int, b text, l list<int>)"
	clustered = "CREATE TABLE ks.t (id int, ck int, ck2 text, s text STATIC, s2 text STATIC, a int, b text, PRIMARY KEY (id, ck, ck2)) WITH CLUSTERING ORDER BY (ck DESC, ck2 ASC)"
	keysOnly  = "CREATE TABLE ks.t (id int, ck int, PRIMARY KEY (id, ck))"
)

func TestChange(t *testing.T) {
	t.Parallel()
	key := set("id", "1", "ck", "2", "ck2", `"x"`)
	const expiry = "1767229201000000" // µs of second 1767229201
	for _, test := range []struct{ name, table, op, after, want string }{
		{"insert", plain, "i", set("id", "1", "a", "2") + `,"b":null`, "insert ks.t key 1 marker [T,0] a=2[T,0]"},
		{"insert as c", plain, "c", set("id", "1", "a", "2"), "insert ks.t key 1 marker [T,0] a=2[T,0]"},
		{"insert of a key alone", keysOnly, "i", set("id", "1", "ck", "2"), "insert ks.t key 1 2 marker [T,0]"},
		{"insert with null", plain, "i", set("id", "1", "a", "null"), "insert ks.t key 1 marker [T,0] a=null[T,8589934592]"},
		{"insert with TTL", plain, "i", set("id", "1") + "," + at("a", "2", expiry) + "," + at("b", `"x"`, expiry), "insert ks.t key 1 marker [T,1767229201] a=2[T,1767229201] b=\"x\"[T,1767229201]"},
		{"insert with TTL and null", plain, "i", set("id", "1", "b", "null") + "," + at("a", "2", expiry), "insert ks.t key 1 marker [T,1767229201] a=2[T,1767229201] b=null[T,8589934592]"},
		{"insert with TTL and a list", plain, "i", set("id", "1", "l", "[1]") + "," + at("a", "2", expiry), "insert ks.t key 1 marker [T,1767229201] a=2[T,1767229201] l=[1][T,1767229201]"},
		{"insert partly with TTL", plain, "i", set("id", "1", "b", `"x"`) + "," + at("a", "2", expiry), "insert ks.t key 1 marker [T,0] a=2[T,1767229201] b=\"x\"[T,0]"},
		{"insert with TTL and a static column", clustered, "i", key + "," + set("s", `"x"`) + "," + at("a", "2", expiry), `insert ks.t key 1 2 "x" marker [T,1767229201] s="x"[T,0] a=2[T,1767229201]`},
		{"update", plain, "u", set("id", "1", "b", `"x"`, "a", "2"), "update ks.t key 1 a=2[T,0] b=\"x\"[T,0]"},
		{"update with TTL", plain, "u", set("id", "1") + "," + at("a", "2", expiry), "update ks.t key 1 a=2[T,1767229201]"},
		{"deletion of a column", plain, "u", set("id", "1", "a", "null"), "update ks.t key 1 a=null[T,8589934592]"},
		{"null cells", plain, "u", set("id", "1") + `,"a":null,"b":null,"_range_start":null,"_range_end":null`, "update ks.t key 1"},
		{"cells not set", plain, "u", set("id", "1") + `,"a":{"value":7,"deletion_ts":null,"set":false}`, "update ks.t key 1"},
		{"cells in another order", plain, "u", set("id", "1") + `,"a":{ "set" : true, "value" : 7 , "deletion_ts":null}`, "update ks.t key 1 a=7[T,0]"},
		{"cells with more", plain, "u", set("id", "1") + `,"a":{"value":7,"x":{"y":[]}}`, "update ks.t key 1 a=7[T,0]"},

		{"row deletion", plain, "d", set("id", "1") + "," + at("a", "null", "1767225601000001") + "," + at("b", "null", "1767225601000001"), "delete_row ks.t key 1 deleted [1767225601000001,0]"},
		{"row deletion without its time", keysOnly, "d", set("id", "1", "ck", "2"), "delete_row ks.t key 1 2 deleted [T,0]"},
		{"row deletion, clustered", clustered, "d", key + "," + at("a", "null", "5") + "," + at("s", "null", "5"), `delete_row ks.t key 1 2 "x" deleted [5,0]`},
		{"row deletion with columns that are not known", clustered, "d", key + "," + at("a", "null", "5") + "," + at("zz", "null", "5"), `delete_row ks.t key 1 2 "x" deleted [5,0]`},
		{"partition deletion", clustered, "d", set("id", "1") + "," + at("ck", "null", "7") + "," + at("ck2", "null", "7") + "," + at("a", "null", "6"), "delete_partition ks.t key 1 deleted [7,0]"},

		{"static column", clustered, "u", set("id", "1", "s", `"x"`) + `,"ck":null,"ck2":null`, `update ks.t key 1 s="x"[T,0]`},
		{"static column with a row", clustered, "i", key + "," + set("a", "1", "s2", `"y"`), `insert ks.t key 1 2 "x" marker [T,0] s2="y"[T,0] a=1[T,0]`},
	} {
		d := newDecoder(t, debezium.Config{Catalog: of(t, test.table)})
		want := strings.ReplaceAll(test.want, "T,", fmt.Sprintf("%d,", int64(ts)))
		for range 2 { // the second time its fields are expected
			if got := mustDecode(t, d, event(test.op, test.after)); got != want {
				t.Errorf("%s: got %s, want %s", test.name, got, want)
			}
		}
	}
}

func TestWriteTime(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, plain)})
	ev := event("u", set("id", "1", "a", "2"))
	const us = `"ts_us":1767225601234567`
	for us, want := range map[string]int64{
		us: ts, `"ts_us":null`: 1767225601234000, `"x":1`: 1767225601234000, `"ts_us":-5`: -5, `"ts_us":0`: 0, `"ts_us":-9223372036854775807`: -9223372036854775807,
	} {
		c, err := decode(t, d, in(ev, `"ts_us":1767225601234567`, us))
		if err != nil {
			t.Fatal(err)
		}
		if c.Time != want || c.Cells[0].Time != want {
			t.Errorf("%s: got %d and %d, want %d", us, c.Time, c.Cells[0].Time, want)
		}
	}
	for _, bad := range []string{`"ts_us":-9223372036854775808`, `"ts_us":9223372036854775808`, `"ts_us":1.5`, `"ts_us":"1"`, `"ts_us":{}`, `"ts_us":true`} {
		_, err := decode(t, d, in(ev, us, bad))
		wantFault(t, err, fault.BadWriteTime)
	}
	for _, bad := range []string{`"ts_ms":null`, `"ts_ms":9223372036854776`, `"ts_ms":-9223372036854776`, `"ts_ms":[]`} {
		_, err := decode(t, d, in(in(ev, us, `"x":1`), `"name":"cdc","ts_ms":1767225601234`, `"name":"cdc",`+bad))
		wantFault(t, err, fault.BadWriteTime)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, plain)})
	for _, bad := range []string{"0", "999999", "-1", "4294967296000000", "9223372036854775807"} {
		_, err := decode(t, d, event("u", set("id", "1")+","+at("a", "2", bad)))
		wantFault(t, err, fault.OutOfRange)
	}
	if got := mustDecode(t, d, event("u", set("id", "1")+","+at("a", "2", "4294967295999999"))); !strings.Contains(got, ",4294967295]") {
		t.Error(got)
	}
	_, err := decode(t, d, event("u", set("id", "1")+","+at("a", "2", `"x"`)))
	wantFault(t, err, fault.WrongType)
}

// TestSnapshot decodes rows that the agent read instead of seeing them written.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, clustered), Collections: debezium.Refuse})
	ev := in(event("i", set("id", "1", "ck", "2", "ck2", `"x"`, "s", `"st"`, "a", "3", "b", "null")), `"snapshot":"false"`, `"snapshot":"true"`)
	const stamp = "[-4609918792826153337,0]" // of ts, 2^62 earlier
	if got, want := mustDecode(t, d, ev), `insert ks.t key 1 2 "x" marker `+stamp+` s="st"`+stamp+" a=3"+stamp; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c, err := decode(t, d, ev)
	if err != nil || !c.Snapshot || c.Time != ts {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, flag := range []string{`true`, `"last"`, `"incremental"`} {
		if c, err := decode(t, d, in(ev, `"snapshot":"true"`, `"snapshot":`+flag)); err != nil || !c.Snapshot {
			t.Errorf("%s: %v", flag, err)
		}
	}
	for _, flag := range []string{`false`, `null`, `"false"`} {
		if c, err := decode(t, d, in(ev, `"snapshot":"true"`, `"snapshot":`+flag)); err != nil || c.Snapshot {
			t.Errorf("%s: %v", flag, err)
		}
	}
	statics := in(event("i", set("id", "1", "ck", "null", "ck2", "null", "s", `"st"`, "s2", "null", "a", "null")), `"snapshot":"false"`, `"snapshot":"true"`)
	if got, want := mustDecode(t, d, statics), `insert ks.t key 1 s="st"`+stamp; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = decode(t, d, in(statics, `"a":{"value":null`, `"a":{"value":4`))
	wantFault(t, err, fault.MissingKey)
	_, err = decode(t, d, in(ev, `"ts_us":1767225601234567`, `"ts_us":4611686018427387904`))
	wantFault(t, err, fault.BadWriteTime)
	_, err = decode(t, d, in(ev, `"op":"i"`, `"op":"d"`))
	wantFault(t, err, fault.UnknownOp)
}

// TestRecordKey takes from the record's key what after does not say.
func TestRecordKey(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, clustered)})
	ev := event("u", set("id", "1", "a", "5"))
	for key, want := range map[string]string{
		`{"id":1,"ck":2,"ck2":"x"}`: `key 1 2 "x"`, ` {"ck2":"é\n", "ck" : 3 , "zz":[{}]} `: `key 1 3 "é\n"`,
		`{"schema":{"type":"struct"},"payload":{"id":9,"ck":2,"ck2":"x"}}`: `key 1 2 "x"`,
	} {
		ev.Key = []byte(key)
		if got := mustDecode(t, d, ev); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	for key, want := range map[string]fault.Code{
		``: fault.MissingKey, `{"ck":2}`: fault.MissingKey, `{"ck":2,"ck2":null}`: fault.MissingKey, `5`: fault.MissingKey, "\x00\x00\x00\x00\x01\x02": fault.MissingKey,
		`{"ck":2,"ck2":`: fault.MalformedJSON, `{"ck":"x"}`: fault.WrongType, "{\"\xff\":1}": fault.NotUTF8, `{"ck":2,"ck2":"x"}}`: fault.MalformedJSON,
	} {
		ev.Key = []byte(key)
		_, err := decode(t, d, ev)
		wantFault(t, err, want)
	}
}

// TestTombstone passes over a record that says nothing.
func TestTombstone(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, plain)})
	if c, err := decode(t, d, &cdc.Event{Key: []byte(`{"id":1}`)}); c != nil || err != nil {
		t.Errorf("got %v, %v", c, err)
	}
}

// TestAnyOrder decodes envelopes whose fields stand in orders that Debezium does not write.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, plain)})
	want := mustDecode(t, d, event("u", set("id", "1", "a", "2")))
	after := `"after":{` + set("a", "2", "id", "1") + `}`
	for _, value := range []string{
		"{" + after + `,"source":` + source + `,"op":"u","before":null,"transaction":{"id":[1]}}`,
		`{"op":"u",` + after + `,"source":` + source + "}",
		"\n{ \"source\" :" + source + " ,\t" + after + ` , "op" : "u" } ` + "\r\n",
		`{"\u006fp":"u","s\u006furce":` + strings.Replace(source, `"ks"`, `"k\u0073"`, 1) + "," + after + "}",
		`{"payload":{"op":"u","source":` + source + "," + after + `},"schema":null}`,
		`{"schema":{"type":"int32"},"payload":{"op":"u","source":` + source + "," + after + `}}`,
	} {
		if got := mustDecode(t, d, &cdc.Event{Value: []byte(value)}); got != want {
			t.Errorf("%s\ngot %s, want %s", value, got, want)
		}
	}
}

// TestOrderOfColumns lets the order of the columns change while it is learned.
func TestOrderOfColumns(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, plain)})
	s := debezium.NewSlab(100)
	for i := range 100 {
		cols := []string{set("id", "1"), set("a", "2"), set("b", `"x"`), `"l":null`}
		cols[i%4], cols[i/4%4] = cols[i/4%4], cols[i%4]
		c, err := d.Decode(t.Context(), event("u", strings.Join(cols[:4-i%2], ",")+`,"zz":null`), s)
		if i%2 == 1 && err != nil {
			continue // the key may be what was cut off
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, want := show(c), fmt.Sprintf("update ks.t key 1 a=2[%[1]d,0] b=\"x\"[%[1]d,0]", int64(ts)); i%2 == 0 && got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}
