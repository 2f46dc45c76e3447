package cdc_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
)

// orders is a table with every role of column.
func orders(t testing.TB) *cdc.Table {
	t.Helper()
	tbl, err := cdc.NewTable("shop", "orders", []cdc.Column{
		{Name: "p", Type: cdc.ScalarType(cdc.Int), Role: cdc.PartitionKey},
		{Name: "c", Type: cdc.ScalarType(cdc.Int), Role: cdc.Clustering},
		{Name: "s", Type: cdc.ScalarType(cdc.Text), Role: cdc.Static},
		{Name: "a", Type: cdc.ScalarType(cdc.Int), Role: cdc.Regular},
		{Name: "b", Type: cdc.ScalarType(cdc.Text), Role: cdc.Regular},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tbl
}

func genStamp(t *rapid.T) cdc.Stamp {
	return cdc.Stamp{
		Time:  rapid.Int64Range(1, 4).Draw(t, "time"),
		Class: rapid.SampledFrom([]int64{cdc.Live, 100, 200, cdc.Tombstone, cdc.Tombstone + 50}).Draw(t, "class"),
	}
}

func genCell(t *rapid.T, column int32) cdc.Cell {
	c := cdc.Cell{Column: column, Stamp: genStamp(t)}
	if c.Class < cdc.Tombstone {
		c.Value = cdc.AppendInt32(nil, rapid.SampledFrom([]int32{-1, 0, 1, 1 << 30}).Draw(t, "value"))
	}
	return c
}

// genChange makes changes of one partition, with times that force ties.
func genChange(tbl *cdc.Table) *rapid.Generator[*cdc.Change] {
	return rapid.Custom(func(t *rapid.T) *cdc.Change {
		c := &cdc.Change{Table: tbl, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, 7)}}
		c.Op = rapid.SampledFrom([]cdc.Op{cdc.Insert, cdc.Update, cdc.DeleteRow, cdc.DeletePartition, cdc.DeleteRange}).Draw(t, "op")
		bound := func(name string) []byte {
			n := rapid.Int32Range(-1, 3).Draw(t, name)
			if n < 0 {
				return nil
			}
			return tbl.AppendBound(nil, []cdc.Value{cdc.AppendInt32(nil, n)}, rapid.Bool().Draw(t, name+" after"))
		}
		switch c.Op {
		case cdc.DeletePartition, cdc.DeleteRange:
			c.Deleted = rapid.Int64Range(1, 4).Draw(t, "deleted")
			if c.Op == cdc.DeleteRange {
				c.Bounds = cdc.Bounds{Low: bound("low"), High: bound("high")}
			}
			return c
		}
		c.Key = append(c.Key, cdc.AppendInt32(nil, rapid.Int32Range(0, 2).Draw(t, "row")))
		c.Clustering = tbl.AppendClustering(nil, c.Key[1:])
		if c.Op == cdc.DeleteRow || rapid.IntRange(0, 9).Draw(t, "both") == 0 {
			c.Deleted = rapid.Int64Range(1, 4).Draw(t, "deleted")
		}
		if c.Op == cdc.Insert {
			c.Marker = genStamp(t)
			c.Marker.Class %= cdc.Tombstone
		}
		for i := int32(2); c.Op != cdc.DeleteRow && i < 5; i++ {
			if rapid.Bool().Draw(t, "has") {
				c.Cells = append(c.Cells, genCell(t, i))
			}
		}
		return c
	})
}

type state struct {
	part cdc.Partition
	rows map[string]*cdc.Row
}

func merged(cs []*cdc.Change) state {
	s := state{cdc.NewPartition(), map[string]*cdc.Row{}}
	for _, c := range cs {
		s.part.Merge(c)
		if c.Row() {
			r, ok := s.rows[string(c.Clustering)]
			if !ok {
				n := cdc.NewRow()
				r = &n
				s.rows[string(c.Clustering)] = r
			}
			r.Merge(c)
		}
	}
	return s
}

// visible lists, for every row and second, what SELECT would show.
func (s state) visible(tbl *cdc.Table) map[[2]int32][]string {
	out := map[[2]int32][]string{}
	for _, now := range []int64{10, 150, 400} {
		for row := range int32(3) {
			ck := tbl.AppendClustering(nil, []cdc.Value{cdc.AppendInt32(nil, row)})
			r := s.rows[string(ck)]
			covering := s.part.Covering(ck)
			if r == nil || !r.Live(covering, now) {
				continue
			}
			shown := []string{"live"}
			for _, c := range r.Cells {
				if c.Visible(max(r.Deleted, covering), now) {
					shown = append(shown, tbl.Columns[c.Column].Name+"="+string(c.Value))
				}
			}
			out[[2]int32{row, int32(now)}] = shown
		}
	}
	return out
}

// Any order and any duplication of changes ends in the same state.
func TestMergeIsALattice(t *testing.T) {
	t.Parallel()
	tbl := orders(t)
	rapid.Check(t, func(t *rapid.T) {
		cs := rapid.SliceOfN(genChange(tbl), 1, 12).Draw(t, "changes")
		want := merged(cs)
		again := rapid.Permutation(append(cs, cs[:rapid.IntRange(0, len(cs)).Draw(t, "twice")]...)).Draw(t, "order")
		got := merged(again)
		if !reflect.DeepEqual(got.rows, want.rows) {
			t.Fatalf("rows differ:\n got %v\nwant %v", got.rows, want.rows)
		}
		if got.part.Deleted != want.part.Deleted || !reflect.DeepEqual(got.part.Statics, want.part.Statics) ||
			len(got.part.Ranges) != len(want.part.Ranges) {
			t.Fatalf("partitions differ:\n got %v\nwant %v", got.part, want.part)
		}
		if g, w := got.visible(tbl), want.visible(tbl); !reflect.DeepEqual(g, w) {
			t.Fatalf("visible rows differ:\n got %v\nwant %v", g, w)
		}
	})
}

// Merging in groups and joining the groups is the same as merging one by one.
func TestJoinIsAssociative(t *testing.T) {
	t.Parallel()
	tbl := orders(t)
	rapid.Check(t, func(t *rapid.T) {
		cs := rapid.SliceOfN(genChange(tbl), 2, 12).Draw(t, "changes")
		cut := rapid.IntRange(1, len(cs)-1).Draw(t, "cut")
		want, a, b := merged(cs), merged(cs[:cut]), merged(cs[cut:])
		for k, r := range b.rows {
			if have, ok := a.rows[k]; ok {
				have.Join(*r)
				have.Join(*r)
			} else {
				a.rows[k] = r
			}
		}
		if !reflect.DeepEqual(a.rows, want.rows) {
			t.Fatalf("got %v\nwant %v", a.rows, want.rows)
		}
	})
}

// The rules of db/rows/Cells.resolveRegular, one by one.
func TestCellOrder(t *testing.T) {
	t.Parallel()
	i32 := func(n int32) cdc.Value { return cdc.AppendInt32(nil, n) }
	for _, tc := range []struct {
		name         string
		winner, than cdc.Cell
	}{
		{"newer", cdc.Cell{Stamp: cdc.Stamp{Time: 2}, Value: i32(0)}, cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: cdc.Tombstone}}},
		{"tombstone over live", cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: cdc.Tombstone}}, cdc.Cell{Stamp: cdc.Stamp{Time: 1}, Value: i32(9)}},
		{"tombstone over expiring", cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: cdc.Tombstone}}, cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: 1<<32 - 1}, Value: i32(9)}},
		{"expiring over live", cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: 5}, Value: i32(0)}, cdc.Cell{Stamp: cdc.Stamp{Time: 1}, Value: i32(9)}},
		{"later expiry", cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: 6}, Value: i32(0)}, cdc.Cell{Stamp: cdc.Stamp{Time: 1, Class: 5}, Value: i32(9)}},
		{"greater bytes, unsigned", cdc.Cell{Stamp: cdc.Stamp{Time: 1}, Value: i32(-1)}, cdc.Cell{Stamp: cdc.Stamp{Time: 1}, Value: i32(1)}},
		{"longer text", cdc.Cell{Stamp: cdc.Stamp{Time: 1}, Value: cdc.Value("ab")}, cdc.Cell{Stamp: cdc.Stamp{Time: 1}, Value: cdc.Value("a")}},
	} {
		if tc.winner.Compare(tc.than) <= 0 || tc.than.Compare(tc.winner) >= 0 || tc.winner.Compare(tc.winner) != 0 {
			t.Errorf("%s: wrong order", tc.name)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		s            cdc.Stamp
		deleted, now int64
		want         bool
	}{
		{cdc.Stamp{Time: 5}, cdc.NoTime, 0, true},
		{cdc.Stamp{Time: 5}, 4, 0, true},
		{cdc.Stamp{Time: 5}, 5, 0, false}, // a deletion wins ties
		{cdc.Stamp{Time: 5, Class: 100}, 0, 99, true},
		{cdc.Stamp{Time: 5, Class: 100}, 0, 100, false},
		{cdc.Stamp{Time: 5, Class: cdc.Tombstone}, 0, 0, false},
		{cdc.Unwritten(), cdc.NoTime, 0, false},
	} {
		if got := tc.s.Visible(tc.deleted, tc.now); got != tc.want {
			t.Errorf("%+v under %d at %d: got %v", tc.s, tc.deleted, tc.now, got)
		}
	}
}
