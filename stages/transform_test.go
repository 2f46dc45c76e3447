package stages_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages"
)

const people = `CREATE TABLE shop.people (id int, at int, age int, email text, note text, raw blob, PRIMARY KEY (id, at))`

func transform(t *testing.T, tt stages.TableTransform) pipeline.Stage[*cdc.Change, *cdc.Change] {
	t.Helper()
	st, err := stages.NewTransform(stages.TransformConfig{Tables: []stages.TableTransform{tt}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestTransform(t *testing.T) {
	t.Parallel()
	tbl := table(t, people)
	full := map[string]cdc.Value{"at": num(7), "age": num(30), "email": text("ann@example.org"), "note": text("hi"), "raw": {1, 2}}
	some := map[string]cdc.Value{"at": num(7), "email": nil, "note": text("x")}
	for name, tc := range map[string]struct {
		tt         stages.TableTransform
		full, some string
	}{
		"another table":  {stages.TableTransform{Match: "shop.users", Drop: []string{"age"}}, "people id=1 at=7 age=30 email=ann@example.org note=hi raw=0x0102", "people id=1 at=7 email=∅ note=x"},
		"drop":           {stages.TableTransform{Match: "shop.people", Drop: []string{"age", "raw"}}, "people id=1 at=7 email=ann@example.org note=hi", "people id=1 at=7 email=∅ note=x"},
		"rename":         {stages.TableTransform{Match: "*.*", Rename: map[string]string{"email": "zmail", "id": "key"}}, "people key=1 at=7 age=30 note=hi raw=0x0102 zmail=ann@example.org", "people key=1 at=7 note=x zmail=∅"},
		"route":          {stages.TableTransform{Match: "shop.*", Route: &stages.RouteConfig{Keyspace: "crm", Table: "folk"}}, "folk id=1 at=7 age=30 email=ann@example.org note=hi raw=0x0102", "folk id=1 at=7 email=∅ note=x"},
		"mask":           {stages.TableTransform{Match: "shop.people", Mask: map[string]any{"email": "***", "age": uint64(0)}}, "people id=1 at=7 age=0 email=*** note=hi raw=0x0102", "people id=1 at=7 email=∅ note=x"},
		"hash":           {stages.TableTransform{Match: "shop.people", Hash: &stages.HashConfig{Columns: []string{"email"}, Key: "k"}, Drop: []string{"age", "raw", "note"}}, "people id=1 at=7 email=0b24e29c5b2d0d5b09d1cbf11c8e9e7b", "people id=1 at=7 email=∅"},
		"derive":         {stages.TableTransform{Match: "shop.people", Derive: []stages.DeriveConfig{{Column: "domain", Type: "text", Expr: `split(email, "@")[1] + "/" + string(id)`}}}, "people id=1 at=7 age=30 domain=example.org/1 email=ann@example.org note=hi raw=0x0102", "people id=1 at=7 domain=∅ email=∅ note=x"},
		"derive, drop":   {stages.TableTransform{Match: "shop.people", Derive: []stages.DeriveConfig{{Column: "adult", Type: "boolean", Expr: "age >= 18"}}, Drop: []string{"age"}}, "people id=1 at=7 adult=true email=ann@example.org note=hi raw=0x0102", "people id=1 at=7 email=∅ note=x"},
		"filter by key":  {stages.TableTransform{Match: "shop.people", Filter: &stages.FilterConfig{Expr: "at > 7"}}, "", ""},
		"filter, absent": {stages.TableTransform{Match: "shop.people", Filter: &stages.FilterConfig{Expr: "age > 18", Partial: "drop"}}, "people id=1 at=7 age=30 email=ann@example.org note=hi raw=0x0102", ""},
		"filter, kept":   {stages.TableTransform{Match: "shop.people", Filter: &stages.FilterConfig{Expr: "age < 18", Partial: "keep"}}, "", "people id=1 at=7 email=∅ note=x"},
	} {
		st := transform(t, tc.tt)
		a, b := change(t, tbl, cdc.Insert, 1, full), change(t, tbl, cdc.Update, 1, some)
		del := change(t, tbl, cdc.DeletePartition, 1, nil)
		r := run(t, st, 10, a, b, del)
		if len(r.rejects) > 0 {
			t.Errorf("%s: %v", name, r.rejects[0].Cause)
			continue
		}
		var got []string
		for _, c := range r.out[:len(r.out)-1] { // the deletion passes every filter
			got = append(got, show(c))
		}
		var want []string
		for _, w := range []string{tc.full, tc.some} {
			if w != "" {
				want = append(want, w)
			}
		}
		if name == "hash" && len(got) == 2 { // the digest itself is checked below
			if f := strings.Fields(got[0]); len(f[3]) != len("email=")+64 || strings.Contains(got[0], "ann") {
				t.Errorf("hash: got %s", got[0])
			}
			continue
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if r.dropped["filtered"] != int64(2-len(want)) {
			t.Errorf("%s: %d dropped", name, r.dropped["filtered"])
		}
		if show(a) != "people id=1 at=7 age=30 email=ann@example.org note=hi raw=0x0102" {
			t.Errorf("%s: the input was modified: %s", name, show(a))
		}
	}
}

// Stamps are kept, and a derived column is written, expires and is deleted with
// the one that it rests on.
func TestTransformStamps(t *testing.T) {
	t.Parallel()
	tbl := table(t, people)
	st := transform(t, stages.TableTransform{Match: "shop.people", Mask: map[string]any{"note": "-"},
		Derive: []stages.DeriveConfig{{Column: "half", Type: "int", Expr: "age > 1 ? age / 2 : nil"}, {Column: "aged", Type: "bigint", Expr: "age"}}})
	c := change(t, tbl, cdc.Insert, 1, map[string]cdc.Value{"at": num(7), "age": num(1), "note": text("x")})
	c.Cells[0].Stamp = cdc.Stamp{Time: 5, Class: 4_000_000_000}
	c.Cells[1].Stamp = cdc.Stamp{Time: 6}
	r := run(t, st, 1, c)
	if len(r.out) != 1 {
		t.Fatal(r.rejects)
	}
	if got, want := show(r.out[0]), "people id=1 at=7 age=1 aged=1 half=∅ note=-"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, x := range r.out[0].Cells {
		want := cdc.Stamp{Time: 5, Class: 4_000_000_000}
		switch r.out[0].Table.Columns[x.Column].Name {
		case "note":
			want = cdc.Stamp{Time: 6}
		case "half":
			want.Class = cdc.Tombstone
		}
		if x.Stamp != want {
			t.Errorf("%s: got %+v, want %+v", r.out[0].Table.Columns[x.Column].Name, x.Stamp, want)
		}
	}
	// An expression that fails is about the change, not about the pipeline.
	bad := run(t, transform(t, stages.TableTransform{Match: "shop.people", Derive: []stages.DeriveConfig{{Column: "d", Type: "tinyint", Expr: "age"}}}), 10,
		change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"at": num(7), "age": num(500)}), change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"at": num(7), "age": num(5)}))
	if len(bad.out) != 1 || len(bad.rejects) != 1 || fault.CodeOf(bad.rejects[0].Cause) != fault.RuleFailed {
		t.Errorf("got %v and %v", bad.out, bad.rejects)
	}
}

// What would let the replica diverge, or cannot be, is refused for the table.
func TestTransformRefuses(t *testing.T) {
	t.Parallel()
	tbl := table(t, people)
	for name, tt := range map[string]stages.TableTransform{
		"drop a key":               {Drop: []string{"at"}},
		"mask a key":               {Mask: map[string]any{"id": 1}},
		"hash a clustering column": {Hash: &stages.HashConfig{Columns: []string{"at"}, Key: "k"}},
		"hash a number":            {Hash: &stages.HashConfig{Columns: []string{"age"}, Key: "k"}},
		"mask of another type":     {Mask: map[string]any{"age": "x"}},
		"no such column":           {Drop: []string{"nope"}},
		"names collide":            {Rename: map[string]string{"age": "email"}},
		"derive from two":          {Derive: []stages.DeriveConfig{{Column: "d", Type: "text", Expr: "email + note"}}},
		"derive from keys only":    {Derive: []stages.DeriveConfig{{Column: "d", Type: "int", Expr: "id + at"}}},
		"derive over a column":     {Derive: []stages.DeriveConfig{{Column: "age", Type: "int", Expr: "age"}}},
		"filter may lack a column": {Filter: &stages.FilterConfig{Expr: "age > 18"}},
		"filter names no column":   {Filter: &stages.FilterConfig{Expr: "nope == 1"}},
	} {
		tt.Match = "shop.people"
		other := table(t, `CREATE TABLE shop.other (id int PRIMARY KEY)`)
		r := run(t, transform(t, tt), 10, change(t, tbl, cdc.Insert, 1, map[string]cdc.Value{"at": num(7)}), change(t, other, cdc.Insert, 1, nil))
		if len(r.out) != 1 || len(r.rejects) != 1 || r.rejects[0].Outlet != pipeline.Invalid || fault.CodeOf(r.rejects[0].Cause) != fault.TransformUnfit {
			t.Errorf("%s: got %v and %v", name, r.out, r.rejects)
		}
	}
	for name, tt := range map[string]stages.TableTransform{
		"no match":       {},
		"bad expression": {Match: "a.b", Filter: &stages.FilterConfig{Expr: "1 +"}},
		"bad type":       {Match: "a.b", Derive: []stages.DeriveConfig{{Column: "d", Type: "list<int>", Expr: "1"}}},
		"no hash key":    {Match: "a.b", Hash: &stages.HashConfig{Columns: []string{"a"}}},
		"partial":        {Match: "a.b", Filter: &stages.FilterConfig{Expr: "a", Partial: "maybe"}},
	} {
		if (stages.TransformConfig{Tables: []stages.TableTransform{tt}}).Validate() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestMapTables: a sink that prepares tables is told of those that arrive, not of
// those that Cassandra has.
func TestMapTables(t *testing.T) {
	t.Parallel()
	st, err := stages.NewTransform(stages.TransformConfig{Tables: []stages.TableTransform{
		{Match: "shop.people", Drop: []string{"note", "raw"}, Route: &stages.RouteConfig{Table: "folk"}},
		{Match: "shop.misfit", Drop: []string{"absent"}},
	}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	other := table(t, `CREATE TABLE shop.other (id int PRIMARY KEY)`)
	misfit := table(t, `CREATE TABLE shop.misfit (id int PRIMARY KEY)`)
	got := st.MapTables([]*cdc.Table{table(t, people), misfit, other})
	if len(got) != 2 || got[0].String() != "shop.folk" || len(got[0].Columns) != 4 || got[1] != other {
		t.Errorf("got %v", got)
	}
}
