package generator

import "slices"

// A partition is what an oracle knows of the deletions of many rows at once.
type partition struct {
	deleted int64
	spans   []span
}

// A span is a range deletion: of the rows from low to below high.
type span struct {
	low, high uint32
	time      int64
}

func (h *history) partition(n uint32) *partition {
	p := h.partitions[n]
	if p == nil {
		p = &partition{deleted: never}
		h.partitions[n] = p
	}
	return p
}

// cover adds a range deletion, and drops those that it makes superfluous.
func (p *partition) cover(s span) {
	within := func(a, b span) bool { return a.low >= b.low && a.high <= b.high && a.time <= b.time }
	for _, t := range p.spans {
		if within(s, t) {
			return
		}
	}
	p.spans = append(slices.DeleteFunc(p.spans, func(t span) bool { return within(t, s) }), s)
}

// covering returns the time of the latest deletion of a row besides its own.
func (p *partition) covering(row uint32) int64 {
	if p == nil {
		return never
	}
	deleted := p.deleted
	for _, s := range p.spans {
		if s.low <= row && row < s.high {
			deleted = max(deleted, s.time)
		}
	}
	return deleted
}
