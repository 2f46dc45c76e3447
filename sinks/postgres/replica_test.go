package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

// The tables grow with the definition; an older definition still merges, and
// changes that cannot be followed are refused without touching anything.
func TestDefinitionChanges(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	first := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, b text)`)
	wider := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, a int, b text, "größe" decimal)`)
	s := open(t, postgres.Config{DSN: dsn}, first)
	other := open(t, postgres.Config{DSN: dsn}, first)
	if err := write(s, first, 1, "b", cdc.Value("one")); err != nil {
		t.Fatal(err)
	}
	if err := write(s, wider, 2, "a", cdc.AppendInt32(nil, 7)); err != nil {
		t.Fatal(err)
	}
	if err := write(other, first, 3, "b", cdc.Value("three")); err != nil {
		t.Fatal(err)
	}
	if err := write(open(t, postgres.Config{DSN: dsn}, first), first, 4, "b", cdc.Value("four")); err != nil {
		t.Fatal(err)
	}
	// New columns stand at the end: a view can only grow there.
	got := strings.Join(lines(t, dsn, `SELECT * FROM k.t ORDER BY id`), " ")
	if want := "1|one|∅|∅ 2|∅|7|∅ 3|three|∅|∅ 4|four|∅|∅"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for cql, code := range map[string]fault.Code{
		`CREATE TABLE k.t (id int PRIMARY KEY, b int)`:                               fault.TypeChanged,
		`CREATE TABLE k.t (id bigint PRIMARY KEY, b text)`:                           fault.KeyChanged,
		`CREATE TABLE k.t (id int, b text, PRIMARY KEY (id, b))`:                     fault.KeyChanged,
		`CREATE TABLE k.t (id int PRIMARY KEY, "b$ts" int, b text)`:                  fault.NameCollision,
		`CREATE TABLE k.t (id int PRIMARY KEY, "$del" int)`:                          fault.NameCollision,
		`CREATE TABLE k.t (id int PRIMARY KEY, ` + strings.Repeat("x", 64) + ` int)`: fault.NameTooLong,
	} {
		tbl := table(t, cql)
		err := s.Write(t.Context(), records(
			&cdc.Change{Table: tbl, Op: cdc.DeleteRow, Time: 1, Deleted: 1, Marker: cdc.Unwritten(), Key: make([]cdc.Value, tbl.Key)},
			&cdc.Change{Table: wider, Op: cdc.Insert, Time: 9, Deleted: cdc.NoTime, Marker: cdc.Stamp{Time: 9}, Key: []cdc.Value{cdc.AppendInt32(nil, 9)}}))
		if o, _ := pipeline.OutletOf(err); o != pipeline.Invalid || fault.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %s", cql, err, code)
		}
	}
	if got := lines(t, dsn, `SELECT id FROM k.t WHERE id = 9`); len(got) != 1 {
		t.Error("a refused table holds others back")
	}
}

// Names that need quotes, collide when shortened, or are words of SQL.
func TestNames(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	long := strings.Repeat("ü", 28) // 56 bytes
	tbl := table(t, `CREATE TABLE "Key Space"."select" ("Id" int, "order" text, "a b" int, "quote""d" text, "camelCase" boolean, "`+long+`1" int, "`+long+`2" int, PRIMARY KEY ("Id", "order"))`)
	s := open(t, postgres.Config{DSN: dsn}, tbl)
	c := &cdc.Change{Table: tbl, Op: cdc.Insert, Time: 5, Marker: cdc.Stamp{Time: 5}, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, 1), cdc.Value("'; DROP")}}
	c.Clustering = tbl.AppendClustering(nil, c.Key[1:])
	for i := 2; i < len(tbl.Columns); i++ {
		var v cdc.Value
		switch tbl.Columns[i].Type.Kind {
		case cdc.Int:
			v = cdc.AppendInt32(nil, int32(i))
		case cdc.Boolean:
			v = cdc.AppendBool(nil, true)
		default:
			v = cdc.Value(`"quoted"`)
		}
		c.Cells = append(c.Cells, cdc.Cell{Column: int32(i), Stamp: cdc.Stamp{Time: 5}, Value: v})
	}
	if err := s.Write(t.Context(), records(c)); err != nil {
		t.Fatal(err)
	}
	got := lines(t, dsn, `SELECT "Id", "order", "a b", "quote""d", "camelCase", "`+long+`1", "`+long+`2" FROM "Key Space"."select"`)
	if want := `1|'; DROP|2|"quoted"|t|5|6`; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

// What a user has under a name that cdcpipe needs is left alone, and said.
func TestObjectsInTheWay(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (id int, c int, PRIMARY KEY (id, c))`)
	for _, sql := range []string{`CREATE TABLE k.t (mine int)`, `CREATE VIEW k.t AS SELECT 1 AS mine`, `CREATE MATERIALIZED VIEW k.t AS SELECT 1 AS mine`,
		`CREATE TABLE k__cdc.t__base (mine int)`, `CREATE TABLE k__cdc.t__range (mine int)`} {
		dsn := database(t)
		exec(t, dsn, `CREATE SCHEMA k`, `CREATE SCHEMA k__cdc`, sql)
		s, err := postgres.New(postgres.Config{DSN: dsn}, "test", []*cdc.Table{tbl}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(t.Context()); !fault.Is(err, fault.ObjectInTheWay) {
			t.Errorf("%s: got %v", sql, err)
		}
		s.Close(t.Context())
		if n := lines(t, dsn, `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('k', 'k__cdc') AND relkind <> 'i'`); n[0] != "1" {
			t.Errorf("%s: %s relations are left", sql, n[0])
		}
	}
	// A table that was dropped behind cdcpipe's back is not made again, empty.
	dsn := database(t)
	open(t, postgres.Config{DSN: dsn}, tbl)
	exec(t, dsn, `DROP TABLE k__cdc.t__range`)
	s, _ := postgres.New(postgres.Config{DSN: dsn}, "test", []*cdc.Table{tbl}, quiet)
	defer s.Close(t.Context())
	if err := s.Open(t.Context()); !fault.Is(err, fault.ObjectInTheWay) || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("got %v", err)
	}
}

// A server that will not do is told apart at Open, and the password is not told.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	exec(t, dsn, `CREATE ROLE weak_`+dbName(dsn)+` LOGIN PASSWORD 'hidden-word'`, `CREATE DATABASE latin_`+dbName(dsn)+` ENCODING LATIN1 TEMPLATE template0`)
	for what, tc := range map[string]struct {
		dsn  string
		code fault.Code
	}{
		"nobody listens":    {"postgres://u:hidden-word@127.0.0.1:1/x", fault.TargetDown},
		"no such database":  {strings.Replace(dsn, "/"+dbName(dsn), "/nope", 1), fault.NoDatabase},
		"wrong password":    {strings.Replace(dsn, "cdcpipe:", "cdcpipe:hidden-word", 1), fault.NoPermission},
		"may not create":    {strings.Replace(dsn, userInfo(dsn), "weak_"+dbName(dsn)+":hidden-word", 1), fault.NoPermission},
		"another encoding":  {strings.Replace(dsn, "/"+dbName(dsn), "/latin_"+dbName(dsn), 1), fault.TargetTooOld},
		"read-only session": {dsn + "&default_transaction_read_only=on", fault.TargetReadOnly},
	} {
		s, err := postgres.New(postgres.Config{DSN: tc.dsn}, "test", nil, quiet)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Open(t.Context())
		if !fault.Is(err, tc.code) || strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("%s: got %v, want %s", what, err, tc.code)
		}
		s.Close(t.Context())
	}
}

// What is known of tables at the start is held against what there is. A table that
// cannot be followed holds no other back; a view that is gone is made again; what
// is not cdcpipe's stays.
func TestOpenAgain(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	tbl := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, a text)`)
	if err := write(open(t, postgres.Config{DSN: dsn}, tbl), tbl, 1, "a", cdc.Value("one")); err != nil {
		t.Fatal(err)
	}
	open(t, postgres.Config{DSN: dsn}, table(t, `CREATE TABLE k.counters (id int PRIMARY KEY, n counter)`), table(t, `CREATE TABLE k.t (id int PRIMARY KEY, a int)`),
		table(t, `CREATE TABLE k.t (id bigint PRIMARY KEY, a text)`), table(t, `CREATE TABLE k.new (id int PRIMARY KEY)`))
	if got := lines(t, dsn, `SELECT count(*) FROM k.new`); got[0] != "0" {
		t.Errorf("k.new: %v", got)
	}
	exec(t, dsn, `DROP VIEW k.t`)
	open(t, postgres.Config{DSN: dsn}, tbl)
	if got := lines(t, dsn, `SELECT id, a FROM k.t`); !slices.Equal(got, []string{"1|one"}) {
		t.Errorf("the view made again shows %v", got)
	}
	exec(t, dsn, `DROP VIEW k.t`, `CREATE TABLE k.t (mine int)`)
	s, err := postgres.New(postgres.Config{DSN: dsn}, "test", []*cdc.Table{tbl}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if err := s.Open(t.Context()); !fault.Is(err, fault.ObjectInTheWay) {
		t.Errorf("got %v, want %s", err, fault.ObjectInTheWay)
	}
}

func dbName(dsn string) string {
	_, after, _ := strings.Cut(dsn, "@")
	_, after, _ = strings.Cut(after, "/")
	name, _, _ := strings.Cut(after, "?")
	return name
}

func userInfo(dsn string) string {
	_, after, _ := strings.Cut(dsn, "//")
	user, _, _ := strings.Cut(after, "@")
	return user
}

func TestOffsets(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := open(t, postgres.Config{DSN: dsn})
	save := func(marks ...pipeline.Mark) {
		t.Helper()
		if err := s.Save(t.Context(), marks); err != nil {
			t.Fatal(err)
		}
	}
	// Each pair of marks, saved one after the other, leaves what Supersedes says.
	var marks, want []pipeline.Mark
	for _, log := range []string{"", "a", "b"} {
		for _, epoch := range []int32{-1, 0, 1} {
			for _, offset := range []int64{4, 5} {
				marks = append(marks, pipeline.Mark{Epoch: epoch, Log: log, Offset: offset})
			}
		}
	}
	var ps []pipeline.Partition
	var first, second []pipeline.Mark
	for i, was := range marks {
		for j, m := range marks {
			p := pipeline.Partition(fmt.Sprintf("%d/%d", i, j))
			was.Partition, m.Partition = p, p
			ps, first, second = append(ps, p), append(first, was), append(second, m)
			if m.Supersedes(was) {
				want = append(want, m)
			} else {
				want = append(want, was)
			}
		}
	}
	save(first...)
	save(second...)
	got, err := open(t, postgres.Config{DSN: dsn}).Load(t.Context(), append(ps, "unknown/0"))
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, m := range got {
		if i := slices.Index(ps, m.Partition); m != want[i] {
			t.Errorf("%+v, then %+v: got %+v", first[i], second[i], m)
		}
	}
	another, err := postgres.New(postgres.Config{DSN: dsn}, "another", nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer another.Close(t.Context())
	if err := another.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := another.Load(t.Context(), ps); err != nil || len(got) != 0 {
		t.Errorf("another pipeline has %v, %v", got, err)
	}
}
