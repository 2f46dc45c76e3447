package postgres

import (
	"cmp"
	"slices"

	"cdcpipe/pipeline/cdc"
)

// A group is what one Write says of one table, merged by key: PostgreSQL refuses
// to touch a row twice in one statement, and copies from other replicas cost
// nothing once they are one. The merge is that of package cdc, so it makes no
// difference to the result where it happens.
type group struct {
	layout *layout
	rows   []row
	parts  []part
	ranges []part // one range each
	byRow  map[string]int
	byPart map[string]int
}

// A row is the merged state of a row with the changes that it came from.
type row struct {
	cdc.Row
	key     string  // identity, and the order of writing
	changes []int32 // positions in the batch
	first   *cdc.Change
}

// A part is the merged state of a partition.
type part struct {
	cdc.Partition
	key     string
	changes []int32
	first   *cdc.Change
}

func newGroup(l *layout, n int) *group {
	return &group{layout: l, byRow: make(map[string]int, n), byPart: map[string]int{}}
}

// add merges change i of the batch.
func (g *group) add(i int32, c *cdc.Change, scratch []byte) []byte {
	t := g.layout.table
	clustered := t.Clustered()
	switch {
	case c.Op == cdc.DeleteRange:
		scratch = c.AppendKey(scratch[:0])
		g.ranges = addPart(g.ranges, g.byPart, 'r', scratch, i, c)
		return scratch
	case !c.Row() && (clustered || c.Op != cdc.DeletePartition):
		scratch = c.AppendPartitionKey(scratch[:0])
		g.parts = addPart(g.parts, g.byPart, 'p', scratch, i, c)
		return scratch
	}
	if clustered && len(c.Cells) > 0 && t.Columns[c.Cells[0].Column].Role == cdc.Static {
		scratch = c.AppendPartitionKey(scratch[:0])
		g.parts = addPart(g.parts, g.byPart, 'p', scratch, i, c)
	}
	scratch = c.AppendKey(scratch[:0])
	at, ok := g.byRow[string(scratch)]
	if !ok {
		key := string(scratch)
		g.byRow[key] = len(g.rows)
		at = len(g.rows)
		g.rows = append(g.rows, row{key: key, first: c})
	}
	g.rows[at].merge(i, c)
	return scratch
}

// merge joins change i into r. The cells of an only change are not copied.
func (r *row) merge(i int32, c *cdc.Change) {
	r.changes = append(r.changes, i)
	switch len(r.changes) {
	case 1:
		r.Row = cdc.Row{Marker: c.Marker, Deleted: c.Deleted, Cells: c.RowCells()}
		return
	case 2:
		r.Cells = slices.Clone(r.Cells)
	}
	r.Row.Merge(c)
}

func addPart(parts []part, index map[string]int, kind byte, key []byte, i int32, c *cdc.Change) []part {
	k := string(append(append(make([]byte, 0, len(key)+1), kind), key...))
	at, ok := index[k]
	if !ok {
		at = len(parts)
		index[k] = at
		parts = append(parts, part{key: k, first: c, Partition: cdc.NewPartition()})
	}
	parts[at].Merge(c)
	parts[at].changes = append(parts[at].changes, i)
	return parts
}

// sort puts everything in the order of keys: workers that meet on rows then
// lock them in the same order, and neighbours in the index are written together.
func (g *group) sort() {
	slices.SortFunc(g.rows, func(a, b row) int { return cmp.Compare(a.key, b.key) })
	byKey := func(a, b part) int { return cmp.Compare(a.key, b.key) }
	slices.SortFunc(g.parts, byKey)
	slices.SortFunc(g.ranges, byKey)
}

// deletes reports whether g has deletions that reach beyond one row.
func (g *group) deletes() bool {
	return len(g.ranges) > 0 || slices.ContainsFunc(g.parts, func(p part) bool { return p.Deleted != cdc.NoTime })
}
