package cdc_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
)

func TestParseType(t *testing.T) {
	t.Parallel()
	addr := cdc.UDTOf("address", []string{"zip"}, []*cdc.Type{cdc.ScalarType(cdc.Int)}, false)
	lookup := func(name string) (*cdc.Type, error) {
		if name == "address" || name == "My Type" {
			u := *addr
			u.Name = name
			return &u, nil
		}
		return nil, errNoType
	}
	for in, want := range map[string]string{
		"int": "int", "VarChar": "text", "list<int>": "list<int>", "frozen<list<int>>": "frozen<list<int>>",
		"map<text,frozen<set<int>>>": "map<text, frozen<set<int>>>", "map<text, list<int>>": "map<text, frozen<list<int>>>",
		"tuple<int, text>": "tuple<int, text>", "frozen<tuple<int>>": "tuple<int>", "vector<float, 3>": "vector<float, 3>",
		"address": "address", "frozen<address>": "frozen<address>", `frozen<"My Type">`: `frozen<"My Type">`,
		"list<frozen<address>>": "list<frozen<address>>",
	} {
		got, err := cdc.ParseType(in, lookup)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", in, got, err, want)
			continue
		}
		if again, err := cdc.ParseType(got.String(), lookup); err != nil || !again.Equal(got) {
			t.Errorf("%s does not read back: %v", got, err)
		}
	}
	for _, bad := range []string{"", "list", "list<", "list<int", "list<int,int>", "map<int>", "int int", "nope", "vector<float>", "vector<float, 0>",
		"'org.apache.cassandra.db.marshal.DynamicCompositeType'", strings.Repeat("list<", 100) + "int" + strings.Repeat(">", 100), "tuple<>", "frozen<,>"} {
		if got, err := cdc.ParseType(bad, lookup); err == nil {
			t.Errorf("%q: got %s", bad, got)
		}
	}
}

type strErr string

func (e strErr) Error() string { return string(e) }

const errNoType = strErr("no such type")

const shop = `
-- what DESCRIBE prints
CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'} AND durable_writes = true;
USE shop;
CREATE TYPE IF NOT EXISTS address (street text, zip int);
CREATE TABLE shop.orders (customer int, placed text, item int, qty int, s text STATIC, home frozen<address>,
  PRIMARY KEY (customer, placed, item)) WITH CLUSTERING ORDER BY (placed DESC, item ASC) AND cdc = true
  AND comment = 'it''s; a comment' AND compaction = {'class': 'x'};
/* a block
   comment */
CREATE TABLE users (id uuid PRIMARY KEY, email text, tags set<text>) WITH cdc=true;
CREATE TABLE IF NOT EXISTS users (id int PRIMARY KEY); // is there already
CREATE TABLE "MixedCase" ("Id" int, "order" text, "quote""d" text, PRIMARY KEY (("Id", "order")));
CREATE INDEX ON users (email);
ALTER TABLE users ADD (age int, "größe" text);
ALTER TABLE users DROP tags;
ALTER TABLE users RENAME id TO uid;
CREATE TABLE gone (id int PRIMARY KEY);
DROP TABLE IF EXISTS gone`

func TestParseCQL(t *testing.T) {
	t.Parallel()
	s, err := cdc.ParseCQL(shop)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tbl := range s.Tables() {
		got = append(got, tbl.CQL())
		again, err := cdc.ParseCQL("CREATE TYPE shop.address (street text, zip int); " + tbl.CQL())
		if err != nil || len(again.Tables()) != 1 || !again.Tables()[0].Equal(tbl) {
			t.Errorf("%s does not read back: %v", tbl.CQL(), err)
		}
	}
	want := []string{
		"CREATE TABLE shop.\"MixedCase\" (\n    \"Id\" int,\n    \"order\" text,\n    \"quote\"\"d\" text,\n    PRIMARY KEY ((\"Id\", \"order\"))\n)",
		"CREATE TABLE shop.orders (\n    customer int,\n    placed text,\n    item int,\n    s text STATIC,\n    home frozen<address>,\n    qty int,\n    PRIMARY KEY ((customer), placed, item)\n) WITH CLUSTERING ORDER BY (placed DESC, item ASC)",
		"CREATE TABLE shop.users (\n    uid uuid,\n    age int,\n    email text,\n    \"größe\" text,\n    PRIMARY KEY ((uid))\n)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestParseCQLErrors(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"CREATE TABLE t (a int PRIMARY KEY)":                             "1:16: t has no keyspace",
		"CREATE TABLE k.t (a int,\n b nope, PRIMARY KEY (a))":            "2:8: unknown type k.nope",
		"\n\nCREATE TABLE k.t (a int)":                                   "3:1: table k.t: no partition key",
		"CREATE TABLE k.t (a int, PRIMARY KEY (b))":                      "1:1: table k.t: primary key names b",
		"CREATE TABLE k.t (a list<int> PRIMARY KEY)":                     `1:1: table k.t: key column "a" is not frozen`,
		"CREATE TABLE k.t (a int PRIMARY KEY, a text)":                   `1:1: table k.t: column "a" is given twice`,
		"CREATE TABLE k.t (a int PRIMARY KEY, b text STATIC)":            "1:1: table k.t: static columns without clustering columns",
		"CREATE TABLE k.t (a int PRIMARY KEY":                            `expected ")", found the end`,
		"CREATE TABLE k.\"t (a int)":                                     `1:16: " is not closed`,
		"ALTER TABLE k.t ADD b int":                                      "1:1: table k.t is not defined before it is altered",
		"CREATE TABLE k.t (a int PRIMARY KEY) WITH comment = 'x":         "1:53: ' is not closed",
		"CREATE TABLE k.t (a int, b 'org.apache.X', PRIMARY KEY (a))":    "custom type",
		"/* CREATE TABLE k.t (a int PRIMARY KEY)":                        "1:1: comment is not closed",
		"CREATE TABLE k.t (a int PRIMARY KEY, b vector<float, 1000000>)": "expected a dimension",
	} {
		if _, err := cdc.ParseCQL(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", src, err, want)
		}
	}
}

func FuzzParseCQL(f *testing.F) {
	f.Add(shop)
	f.Add("CREATE TABLE k.t (a int PRIMARY KEY, b map<text, frozen<list<int>>>)")
	f.Add("ALTER TYPE k.u RENAME a TO b AND c TO d")
	f.Fuzz(func(t *testing.T, src string) {
		s, err := cdc.ParseCQL(src)
		if err != nil {
			return
		}
		for _, tbl := range s.Tables() {
			if tbl.CQL() == "" {
				t.Fatal("empty")
			}
		}
	})
}
