package cdc_test

import (
	"math"
	"testing"

	"cdcpipe/pipeline/cdc"
)

// repaired is what a replica that has newest cells of a row has of it after c.
func repaired(h *cdc.Held, cells []cdc.Cell, c *cdc.Change) cdc.Row {
	row := cdc.Row{Marker: h.Marker, Deleted: h.Newest - 1, Cells: cells}
	row.Merge(c)
	return row
}

func TestRepairWins(t *testing.T) {
	t.Parallel()
	reading := &cdc.Reading{Key: []cdc.Value{i32(1), i32(2)}, Cells: []cdc.Cell{
		{Column: 2, Stamp: cdc.Stamp{Time: 5}, Value: cdc.Value("s")}, {Column: 3, Stamp: cdc.Stamp{Time: 7}, Value: cdc.Value("a")},
	}}
	for _, facts := range []bool{true, false} {
		table := readingTable(t, facts)
		for _, newest := range []int64{6, 7, 900, 5000} {
			h := &cdc.Held{Key: reading.Key, Exists: true, Marker: cdc.Unwritten(), Newest: newest}
			had := []cdc.Cell{{Column: 3, Stamp: cdc.Stamp{Time: newest}, Value: cdc.Value("zz")}, {Column: 4, Stamp: cdc.Stamp{Time: newest}, Value: cdc.Value("b")}}
			c, err := h.Repair(table, reading, 1000)
			if err != nil {
				t.Fatal(err)
			}
			row := repaired(h, had, c)
			if a := row.Cells[0]; string(a.Value) != "a" || a.Origin != 7 || !a.Visible(row.Deleted, 0) {
				t.Errorf("facts %t, newest %d: got %+v", facts, newest, a)
			}
			if b := row.Cells[1]; b.Visible(row.Deleted, 0) || row.Marker.Written() || len(row.Cells) != 2 {
				t.Errorf("facts %t, newest %d: got %+v, marker %v", facts, newest, b, row.Marker)
			}
			if gone, _ := h.Repair(table, nil, 1000); gone.Op != cdc.DeleteRow || gone.Deleted < newest {
				t.Errorf("facts %t, newest %d: got %s at %d", facts, newest, gone.Op, gone.Deleted)
			}
			static := &cdc.Held{Key: reading.Key[:1], Static: true, Newest: newest}
			if s, _ := static.Repair(table, nil, 1000); len(s.Cells) != 1 || s.Cells[0].Class != cdc.Tombstone || s.Cells[0].Time <= newest || s.Row() {
				t.Errorf("facts %t, newest %d: got %+v", facts, newest, s)
			}
		}
	}
}

// Of what the replica has never heard of, Cassandra's own write times do.
func TestRepairOfNothing(t *testing.T) {
	t.Parallel()
	reading := &cdc.Reading{Key: []cdc.Value{i32(1), i32(2)}, Cells: []cdc.Cell{{Column: 3, Stamp: cdc.Stamp{Time: 7}, Value: cdc.Value("a")}}}
	h := &cdc.Held{Key: reading.Key, Marker: cdc.Unwritten(), Newest: cdc.NoTime}
	c, err := h.Repair(readingTable(t, false), reading, 1000)
	if err != nil || c.Cells[0].Time != 7 || c.Marker.Time != 7 || c.Table.Facts {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = h.Repair(readingTable(t, true), reading, 1000)
	if err != nil || c.Cells[0].Time != 1000 || c.Marker.Time != 1000 {
		t.Errorf("got %+v, %v", c, err)
	}
	h.Newest = math.MaxInt64
	if _, err := h.Repair(readingTable(t, true), reading, 1000); err == nil {
		t.Error("something is later than the latest time")
	}
}

// A row whose clustering values cannot be had is deleted by a range of it alone.
func TestRepairByClustering(t *testing.T) {
	t.Parallel()
	table := readingTable(t, true)
	of := func(n int32) []byte { return table.AppendClustering(nil, []cdc.Value{i32(n)}) }
	h := &cdc.Held{Key: []cdc.Value{i32(1)}, Clustering: of(5), Exists: true, Newest: 9}
	c, err := h.Repair(table, nil, 1000)
	if err != nil || c.Op != cdc.DeleteRange || !c.Bounds.Covers(of(5)) || c.Bounds.Covers(of(4)) || c.Bounds.Covers(of(6)) {
		t.Errorf("got %+v, %v", c, err)
	}
}
