//go:build e2e

package cassandra_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cdcpipe/pipeline/cdc"
)

// show writes a reading as text, its cells by the names of their columns.
func show(t *cdc.Table, r cdc.Reading) string {
	s := fmt.Sprintf("%x", r.Key)
	for _, c := range r.Cells {
		s += fmt.Sprintf(" %s=%x@%d", t.Columns[c.Column].Name, c.Value, c.Time)
		if c.Class != cdc.Live {
			s += fmt.Sprintf("/%d", c.Class)
		}
	}
	return s
}

func showAll(t *cdc.Table, rows []cdc.Reading) []string {
	var out []string
	for _, r := range rows {
		out = append(out, show(t, r))
	}
	slices.Sort(out)
	return out
}

func (l *lab) want(t *cdc.Table, what string, rows []cdc.Reading, want ...string) {
	l.Helper()
	if got := showAll(t, rows); !slices.Equal(got, want) {
		l.Errorf("%s: got\n%q\nwant\n%q", what, got, want)
	}
}

func ints(vs ...int32) (out []cdc.Value) {
	for _, v := range vs {
		out = append(out, cdc.AppendInt32(nil, v))
	}
	return out
}

// Rows, static values and partitions without rows, by every way of reading them.
func TestReadStatics(t *testing.T) {
	l := newLab(t, "ReaderStatics")
	l.do(`CREATE TABLE "ReaderStatics"."T_t" ("P" tuple<int, int>, "select" int, c int, st set<int> STATIC, "a""b" int, PRIMARY KEY ("P", "select", c)) WITH CLUSTERING ORDER BY ("select" DESC, c ASC)`)
	insert := `INSERT INTO "ReaderStatics"."T_t" ("P", `
	for _, q := range []string{
		`"select", c, "a""b") VALUES ((1, null), 1, 1, 11) USING TIMESTAMP 5`,
		`"select", c, "a""b") VALUES ((1, null), 1, 2, 12) USING TIMESTAMP -6`,
		`"select", c) VALUES ((1, null), 2, 1) USING TIMESTAMP 7`,
		`st) VALUES ((1, null), {1}) USING TIMESTAMP 8`,
		`st) VALUES ((2, 2), {2}) USING TIMESTAMP 9`,
		`"select", c) VALUES ((3, 3), 1, 1) USING TIMESTAMP 10`,
	} {
		l.do(insert + q)
	}
	table := l.table("T_t")
	one, two, three := cdc.Value("\x00\x00\x00\x04\x00\x00\x00\x01\xff\xff\xff\xff"), cdc.Value("\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x02"),
		cdc.Value("\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x03")
	eight, nine := int64(8), int64(9)
	if !l.elements {
		eight, nine = cdc.NoTime, cdc.NoTime
	}
	var (
		static = fmt.Sprintf(" st=000000010000000400000001@%d", eight)
		r11    = "[0000000400000001ffffffff 00000001 00000001]" + static + ` a"b=0000000b@5`
		r12    = "[0000000400000001ffffffff 00000001 00000002]" + static + ` a"b=0000000c@-6`
		r21    = "[0000000400000001ffffffff 00000002 00000001]" + static
		p2     = "[00000004000000020000000400000002] st=000000010000000400000002" + fmt.Sprintf("@%d", nine)
		r3     = "[00000004000000030000000400000003 00000001 00000001]"
	)
	l.want(table, "tokens", l.all(table), r11, r12, r21, p2, r3)
	rows := func(p cdc.Value, cs ...[]cdc.Value) []cdc.Reading {
		t.Helper()
		rows, err := l.reader.ReadRows(t.Context(), table, []cdc.Value{p}, cs)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	l.want(table, "rows", rows(one, ints(1, 1), ints(2, 1), ints(9, 9), ints(1, 1)), r11, r21)
	l.want(table, "row", rows(one, ints(1, 2)), r12)
	l.want(table, "no row, statics", rows(one, ints(9, 9)), "[0000000400000001ffffffff]"+static)
	l.want(table, "no rows, statics", rows(two, ints(9, 9), ints(1, 1)), p2)
	l.want(table, "statics alone", rows(two), p2)
	l.want(table, "no row, no statics", rows(three, ints(9, 9)))
	l.want(table, "no partition", rows(cdc.Value("\x00\x00\x00\x04\x00\x00\x00\x09\xff\xff\xff\xff"), ints(9, 9)))
	var many [][]cdc.Value
	for i := range int32(250) {
		many = append(many, ints(1, i))
	}
	l.want(table, "many", rows(one, many...), r11, r12)
	prefix := func(key ...cdc.Value) (rows []cdc.Reading) {
		t.Helper()
		err := l.reader.ReadPrefix(t.Context(), table, key, func(r cdc.Reading) error {
			rows = append(rows, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	l.want(table, "partition", prefix(one), r11, r12, r21)
	l.want(table, "prefix", prefix(append([]cdc.Value{one}, ints(1)...)...), r11, r12)
	l.want(table, "whole key", prefix(append([]cdc.Value{one}, ints(1, 2)...)...), r12)
	l.want(table, "partition without rows", prefix(two), p2)
	l.want(table, "prefix without rows", prefix(append([]cdc.Value{two}, ints(1)...)...))
	if _, err := l.reader.ReadRows(t.Context(), table, []cdc.Value{one}, [][]cdc.Value{ints(1)}); err == nil {
		t.Error("half a clustering passes")
	}
	if _, err := l.reader.ReadRows(t.Context(), table, []cdc.Value{nil}, nil); err == nil {
		t.Error("a null key passes")
	}
}

// Stamps are those that the driver reads by a plain SELECT: of a cell, of the
// greatest element, and of what expires the last of them.
func TestReadTimes(t *testing.T) {
	l := newLab(t, "reader_times")
	l.do("CREATE TYPE reader_times.u (a int, b int)")
	l.do("CREATE TABLE reader_times.t (p int, q text, x int, y int, l list<int>, m map<int, int>, u u, f frozen<list<int>>, PRIMARY KEY ((p, q)))")
	before := time.Now().Unix()
	l.do("INSERT INTO reader_times.t (p, q, x, y, l, m, u, f) VALUES (1, '', 1, 2, [1, 2], {1: 1}, {a: 1}, [1]) USING TIMESTAMP 100 AND TTL 5000")
	l.do("UPDATE reader_times.t USING TIMESTAMP 200 SET y = 3, l = l + [3] WHERE p = 1 AND q = ''")
	l.do("UPDATE reader_times.t USING TIMESTAMP 150 AND TTL 9000 SET m[2] = 2, u.b = 2 WHERE p = 1 AND q = ''")
	after := time.Now().Unix()
	table := l.table("t")
	rows, err := l.reader.ReadRows(t.Context(), table, []cdc.Value{cdc.AppendInt32(nil, 1), {}}, [][]cdc.Value{nil})
	if err != nil || len(rows) != 1 {
		t.Fatalf("got %v, %v", rows, err)
	}
	type times struct{ time, expiry int64 } // expiry of the statement's second
	want := map[string]times{"x": {100, 5000}, "y": {200, 0}, "l": {200, 0}, "m": {150, 9000}, "u": {150, 9000}, "f": {100, 5000}}
	if !l.elements {
		for _, name := range []string{"l", "m", "u"} {
			want[name] = times{cdc.NoTime, 0}
		}
	}
	first := map[string]cdc.Stamp{}
	for _, c := range rows[0].Cells {
		name := table.Columns[c.Column].Name
		first[name] = c.Stamp
		w := want[name]
		exact := c.Class == cdc.Live && w.expiry == 0 || w.expiry > 0 && c.Class >= before+w.expiry && c.Class <= after+w.expiry
		if c.Time != w.time || !exact {
			t.Errorf("%s: got %+v, want %+v from %d to %d", name, c.Stamp, w, before, after)
		}
	}
	if len(first) != len(want) {
		t.Errorf("got %v", first)
	}
	// The expiry does not move with the clock that it is read by.
	start := time.Now()
	for reads := 0; time.Since(start) < 2500*time.Millisecond; reads++ {
		rows, err := l.reader.ReadRows(t.Context(), table, rows[0].Key, [][]cdc.Value{nil})
		if err != nil || len(rows) != 1 {
			t.Fatalf("got %v, %v", rows, err)
		}
		for _, c := range rows[0].Cells {
			if name := table.Columns[c.Column].Name; c.Stamp != first[name] {
				t.Fatalf("%s: read %d: got %+v, want %+v", name, reads, c.Stamp, first[name])
			}
		}
	}
	var at, ttl int64
	if err := l.Query("SELECT writetime(x), ttl(x) FROM reader_times.t WHERE p = 1 AND q = ''").WithNowInSeconds(int(before)).Scan(&at, &ttl); err != nil {
		t.Fatal(err)
	}
	if got := first["x"]; got.Time != at || got.Class != before+ttl {
		t.Errorf("x: got %+v, want %d and %d", got, at, before+ttl)
	}
}
