package cdc_test

import (
	"testing"

	"cdcpipe/pipeline/cdc"
)

func readingTable(t testing.TB, facts bool) *cdc.Table {
	t.Helper()
	s, err := cdc.ParseCQL("CREATE TABLE k.t (p int, c int, s text STATIC, a text, b text, PRIMARY KEY (p, c))")
	if err != nil {
		t.Fatal(err)
	}
	if facts {
		return s.Tables()[0].OfFacts()
	}
	return s.Tables()[0]
}

func i32(n int32) cdc.Value { return cdc.AppendInt32(nil, n) }

// Of a row that is read for itself a marker is presumed, of a partition none.
func TestReadingAsChange(t *testing.T) {
	t.Parallel()
	cells := []cdc.Cell{
		{Column: 2, Stamp: cdc.Stamp{Time: 5}, Value: cdc.Value("s")},
		{Column: 3, Stamp: cdc.Stamp{Time: 7, Class: 3000}, Value: cdc.Value("a")},
	}
	row := cdc.Reading{Key: []cdc.Value{i32(1), i32(2)}, Cells: cells}
	bare := cdc.Reading{Key: row.Key}
	alone := cdc.Reading{Key: row.Key[:1], Cells: cells[:1]}
	for _, tc := range []struct {
		name   string
		r      cdc.Reading
		facts  bool
		op     cdc.Op
		marker cdc.Stamp
		cells  int
	}{
		{"fact", row, true, cdc.Insert, cdc.Stamp{Time: 100, Class: 3000}, 3},
		{"claim", row, false, cdc.Insert, cdc.Stamp{Time: 7, Class: 3000}, 2},
		{"fact by its marker", bare, true, cdc.Insert, cdc.Stamp{Time: 100}, 3},
		{"claim by its marker", bare, false, cdc.Insert, cdc.Stamp{Time: 100}, 0},
		{"fact of a partition", alone, true, cdc.Update, cdc.Unwritten(), 1},
		{"claim of a partition", alone, false, cdc.Update, cdc.Unwritten(), 1},
	} {
		c := tc.r.Change(readingTable(t, tc.facts), 100)
		if c.Op != tc.op || c.Marker != tc.marker || len(c.Cells) != tc.cells || c.Deleted != cdc.NoTime {
			t.Errorf("%s: got %s, marker %v, %d cells, deleted %d", tc.name, c.Op, c.Marker, len(c.Cells), c.Deleted)
		}
	}
}

// What was read of a row has the identity that an event of it has, so that a batch
// with both merges them into one.
func TestReadingHasTheRowsIdentity(t *testing.T) {
	t.Parallel()
	single, err := cdc.NewTable("shop", "single", []cdc.Column{
		{Name: "p", Type: cdc.ScalarType(cdc.Int), Role: cdc.PartitionKey},
		{Name: "a", Type: cdc.ScalarType(cdc.Int), Role: cdc.Regular},
	})
	if err != nil {
		t.Fatal(err)
	}
	clustered := orders(t)
	key := []cdc.Value{cdc.AppendInt32(nil, 7), cdc.AppendInt32(nil, 8)}
	for _, event := range []*cdc.Change{
		{Table: single, Op: cdc.DeleteRow, Key: key[:1]},
		{Table: clustered, Op: cdc.DeleteRow, Key: key, Clustering: clustered.AppendClustering(nil, key[1:])},
	} {
		r := cdc.Reading{Key: event.Key}
		want := string(event.AppendKey(nil))
		if got := string(r.Fact(event.Table, 1).AppendKey(nil)); got != want {
			t.Errorf("%s: fact has key %x, event %x", event.Table, got, want)
		}
		if got := string(r.Claim(event.Table, 1).AppendKey(nil)); got != want {
			t.Errorf("%s: claim has key %x, event %x", event.Table, got, want)
		}
	}
}
