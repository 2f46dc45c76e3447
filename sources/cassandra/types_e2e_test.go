//go:build e2e

package cassandra_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
)

type literal struct{ typ, cql, want string }

// literals are values as CQL writes them and as Cassandra serialises them.
var literals = []literal{
	{"ascii", "''", ""}, {"ascii", "'~'", "7e"},
	{"text", "''", ""}, {"text", "'é€😀'", "c3a9e282acf09f9880"}, {"varchar", "'v'", "76"},
	{"blob", "0x", ""}, {"blob", "0x00ff", "00ff"},
	{"boolean", "true", "01"}, {"boolean", "false", "00"},
	{"tinyint", "-128", "80"}, {"tinyint", "127", "7f"},
	{"smallint", "-32768", "8000"}, {"smallint", "32767", "7fff"},
	{"int", "-2147483648", "80000000"}, {"int", "2147483647", "7fffffff"},
	{"bigint", "-9223372036854775808", "8000000000000000"}, {"bigint", "9223372036854775807", "7fffffffffffffff"},
	{"varint", "0", "00"}, {"varint", "-129", "ff7f"}, {"varint", "36893488147419103232", "020000000000000000"},
	{"decimal", "0", "0000000000"}, {"decimal", "-1.50", "00000002ff6a"}, {"decimal", "1E+3", "fffffffd01"},
	{"float", "NaN", "7fc00000"}, {"float", "-Infinity", "ff800000"}, {"float", "-0.0", "80000000"},
	{"double", "Infinity", "7ff0000000000000"}, {"double", "1.5", "3ff8000000000000"},
	{"date", "'1970-01-01'", "80000000"}, {"date", "0", "00000000"}, {"date", "4294967295", "ffffffff"},
	{"time", "'00:00:00'", "0000000000000000"}, {"time", "'23:59:59.999999999'", "00004e94914effff"},
	{"timestamp", "-1", "ffffffffffffffff"}, {"timestamp", "9223372036854775807", "7fffffffffffffff"},
	{"duration", "-1y2mo3d4h5m6s7ms8us9ns", "1b05fc1ac004a5c611"},
	{"duration", "0s", "000000"},
	{"inet", "'127.0.0.1'", "7f000001"}, {"inet", "'::1'", "00000000000000000000000000000001"},
	{"uuid", "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"},
	{"timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc9f", "50554d6e29bb11e5b345feff819cdc9f"},
	{"list<int>", "[2, 1, 2]", "00000003000000040000000200000004000000010000000400000002"},
	{"set<text>", "{'b', 'a'}", "0000000200000001610000000162"},
	{"map<text, int>", "{'a': 1}", "0000000100000001610000000400000001"},
	{"frozen<list<int>>", "[]", "00000000"}, {"frozen<set<int>>", "{}", "00000000"}, {"frozen<map<int, int>>", "{}", "00000000"},
	{"frozen<map<text, frozen<list<frozen<set<int>>>>>>", "{'k': [{1}]}", "00000001000000016b00000014000000010000000c000000010000000400000001"},
	{"tuple<int, text>", "(1, 'x')", "00000004000000010000000178"}, {"tuple<int, text>", "(null, null)", "ffffffffffffffff"},
	{"tuple<int, text>", "(1)", "0000000400000001"}, {"tuple<int>", "(5)", "0000000400000005"},
	{"tuple<int, frozen<tuple<text, int>>>", "(1, ('x', null))", "00000004000000010000000900000001" + "78ffffffff"},
	{"u", "{a: 1, b: 'x'}", "00000004000000010000000178ffffffff"}, {"frozen<u>", "{b: 'x'}", "ffffffff0000000178ffffffff"},
	{"frozen<list<frozen<tuple<int, int>>>>", "[(1, 2)]", "00000001000000100000000400000001" + "0000000400000002"},
	{"vector<float, 2>", "[1, -2]", "3f800000c0000000"}, {"vector<text, 2>", "['', 'ab']", "00026162"},
	{"vector<smallint, 2>", "[1, 2]", "0200010200" + "02"},
	{"vector<frozen<tuple<int>>, 1>", "[(7)]", "080000000400000007"},
	{"vector<vector<int, 1>, 2>", "[[1], [2]]", "0000000100000002"},
}

// Every type arrives as Cassandra serialises it, whether a row or a range is read.
func TestReadTypes(t *testing.T) {
	l := newLab(t, "reader_types")
	literals := slices.Clone(literals)
	if !l.elements {
		literals = slices.DeleteFunc(literals, func(x literal) bool { return strings.HasPrefix(x.typ, "vector") })
	}
	l.do("CREATE TYPE reader_types.u (a int, b text, c int)")
	create := "CREATE TABLE reader_types.t (id int PRIMARY KEY"
	for i, x := range literals {
		create += fmt.Sprintf(", c%d %s", i, x.typ)
	}
	l.do(create + ")")
	for i, x := range literals {
		l.do(fmt.Sprintf("INSERT INTO reader_types.t (id, c%d) VALUES (%d, %s)", i, i, x.cql))
	}
	table := l.table("t")
	rows := l.all(table)
	if got, want := len(rows), len(literals); got != want {
		t.Fatalf("got %d rows, want %d", got, want)
	}
	for _, r := range rows {
		id, _ := r.Key[0].Int(cdc.Int)
		x := literals[id]
		again, err := l.reader.ReadRows(t.Context(), table, r.Key, [][]cdc.Value{nil})
		if err != nil || len(again) != 1 {
			t.Fatalf("%s: read alone: %v, %v", x.typ, again, err)
		}
		for _, r := range append(again, r) {
			if len(r.Cells) != 1 {
				t.Errorf("%s %s: got %d cells", x.typ, x.cql, len(r.Cells))
				continue
			}
			c := r.Cells[0]
			if name := table.Columns[c.Column].Name; name != fmt.Sprintf("c%d", id) {
				t.Errorf("%s %s: got column %s", x.typ, x.cql, name)
			}
			if got := hex.EncodeToString(c.Value); got != x.want || c.Value == nil {
				t.Errorf("%s %s: got %s, want %s", x.typ, x.cql, got, x.want)
			}
			if told := l.elements || !table.Columns[c.Column].Type.Multicell(); c.Class != cdc.Live || c.Written() != told {
				t.Errorf("%s %s: stamp %+v", x.typ, x.cql, c.Stamp)
			}
		}
	}
}
