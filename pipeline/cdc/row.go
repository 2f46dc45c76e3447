package cdc

// A Row is the merged state of a row, a join-semilattice: [Row.Merge] and
// [Row.Join] may be applied in any order and any number of times.
// The zero Row is not usable; see [NewRow].
type Row struct {
	Marker  Stamp
	Deleted int64  // write time of the row's deletion
	Cells   []Cell // by ascending column, at most one each
}

// NewRow returns the state of a row that was never written.
func NewRow() Row { return Row{Marker: Unwritten(), Deleted: NoTime} }

// Merge joins what c says of the row into r. Cells of static columns, which
// belong to the partition, are left out.
func (r *Row) Merge(c *Change) {
	if c.Marker.Compare(r.Marker) > 0 {
		r.Marker = c.Marker
	}
	r.Deleted = max(r.Deleted, c.Deleted)
	r.Cells = joinCells(r.Cells, c.RowCells())
}

// Join joins o into r.
func (r *Row) Join(o Row) {
	if o.Marker.Compare(r.Marker) > 0 {
		r.Marker = o.Marker
	}
	r.Deleted = max(r.Deleted, o.Deleted)
	r.Cells = joinCells(r.Cells, o.Cells)
}

// Live reports whether the row exists at second now, given the write time of
// the greatest deletion that covers it besides its own.
func (r *Row) Live(covering, now int64) bool {
	deleted := max(r.Deleted, covering)
	if r.Marker.Visible(deleted, now) {
		return true
	}
	for i := range r.Cells {
		if r.Cells[i].Visible(deleted, now) {
			return true
		}
	}
	return false
}

// joinCells merges two sorted runs of cells into one with the greater of each
// column. The result is a when b adds nothing, and never shares b's array.
func joinCells(a, b []Cell) []Cell {
	if len(a) == 0 {
		return append(a, b...)
	}
	in := true // every column of b is in a
	for i, j := 0, 0; j < len(b); j++ {
		for i < len(a) && a[i].Column < b[j].Column {
			i++
		}
		if i == len(a) || a[i].Column != b[j].Column {
			in = false
			break
		}
	}
	if in {
		i := 0
		for j := range b {
			for a[i].Column != b[j].Column {
				i++
			}
			if b[j].Compare(a[i]) > 0 {
				a[i] = b[j]
			}
		}
		return a
	}
	out := make([]Cell, 0, len(a)+len(b))
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i].Column < b[j].Column:
			out = append(out, a[i])
			i++
		case a[i].Column > b[j].Column:
			out = append(out, b[j])
			j++
		default:
			if b[j].Compare(a[i]) > 0 {
				out = append(out, b[j])
			} else {
				out = append(out, a[i])
			}
			i, j = i+1, j+1
		}
	}
	return append(append(out, a[i:]...), b[j:]...)
}
