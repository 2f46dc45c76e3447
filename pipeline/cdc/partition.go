package cdc

// A Partition is the merged state of what belongs to a partition as a whole:
// its deletion, its static cells and its range deletions. It is a
// join-semilattice, as [Row] is.
type Partition struct {
	Deleted int64 // write time of the partition's deletion
	Statics []Cell
	Ranges  []RangeDeletion // at most one for the same bounds
}

// A RangeDeletion hides the rows within bounds up to a write time.
type RangeDeletion struct {
	Bounds
	Deleted int64
}

// NewPartition returns the state of a partition that was never written.
func NewPartition() Partition { return Partition{Deleted: NoTime} }

// Merge joins what c says of the partition into p: a deletion of it or of a
// range, and static cells. It leaves out what belongs to a row.
func (p *Partition) Merge(c *Change) {
	switch c.Op {
	case DeletePartition:
		p.Deleted = max(p.Deleted, c.Deleted)
	case DeleteRange:
		p.mergeRange(RangeDeletion{c.Bounds, c.Deleted})
	}
	p.Statics = joinCells(p.Statics, c.StaticCells())
}

func (p *Partition) mergeRange(d RangeDeletion) {
	for i := range p.Ranges {
		r := &p.Ranges[i]
		if string(r.Low) == string(d.Low) && string(r.High) == string(d.High) {
			r.Deleted = max(r.Deleted, d.Deleted)
			return
		}
	}
	p.Ranges = append(p.Ranges, d)
}

// Covering returns the write time of the greatest deletion of the partition or
// of a range that covers a row with that clustering.
func (p *Partition) Covering(clustering []byte) int64 {
	deleted := p.Deleted
	for i := range p.Ranges {
		if r := &p.Ranges[i]; r.Deleted > deleted && r.Covers(clustering) {
			deleted = r.Deleted
		}
	}
	return deleted
}
