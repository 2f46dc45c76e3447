package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
	"cdcpipe/stages/debezium"
)

var quotedInDoc = regexp.MustCompile("`([^`]*)`")

// typeRows returns the table of docs/reference/types.md: cells by the CQL type.
func typeRows(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/reference/types.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| CQL type | JSON event")
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		if line == "\n" {
			break
		}
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for _, name := range quotedInDoc.FindAllStringSubmatch(cells[0], -1) {
			rows[name[1]] = cells
		}
	}
	return rows
}

// quotedIn returns what a cell has in backquotes.
func quotedIn(cell string) []string {
	var names []string
	for _, m := range quotedInDoc.FindAllStringSubmatch(cell, -1) {
		names = append(names, m[1])
	}
	return names
}

// Every type stands in the documentation with the PostgreSQL types it may have,
// and no other.
func TestTypesDoc(t *testing.T) {
	t.Parallel()
	rows := typeRows(t)
	if _, ok := rows["varchar"]; !ok {
		t.Error("varchar is missing")
	}
	delete(rows, "varchar")
	for k := cdc.Ascii; k <= cdc.Vector; k++ {
		cells, ok := rows[k.String()]
		delete(rows, k.String())
		if !ok || len(cells) != 5 {
			t.Errorf("%s has no row of five cells", k)
			continue
		}
		if got, want := append(quotedIn(cells[2]), quotedIn(cells[3])...), postgres.TypeNames(k); !slices.Equal(got, want) || len(quotedIn(cells[2])) > 1 {
			t.Errorf("%s is documented as %v, want %v", k, got, want)
		}
	}
	for name := range rows {
		t.Errorf("%s is no type", name)
	}
}

const documentedTypes = `CREATE TYPE k.udt (a int, b text);
CREATE TABLE k.t (id int PRIMARY KEY, ascii ascii, bigint bigint, blob blob, boolean boolean, date date, decimal decimal, double double,
	duration duration, float float, inet inet, int int, smallint smallint, text text, time time, timestamp timestamp, timeuuid timeuuid,
	tinyint tinyint, uuid uuid, varint varint, list frozen<list<int>>, set frozen<set<text>>, map frozen<map<int, text>>, tuple tuple<int, text>,
	udt frozen<udt>, vector vector<float, 2>,
	doubles frozen<list<double>>, decimals frozen<list<decimal>>, times frozen<list<time>>, stamps frozen<list<timestamp>>,
	dates frozen<list<date>>, spans frozen<list<duration>>, blobs frozen<list<blob>>, texts frozen<list<text>>)`

// What the documentation says of values is what becomes of events.
func TestTypesDocValues(t *testing.T) {
	t.Parallel()
	tbl := table(t, documentedTypes)
	dsn := database(t)
	s := open(t, postgres.Config{DSN: dsn}, tbl)
	d, err := debezium.New(debezium.Config{Catalog: cdc.NewCatalog(nil, tbl)})
	if err != nil {
		t.Fatal(err)
	}
	rows := typeRows(t)
	nines := func(n int) string { return strings.Repeat("9", n) }
	for id, tc := range []struct {
		column, says, in, want string // what the table's row says; JSON of the value; PostgreSQL's text, or a code
	}{
		{"ascii", "not ASCII: 1009", `"é"`, "CDC-1009"}, {"ascii", "U+0000: 2003", `"\u0000"`, "CDC-2003"}, {"ascii", "text", `""`, ""},
		{"text", "text", `"größe"`, "größe"}, {"text", "U+0000: 2003", `"a\u0000"`, "CDC-2003"},
		{"tinyint", "integer", `-128`, "-128"}, {"tinyint", "beyond 8 bits: 1009", `128`, "CDC-1009"},
		{"smallint", "beyond 16 bits: 1009", `32768`, "CDC-1009"}, {"int", "beyond 32 bits: 1009", `2147483648`, "CDC-1009"}, {"int", "integer", `1.0`, "CDC-1008"},
		{"bigint", "integer", `-9223372036854775808`, "-9223372036854775808"}, {"bigint", "beyond 64 bits: 1009", `9223372036854775808`, "CDC-1009"},
		{"varint", "integer, digits", `"18446744073709551617"`, "18446744073709551617"}, {"varint", "more than 131,072 digits: 4001", `"` + nines(131072) + `"`, nines(131072)},
		{"varint", "more than 131,072 digits: 4001", `"` + nines(131073) + `"`, "CDC-4001"}, {"varint", "", `"` + nines(147488) + `"`, "CDC-1009"},
		{"decimal", "number, digits, parts (b)", `1.50`, "1.50"}, {"decimal", "number, digits, parts (b)", `"1E+3"`, "1000"}, {"decimal", "number, digits, parts (b)", `{"scale":2,"value":"AJY="}`, "1.50"},
		{"decimal", "see (c): 4001", `"1E-16383"`, "0." + strings.Repeat("0", 16382) + "1"}, {"decimal", "see (c): 4001", `"1E-16384"`, "CDC-4001"},
		{"decimal", "see (c): 4001", `"1E+131071"`, "1" + strings.Repeat("0", 131071)}, {"decimal", "see (c): 4001", `"1E+131072"`, "CDC-4001"}, {"decimal", "", `"1E-1048577"`, "CDC-1009"},
		{"float", `"-Infinity"`, `"-Infinity"`, "-Infinity"}, {"float", "beyond the greatest float: 1009", `3.5E38`, "CDC-1009"},
		{"double", `"NaN"`, `"NaN"`, "NaN"}, {"double", "beyond the greatest double: 1009", `1e309`, "CDC-1009"}, {"double", "", `-0.0`, "-0"}, {"double", "", `"1"`, "CDC-1008"},
		{"boolean", "true, false", `true`, "t"}, {"boolean", "true, false", `1`, "CDC-1008"},
		{"uuid", "other text: 1008", `"x"`, "CDC-1008"}, {"timeuuid", "not of version 1: 1009", `"00000000-0000-4000-8000-000000000001"`, "CDC-1009"},
		{"inet", "`host/address`", `"a.example/10.0.0.1"`, "10.0.0.1"}, {"inet", "no address: 1008", `"a.example"`, "CDC-1008"},
		{"blob", "base64", `"AP8="`, `\x00ff`}, {"blob", "not base64: 1008", `"!"`, "CDC-1008"}, {"blob", "", `""`, `\x`},
		{"date", "4714-11-24 BC to 5874897-12-31: 4001", `-2440588`, "4714-11-24 BC"}, {"date", "4714-11-24 BC to 5874897-12-31: 4001", `-2440589`, "CDC-4001"},
		{"date", "4714-11-24 BC to 5874897-12-31: 4001", `2145042905`, "5874897-12-31"}, {"date", "4714-11-24 BC to 5874897-12-31: 4001", `2145042906`, "CDC-4001"}, {"date", "", `2147483648`, "CDC-1009"},
		{"time", "ns since midnight", `86399999999000`, "23:59:59.999999"}, {"time", "not whole µs: 4001", `1`, "CDC-4001"}, {"time", "beyond the day: 1009", `86400000000000`, "CDC-1009"},
		{"timestamp", "ms since 1970", `1767225601234`, "2026-01-01 00:00:01.234+00"}, {"timestamp", "4714-11-24 BC to 294276-12-31: 4001", `-210866803200000`, "4714-11-24 00:00:00+00 BC"},
		{"timestamp", "4714-11-24 BC to 294276-12-31: 4001", `-210866803200001`, "CDC-4001"}, {"timestamp", "4714-11-24 BC to 294276-12-31: 4001", `9224318015999999`, "294276-12-31 23:59:59.999+00"},
		{"timestamp", "4714-11-24 BC to 294276-12-31: 4001", `9224318016000000`, "CDC-4001"},
		{"duration", "ns", `90000000000`, "00:01:30"}, {"duration", "not whole µs: 4001", `1`, "CDC-4001"},
		{"list", "null in a frozen one: 1008", `[1,null]`, "CDC-1008"}, {"set", "array", `["b","a"]`, `["a", "b"]`}, {"set", "U+0000: 2003", `["\u0000"]`, "CDC-2003"},
		{"map", "array of pairs (e)", `[[5,"five"]]`, `{"5": "five"}`}, {"map", "key twice: 1017", `[[5,"a"],[5,"b"]]`, "CDC-1017"},
		{"tuple", "object of `field1`", `{"field1":5}`, "[5, null]"}, {"tuple", "another field: 1008", `{"field3":5}`, "CDC-1008"},
		{"udt", "object of its fields", `{"b":"x"}`, `{"a": null, "b": "x"}`}, {"udt", "a field that the type lacks: 1016", `{"c":1}`, "CDC-1016"},
		{"vector", "another number of elements: 1008", `[1]`, "CDC-1008"}, {"vector", "array", `[1.5,-2]`, "[1.5, -2]"},
		{"doubles", "", `["NaN","-Infinity",-0.0]`, `["NaN", "-Infinity", 0]`}, {"decimals", "", `["1.50","1E+3"]`, "[1.50, 1000]"}, {"decimals", "", `["1E-20000"]`, "CDC-4002"},
		{"times", "", `[1]`, `["00:00:00.000000001"]`}, {"stamps", "", `[1767225600123]`, `["2026-01-01 00:00:00.123Z"]`}, {"dates", "", `[20454]`, `["2026-01-01"]`},
		{"spans", "", `[3]`, `["3ns"]`}, {"blobs", "", `["AP8="]`, `["0x00ff"]`}, {"texts", "", `["a\u0000"]`, "CDC-2003"},
	} {
		if tc.says != "" && !strings.Contains(strings.Join(rows[tc.column], "|"), tc.says) {
			t.Errorf("%s: the documentation does not say %q", tc.column, tc.says)
		}
		value := fmt.Sprintf(`{"op":"i","source":{"keyspace":"k","table":"t","ts_us":%d},"after":{"id":{"value":%[1]d},"%s":{"value":%s}}}`, id+1, tc.column, tc.in)
		c, err := d.Decode(t.Context(), &cdc.Event{Value: []byte(value)}, debezium.NewSlab(1))
		if err == nil {
			err = s.Write(t.Context(), records(c))
		}
		if strings.HasPrefix(tc.want, "CDC-") {
			if fault.CodeOf(err) != fault.Code(tc.want) {
				t.Errorf("%s %.40s: got %v, want %s", tc.column, tc.in, err, tc.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %.40s: %v", tc.column, tc.in, err)
			continue
		}
		if got := lines(t, dsn, fmt.Sprintf(`SELECT %q FROM k.t WHERE id = %d`, tc.column, id+1)); len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s %.40s: got %.60q, want %.60q", tc.column, tc.in, got, tc.want)
		}
	}
}

// A key that does not fit into an index leaves alone.
func TestLongKey(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (id text PRIMARY KEY)`)
	s := open(t, postgres.Config{DSN: database(t)}, tbl)
	rng := rand.New(rand.NewPCG(1, 1))
	key := func(n int) *cdc.Change {
		v := make(cdc.Value, n)
		for i := range v {
			v[i] = byte(' ' + rng.IntN(95))
		}
		return &cdc.Change{Table: tbl, Op: cdc.Insert, Time: 1, Marker: cdc.Stamp{Time: 1}, Deleted: cdc.NoTime, Key: []cdc.Value{v}}
	}
	if err := s.Write(t.Context(), records(key(2600))); err != nil {
		t.Error(err)
	}
	err := s.Write(t.Context(), records(key(2800)))
	if o, _ := pipeline.OutletOf(err); o != pipeline.Invalid || !fault.Is(err, fault.ValueRefused) {
		t.Errorf("got %v", err)
	}
}
