package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

const everyType = `CREATE TYPE k.address (street text, zip int);
CREATE TABLE k.types (id int PRIMARY KEY, ascii ascii, bigint bigint, blob blob, boolean boolean, date date, decimal decimal, double double,
	duration duration, float float, inet inet, int int, smallint smallint, text text, time time, timestamp timestamp, timeuuid timeuuid,
	tinyint tinyint, uuid uuid, varint varint, list frozen<list<int>>, set set<text>, map map<int, text>, tuple tuple<int, text>,
	udt frozen<address>, vector vector<float, 2>)`

// write writes one insert of one column.
func write(s *postgres.Sink, t *cdc.Table, id int32, column string, v cdc.Value) error {
	i, ok := t.Column(column)
	if !ok {
		return fmt.Errorf("no column %s", column)
	}
	ts := int64(id) + 1
	return s.Write(context.Background(), records(&cdc.Change{Table: t, Op: cdc.Insert, Time: ts, Marker: cdc.Stamp{Time: ts}, Deleted: cdc.NoTime,
		Key: []cdc.Value{cdc.AppendInt32(nil, id)}, Cells: []cdc.Cell{{Column: int32(i), Stamp: cdc.Stamp{Time: ts}, Value: v}}}))
}

func must(b []byte, err error) cdc.Value {
	if err != nil {
		panic(err)
	}
	return b
}

func list(t *cdc.Type, vs ...cdc.Value) cdc.Value {
	s, b := cdc.Build(nil, t)
	for _, v := range vs {
		if v == nil {
			b = s.Null(b)
			continue
		}
		b = s.Close(append(s.Open(b), v...))
	}
	b, _ = s.End(b)
	return b
}

// Values at the bounds of their types, and what PostgreSQL says they are.
func TestValues(t *testing.T) {
	t.Parallel()
	tbl := table(t, everyType)
	dsn := database(t)
	s := open(t, postgres.Config{DSN: dsn}, tbl)
	at := func(column string) *cdc.Type { i, _ := tbl.Column(column); return tbl.Columns[i].Type }
	i32 := func(n int32) cdc.Value { return cdc.AppendInt32(nil, n) }
	id := int32(0)
	for _, tc := range []struct {
		column string
		v      cdc.Value
		want   string // "" for refused
	}{
		{"ascii", cdc.Value("~"), "~"}, {"ascii", cdc.Value{}, ""},
		{"text", cdc.Value("größe \U0001F600"), "größe \U0001F600"}, {"text", cdc.Value("a\x00b"), "refused CDC-2003"},
		{"text", cdc.Value("\xff"), "refused CDC-4001"},
		{"bigint", cdc.AppendInt64(nil, math.MinInt64), "-9223372036854775808"},
		{"int", i32(math.MaxInt32), "2147483647"}, {"int", cdc.Value{}, "∅"},
		{"smallint", cdc.AppendInt16(nil, math.MinInt16), "-32768"}, {"tinyint", cdc.AppendInt8(nil, -128), "-128"},
		{"blob", cdc.Value{0, 0xff}, `\x00ff`}, {"blob", cdc.Value{}, `\x`},
		{"boolean", cdc.Value{1}, "t"}, {"boolean", cdc.Value{7}, "t"}, {"boolean", cdc.Value{0}, "f"},
		{"date", cdc.AppendDate(nil, 0), "1970-01-01"}, {"date", cdc.AppendDate(nil, -2_440_588), "4714-11-24 BC"},
		{"date", cdc.AppendDate(nil, -2_440_589), "refused CDC-4001"}, {"date", cdc.AppendDate(nil, 2_145_042_905), "5874897-12-31"},
		{"date", cdc.AppendDate(nil, 2_145_042_906), "refused CDC-4001"},
		{"time", cdc.AppendInt64(nil, 86_399_999_999_000), "23:59:59.999999"}, {"time", cdc.AppendInt64(nil, 1), "refused CDC-4001"},
		{"timestamp", cdc.AppendInt64(nil, 1767225601234), "2026-01-01 00:00:01.234+00"},
		{"timestamp", cdc.AppendInt64(nil, -210_866_803_200_000), "4714-11-24 00:00:00+00 BC"},
		{"timestamp", cdc.AppendInt64(nil, -210_866_803_200_001), "refused CDC-4001"},
		{"timestamp", cdc.AppendInt64(nil, 9_224_318_015_999_999), "294276-12-31 23:59:59.999+00"},
		{"timestamp", cdc.AppendInt64(nil, 9_224_318_016_000_000), "refused CDC-4001"}, {"timestamp", cdc.AppendInt64(nil, math.MaxInt64), "refused CDC-4001"},
		{"double", cdc.AppendDouble(nil, math.NaN()), "NaN"}, {"double", cdc.AppendDouble(nil, math.Inf(-1)), "-Infinity"},
		{"double", cdc.AppendDouble(nil, math.Copysign(0, -1)), "-0"}, {"double", cdc.AppendDouble(nil, math.MaxFloat64), "1.7976931348623157e+308"},
		{"float", cdc.AppendFloat(nil, 0.1), "0.1"}, {"float", cdc.AppendFloat(nil, math.SmallestNonzeroFloat32), "1e-45"},
		{"inet", must(cdc.AppendInetText(nil, []byte("255.0.0.1"))), "255.0.0.1"}, {"inet", must(cdc.AppendInetText(nil, []byte("2001:db8::1"))), "2001:db8::1"},
		{"inet", must(cdc.AppendInetText(nil, []byte("::ffff:1.2.3.4"))), "::ffff:1.2.3.4"},
		{"uuid", must(cdc.AppendUUIDText(nil, []byte("ffffffff-ffff-ffff-ffff-ffffffffffff"))), "ffffffff-ffff-ffff-ffff-ffffffffffff"},
		{"timeuuid", must(cdc.AppendUUIDText(nil, []byte("50554d6e-29bb-11e5-b345-feff819cdc9f"))), "50554d6e-29bb-11e5-b345-feff819cdc9f"},
		{"duration", cdc.AppendDuration(nil, cdc.Span{Months: 14, Days: -3, Nanos: 1_500_000_000}), "1 year 2 mons -3 days +00:00:01.5"},
		{"duration", cdc.AppendDuration(nil, cdc.Span{Nanos: 1}), "refused CDC-4001"},
		{"varint", must(cdc.AppendVarintText(nil, []byte("18446744073709551617"))), "18446744073709551617"},
		{"decimal", must(cdc.AppendDecimalText(nil, []byte("-0.00"))), "0.00"}, {"decimal", must(cdc.AppendDecimalText(nil, []byte("1E+3"))), "1000"},
		{"decimal", must(cdc.AppendDecimalText(nil, []byte("1E-16383"))), "0." + strings.Repeat("0", 16382) + "1"},
		{"decimal", must(cdc.AppendDecimalText(nil, []byte("1E-16384"))), "refused CDC-4001"},
		{"decimal", must(cdc.AppendDecimalText(nil, []byte("1E+131071"))), "1" + strings.Repeat("0", 131071)},
		{"decimal", must(cdc.AppendDecimalText(nil, []byte("1E+131072"))), "refused CDC-4001"},
		{"list", list(at("list"), i32(1), i32(-1)), "[1, -1]"}, {"list", list(at("list")), "[]"},
		{"set", list(at("set"), cdc.Value("a"), cdc.Value("\"b\"")), `["a", "\"b\""]`}, {"set", list(at("set"), cdc.Value("\x00")), "refused CDC-2003"},
		{"map", list(at("map"), i32(5), cdc.Value("five")), `{"5": "five"}`},
		{"tuple", list(at("tuple"), i32(5), nil), "[5, null]"}, {"tuple", list(at("tuple"), i32(5)), "[5, null]"},
		{"udt", list(at("udt"), cdc.Value("Main"), i32(5)), `{"zip": 5, "street": "Main"}`},
		{"vector", list(at("vector"), cdc.AppendFloat(nil, 1.5), cdc.AppendFloat(nil, -2)), "[1.5, -2]"},
	} {
		id++
		err := write(s, tbl, id, tc.column, tc.v)
		if code, refused := strings.CutPrefix(tc.want, "refused "); refused {
			if o, ok := pipeline.OutletOf(err); !ok || o != pipeline.Invalid || fault.CodeOf(err) != fault.Code(code) {
				t.Errorf("%s %.40q: got %v", tc.column, tc.v, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %.40x: %v", tc.column, tc.v, err)
			continue
		}
		got := lines(t, dsn, fmt.Sprintf(`SELECT %q FROM k.types WHERE id = %d`, tc.column, id))
		if len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s %.40x: got %.60q, want %.60q", tc.column, tc.v, got, tc.want)
		}
	}
}

// A number is in PostgreSQL what it was in Cassandra, digit by digit.
func TestNumericAgrees(t *testing.T) {
	t.Parallel()
	tbl := table(t, everyType)
	dsn := database(t)
	s := open(t, postgres.Config{DSN: dsn}, tbl)
	id := int32(0)
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(rapid.Int64Range(0, 9).Draw(t, "zeros")), nil))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(n)
		}
		v := cdc.Value(cdc.AppendDecimal(nil, n, rapid.Int32Range(-30, 60).Draw(t, "scale")))
		id++
		if err := write(s, tbl, id, "decimal", v); err != nil {
			t.Fatal(err)
		}
		got, want := lines(t, dsn, fmt.Sprintf(`SELECT decimal FROM k.types WHERE id = %d`, id)), string(cdc.ScalarType(cdc.Decimal).AppendText(nil, v))
		if len(got) != 1 || got[0] != want {
			t.Fatalf("%x: got %s, want %s", v, got, want)
		}
	})
}

// Types that PostgreSQL's own cannot hold whole can be mapped to others.
func TestChosenTypes(t *testing.T) {
	t.Parallel()
	tbl := table(t, everyType)
	dsn := database(t)
	s := open(t, postgres.Config{DSN: dsn, Types: map[string]string{"time": "bigint", "timestamp": "bigint", "duration": "text", "date": "text", "text": "bytea", "list": "text"}}, tbl)
	at, _ := tbl.Column("list")
	for i, tc := range []struct {
		column string
		v      cdc.Value
		want   string
	}{
		{"time", cdc.AppendInt64(nil, 1), "1"}, {"timestamp", cdc.AppendInt64(nil, math.MinInt64), "-9223372036854775808"},
		{"duration", cdc.AppendDuration(nil, cdc.Span{Months: 1, Nanos: 1}), "1mo1ns"}, {"date", cdc.AppendDate(nil, math.MinInt32), "-5877641-06-23"},
		{"text", cdc.Value("a\x00"), `\x6100`}, {"list", list(tbl.Columns[at].Type, cdc.AppendInt32(nil, 7)), "[7]"},
	} {
		if err := write(s, tbl, int32(i), tc.column, tc.v); err != nil {
			t.Errorf("%s: %v", tc.column, err)
		}
		if got := lines(t, dsn, fmt.Sprintf(`SELECT %q FROM k.types WHERE id = %d`, tc.column, i)); len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s: got %q, want %q", tc.column, got, tc.want)
		}
	}
	for _, bad := range []map[string]string{{"counter": "bigint"}, {"int": "text"}, {"nope": "text"}} {
		if _, err := postgres.New(postgres.Config{DSN: dsn, Types: bad}, "x", nil, quiet); err == nil {
			t.Errorf("%v passes", bad)
		}
	}
}

// One value that cannot be kept leaves the batch, and only that one; of changes
// merged into one row, only the one that has it.
func TestRefusedValueLeavesAlone(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, a text, b int)`)
	dsn := database(t)
	s := open(t, postgres.Config{DSN: dsn}, tbl)
	change := func(id int32, ts int64, column int32, v cdc.Value) *cdc.Change {
		return &cdc.Change{Table: tbl, Op: cdc.Insert, Time: ts, Marker: cdc.Stamp{Time: ts}, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, id)},
			Cells: []cdc.Cell{{Column: column, Stamp: cdc.Stamp{Time: ts}, Value: v}}}
	}
	err := s.Write(t.Context(), records(
		change(1, 10, 1, cdc.Value("fine")), change(2, 10, 1, cdc.Value("bad\x00")), change(3, 10, 1, cdc.Value("fine")),
		change(3, 11, 1, cdc.Value("bad\x00")), change(3, 12, 2, cdc.AppendInt32(nil, 7)), change(4, 10, 1, cdc.Value("fine"))))
	f, ok := errors.AsType[*pipeline.Failures](err)
	if !ok || len(f.Index) != 2 || f.Index[0] != 1 || f.Index[1] != 3 {
		t.Fatalf("got %v", err)
	}
	got, want := strings.Join(lines(t, dsn, "SELECT * FROM k.t ORDER BY id"), " "), "1|fine|∅ 3|fine|7 4|fine|∅"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A change that was refused is refused again: it was never merged.
func TestRefusedIsNotRemembered(t *testing.T) {
	t.Parallel()
	tbl := table(t, everyType)
	s := open(t, postgres.Config{DSN: database(t)}, tbl)
	for range 2 {
		if err := write(s, tbl, 1, "text", cdc.Value("a\x00b")); fault.CodeOf(err) != fault.NulInText {
			t.Errorf("got %v", err)
		}
	}
}
