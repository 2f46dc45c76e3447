package cassandra

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// What system_schema says of a table, in the order in which Cassandra gives it,
// makes the same table as its CQL.
func TestDefine(t *testing.T) {
	t.Parallel()
	rows := []columnRow{
		{"orders", "customer", "partition_key", "none", "int", 0}, {"orders", "home", "regular", "none", "frozen<address>", -1},
		{"orders", "item", "clustering", "asc", "int", 1}, {"orders", "placed", "clustering", "desc", "text", 0},
		{"orders", "s", "static", "none", "text", -1}, {"orders", "tags", "regular", "none", "map<text, frozen<list<int>>>", -1},
		{"orders", "t", "regular", "none", "frozen<tuple<int, text>>", -1}, {"orders", "v", "regular", "none", "vector<float, 3>", -1},
	}
	types := map[string]typeRow{"address": {[]string{"street", "geo"}, []string{"text", "frozen<point>"}}, "point": {[]string{"x", "y"}, []string{"double", "double"}}}
	got, err := define("shop", "orders", rows, types)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cdc.ParseCQL(`CREATE TYPE shop.point (x double, y double); CREATE TYPE shop.address (street text, geo frozen<point>);
		CREATE TABLE shop.orders (customer int, placed text, item int, s text STATIC, home frozen<address>, tags map<text, frozen<list<int>>>, t tuple<int, text>,
		v vector<float, 3>, PRIMARY KEY (customer, placed, item)) WITH CLUSTERING ORDER BY (placed DESC, item ASC)`)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.Tables()[0]; !got.Equal(want) {
		t.Errorf("got\n%s\nwant\n%s", got.CQL(), want.CQL())
	}
	for _, bad := range []string{"'org.apache.cassandra.db.marshal.DynamicCompositeType'", "frozen<nope>", "frozen<loop>"} {
		_, err := define("shop", "t", []columnRow{{"t", "id", "partition_key", "none", "int", 0}, {"t", "x", "regular", "none", bad, -1}},
			map[string]typeRow{"loop": {[]string{"l"}, []string{"frozen<loop>"}}})
		if !fault.Is(err, fault.BadDefinition) || !strings.Contains(err.Error(), "column x") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s, err := NewSchema(Config{Hosts: []string{"127.0.0.1"}, Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.LoadTable(t.Context(), "k", "t"); !fault.Is(err, fault.CassandraDown) {
		t.Errorf("got %v", err)
	}
	if (Config{Port: 70000, Timeout: -1}).Validate() == nil {
		t.Error("a bad configuration passes")
	}
}
