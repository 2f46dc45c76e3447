package cassandra

import (
	"encoding/hex"
	"slices"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

func parse(t testing.TB, cql string) *cdc.Table {
	t.Helper()
	s, err := cdc.ParseCQL(cql)
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()[0]
}

func TestPlan(t *testing.T) {
	t.Parallel()
	wide := parse(t, `CREATE TABLE "K".t (p int, "Q" tuple<int>, c int, "select" int, s int STATIC, l list<int>, f frozen<list<int>>, PRIMARY KEY ((p, "Q"), c, "select"))`)
	flat := parse(t, `CREATE TABLE k.t (p int PRIMARY KEY, x tuple<int>)`)
	one := parse(t, `CREATE TABLE k.t (p int, c int, PRIMARY KEY (p, c))`)
	const (
		sel   = `SELECT p, ["Q"], c, "select", s, writetime(s), ttl(s), f, writetime(f), ttl(f), l, writetime(l), ttl(l) FROM "K".t WHERE `
		old   = `SELECT p, ["Q"], c, "select", s, writetime(s), ttl(s), f, writetime(f), ttl(f), l FROM "K".t WHERE `
		where = `p = ? AND "Q" IN ?`
	)
	got := func(p *plan) []string { return append([]string{p.rows, p.static, p.tokens}, p.prefixes...) }
	for _, x := range []struct {
		name string
		plan *plan
		want []string
	}{
		{"wide", newPlan(wide, true), []string{
			sel + where + ` AND (c, "select") IN ?`,
			`SELECT DISTINCT p, ["Q"], s, writetime(s), ttl(s) FROM "K".t WHERE ` + where,
			sel + `token(p, "Q") > ? AND token(p, "Q") <= ?`,
			sel + where, sel + where + ` AND c = ?`, sel + where + ` AND c = ? AND "select" = ?`,
		}},
		{"before 5.0", newPlan(wide, false), []string{
			old + where + ` AND (c, "select") IN ?`,
			`SELECT DISTINCT p, ["Q"], s, writetime(s), ttl(s) FROM "K".t WHERE ` + where,
			old + `token(p, "Q") > ? AND token(p, "Q") <= ?`,
			old + where, old + where + ` AND c = ?`, old + where + ` AND c = ? AND "select" = ?`,
		}},
		{"flat", newPlan(flat, true), []string{
			"", "", "SELECT p, [x], writetime(x), ttl(x) FROM k.t WHERE token(p) > ? AND token(p) <= ?",
			"SELECT p, [x], writetime(x), ttl(x) FROM k.t WHERE p = ?",
		}},
		{"one", newPlan(one, true), []string{
			"SELECT p, c FROM k.t WHERE p = ? AND c IN ?", "", "SELECT p, c FROM k.t WHERE token(p) > ? AND token(p) <= ?",
			"SELECT p, c FROM k.t WHERE p = ?", "SELECT p, c FROM k.t WHERE p = ? AND c = ?",
		}},
	} {
		if got := got(x.plan); !slices.Equal(got, x.want) {
			t.Errorf("%s: got\n%q\nwant\n%q", x.name, got, x.want)
		}
	}
}

// A vector of frozen elements is refused before anything is dialled: the driver
// would fail at the answer.
func TestUnread(t *testing.T) {
	t.Parallel()
	r, err := NewReader(Config{Hosts: []string{"127.0.0.1"}, Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for typ, want := range map[string]fault.Code{
		"vector<frozen<list<int>>, 1>": fault.CassandraUnread, "map<int, frozen<vector<frozen<set<int>>, 1>>>": fault.CassandraUnread,
		"vector<tuple<frozen<list<int>>>, 1>": fault.CassandraDown, "vector<vector<int, 1>, 1>": fault.CassandraDown, "counter": fault.TableRefused,
	} {
		_, err := r.ReadRows(t.Context(), parse(t, "CREATE TABLE k.t (p int PRIMARY KEY, v "+typ+")"), []cdc.Value{{0, 0, 0, 1}}, nil)
		if got := fault.CodeOf(err); got != want {
			t.Errorf("%s: got %v, want %s", typ, err, want)
		}
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	p := newPlan(parse(t, `CREATE TABLE k.t (p int, q tuple<int>, c text, d int, PRIMARY KEY ((p, q), c, d))`), true)
	key := []cdc.Value{cdc.AppendInt32(nil, 1), cdc.Value("\x00\x00\x00\x04\x00\x00\x00\x02")}
	args := p.bind(key)
	for i, want := range []string{"00000001", "00000001000000080000000400000002"} {
		if got := hex.EncodeToString(args[i].(bound)); got != want {
			t.Errorf("argument %d: got %s, want %s", i, got, want)
		}
	}
	if got, want := hex.EncodeToString(cdc.AppendRoutingKey(nil, key)), "00040000000100"+"0008000000040000000200"; got != want {
		t.Errorf("routing key: got %s, want %s", got, want)
	}
	rows := [][]cdc.Value{{cdc.Value("a"), cdc.AppendInt32(nil, 1)}, {cdc.Value{}, cdc.AppendInt32(nil, 2)}}
	if got, want := hex.EncodeToString(p.clusterings(rows)), "00000002"+"0000000d00000001610000000400000001"+"0000000c000000000000000400000002"; got != want {
		t.Errorf("clusterings: got %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(p.clusterings([][]cdc.Value{{cdc.Value("ab")}})), "00000001000000026162"; got != want {
		t.Errorf("clusterings of one column: got %s, want %s", got, want)
	}
	for _, bad := range []cdc.Value{nil, {1, 2}} {
		if p.checkKey(0, []cdc.Value{bad}) == nil {
			t.Errorf("%x passes as a key", bad)
		}
	}
}
