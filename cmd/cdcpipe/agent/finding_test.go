package agent_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cdcpipe/cmd/cdcpipe/agent"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/cassandra"
)

// listings makes listings with CDC of CQL.
func listings(t testing.TB, cql string) (all []cassandra.Listing) {
	t.Helper()
	s, err := cdc.ParseCQL(cql)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range s.Tables() {
		all = append(all, cassandra.Listing{Keyspace: table.Keyspace, Name: table.Name, CDC: true, Table: table})
	}
	slices.SortFunc(all, func(a, b cassandra.Listing) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// shown writes findings as code, severity and subject.
func shown(found []agent.Finding) (all []string) {
	for _, f := range found {
		severity := "warn"
		if f.Fails {
			severity = "FAIL"
		}
		all = append(all, string(f.Err.Code)+" "+severity+" "+f.About)
	}
	return all
}

func TestShapes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, cql string
		want      []string
	}{
		{"nothing amiss", `CREATE TABLE k.t (id int PRIMARY KEY, a set<int>, b frozen<set<uuid>>, c frozen<map<text, int>>, d frozen<list<frozen<list<int>>>>,
			e tuple<int, frozen<set<uuid>>>, f frozen<list<frozen<tuple<uuid, frozen<set<int>>>>>>, g frozen<list<frozen<map<text, date>>>>, h frozen<map<uuid, frozen<tuple<int, int>>>>,
			i set<frozen<tuple<int, frozen<set<int>>>>>, j list<int>, k map<uuid, text>, l set<uuid>); CREATE TABLE k.s (id int, c int, s frozen<set<frozen<set<int>>>> STATIC, PRIMARY KEY (id, c))`, nil},
		{"nested sets", `CREATE TABLE k.a (id int PRIMARY KEY, v frozen<map<text, frozen<list<frozen<set<int>>>>>>);
			CREATE TABLE k.b (id int PRIMARY KEY, v frozen<set<frozen<set<int>>>>);
			CREATE TABLE k.c (id int PRIMARY KEY, v set<frozen<map<text, frozen<set<int>>>>>);
			CREATE TABLE k.d (id int PRIMARY KEY, v tuple<int, frozen<list<frozen<set<int>>>>>);
			CREATE TABLE k.e (id frozen<list<frozen<set<int>>>> PRIMARY KEY, v int);
			CREATE TABLE k.f (id int PRIMARY KEY, v frozen<map<frozen<set<int>>, int>>)`,
			[]string{"CDC-7036 FAIL table k.a", "CDC-7036 FAIL table k.b", "CDC-7036 FAIL table k.c", "CDC-7036 FAIL table k.d", "CDC-7036 FAIL table k.e", "CDC-7036 FAIL table k.f"}},
		{"nested elements", `CREATE TABLE k.a (id int PRIMARY KEY, v frozen<list<frozen<list<uuid>>>>);
			CREATE TABLE k.b (id int PRIMARY KEY, v set<frozen<list<frozen<map<int, decimal>>>>>);
			CREATE TABLE k.c (id int PRIMARY KEY, v frozen<list<frozen<list<frozen<tuple<int, int>>>>>>);
			CREATE TABLE k.d (id int PRIMARY KEY, v frozen<map<frozen<list<timestamp>>, int>>)`,
			[]string{"CDC-7036 FAIL table k.a", "CDC-7036 FAIL table k.b", "CDC-7036 FAIL table k.c", "CDC-7036 FAIL table k.d"}},
		{"types", `CREATE TYPE k.u (a int); CREATE TABLE k.a (id int PRIMARY KEY, v frozen<u>); CREATE TABLE k.b (id int PRIMARY KEY, v vector<float, 3>);
			CREATE TABLE k.c (id int PRIMARY KEY, n counter)`,
			[]string{"CDC-7037 warn table k.a", "CDC-7038 FAIL table k.b", "CDC-3006 FAIL table k.c"}},
		{"unread", `CREATE TYPE k.u (a int); CREATE TABLE k.a (id int PRIMARY KEY, v u); CREATE TABLE k.b (id int PRIMARY KEY, v map<text, uuid>);
			CREATE TABLE k.c (id int PRIMARY KEY, v list<timestamp>); CREATE TABLE k.d (id int PRIMARY KEY, v map<int, frozen<set<int>>>);
			CREATE TABLE k.e (id int, c int, s list<uuid> STATIC, PRIMARY KEY (id, c))`,
			[]string{"CDC-7037 warn table k.a", "CDC-7044 FAIL table k.a", "CDC-7044 warn table k.b", "CDC-7044 warn table k.c", "CDC-7044 warn table k.d"}},
		{"case", `CREATE TABLE "K".a (id int PRIMARY KEY); CREATE TABLE "K".b (id int PRIMARY KEY); CREATE TABLE k."B" (id int PRIMARY KEY)`,
			[]string{`CDC-7035 FAIL keyspace "K"`}},
	} {
		if got := shown(agent.Shapes(listings(t, x.cql))); !slices.Equal(got, x.want) {
			t.Errorf("%s: got\n%q\nwant\n%q", x.name, got, x.want)
		}
	}
}

// Tables without CDC count only if they have vectors; what cannot be read and views
// are named.
func TestListed(t *testing.T) {
	t.Parallel()
	tables := listings(t, `CREATE TABLE k.a (id int PRIMARY KEY); CREATE TABLE "K".b (id int PRIMARY KEY, v vector<float, 3>)`)
	tables[0].CDC = false // K.b, whose quotes come first
	tables[1].Views = []string{"V"}
	tables = append(tables, cassandra.Listing{Keyspace: "k", Name: "c", CDC: true, Err: fault.Wrap(fault.BadDefinition, errors.New("column x"))})
	found := agent.Shapes(tables)
	want := []string{`CDC-7038 FAIL table "K".b`, "CDC-3006 warn table k.a", "CDC-3005 FAIL table k.c"}
	if got := shown(found); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if got := found[1].Err.Error(); !strings.Contains(got, `view "V"`) {
		t.Errorf("got %s", got)
	}
	if got := found[2].Err.Error(); got != "CDC-3005 column x" {
		t.Errorf("got %s", got)
	}
}

func TestPerch(t *testing.T) {
	t.Parallel()
	tables := listings(t, `CREATE TABLE cdcpipe.canary (worker text PRIMARY KEY)`)
	for _, x := range []struct {
		table string
		cdc   bool
		want  []string
	}{{"canary", true, nil}, {"canary", false, []string{"CDC-7042 FAIL canary"}}, {"robin", true, []string{"CDC-7031 warn canary"}}} {
		tables[0].CDC = x.cdc
		if got := shown(agent.Perch(tables, "cdcpipe", x.table)); !slices.Equal(got, x.want) {
			t.Errorf("%s, %v: got %q, want %q", x.table, x.cdc, got, x.want)
		}
	}
}

// A table is named if reads repair its replicas, it is replicated, and its changes are
// not read back.
func TestRepairs(t *testing.T) {
	t.Parallel()
	tables := listings(t, `CREATE TABLE k.a (id int PRIMARY KEY); CREATE TABLE k.b (id int PRIMARY KEY); CREATE TABLE k.c (id int PRIMARY KEY);
		CREATE TABLE k.d (id int PRIMARY KEY); CREATE TABLE other.a (id int PRIMARY KEY)`)
	for i := range tables {
		tables[i].ReadRepair = tables[i].Name != "b"
	}
	tables[2].CDC = false
	facts := func(table *cdc.Table) bool { return table.Name == "d" }
	for _, x := range []struct{ keyspaces, want []string }{
		{[]string{"k"}, []string{"CDC-7045 warn table k.a"}},
		{nil, []string{"CDC-7045 warn table k.a", "CDC-7045 warn table other.a"}},
	} {
		if got := shown(agent.Repairs(tables, x.keyspaces, facts)); !slices.Equal(got, x.want) {
			t.Errorf("%q: got %q, want %q", x.keyspaces, got, x.want)
		}
	}
}
