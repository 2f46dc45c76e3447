package pipeline

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// claims is the engine's [Partitions]: the ledgers of the partitions it owns.
type claims struct {
	budget *budget
	marks  *committer
	nudge  func()          // tells the reader that a claim has ended
	still  <-chan struct{} // closed when nothing moves any more

	mu       sync.Mutex
	byPart   map[Partition]*ledger
	explicit bool // the source assigns; a batch of an unassigned partition is dropped
}

var _ Partitions = (*claims)(nil)

func (c *claims) Assign(p Partition) Claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.explicit = true
	if old := c.byPart[p]; old != nil { // the source has missed its loss
		old.retire()
	}
	l := newLedger(p, c.budget, c.marks.settled)
	c.byPart[p] = l
	return Claim{l}
}

// Resume also makes the marks due at the source, which may have missed them when
// they were saved.
func (c *claims) Resume(ctx context.Context, ps ...Partition) ([]Mark, error) {
	if c.marks.offsets == nil || len(ps) == 0 {
		return nil, nil
	}
	marks, err := c.marks.offsets.Load(ctx, ps)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		if l := c.get(m.Partition); l != nil {
			l.resume(m)
		}
	}
	signal(c.marks.wake)
	return marks, nil
}

func (c *claims) Revoke(ctx context.Context, ps ...Partition) []Mark {
	var lost []*ledger
	c.mu.Lock()
	c.explicit = true
	for _, p := range ps {
		if l := c.byPart[p]; l != nil && !slices.Contains(lost, l) {
			lost = append(lost, l)
		}
	}
	c.mu.Unlock()
	for _, l := range lost {
		l.close()
	}
	c.nudge()
	if ctx.Err() == nil {
		c.marks.hurry() // what has settled already should not depend on the rest
	}
	for _, l := range lost {
		l.drain(ctx, c.still) // Guarantee 5: what is in flight is waited for
	}

	// The gate is shut while marks are committed. Holding it here means that no
	// commit of these claims is under way, and none follows their retirement.
	c.marks.gate.close(ctx) // Guarantee 1: no commit outlives its claim
	defer c.marks.gate.open()
	marks := c.marks.final(ctx, lost)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lost {
		if c.byPart[l.partition] == l {
			delete(c.byPart, l.partition)
		}
	}
	return marks
}

func (c *claims) get(p Partition) *ledger {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byPart[p]
}

// of returns the ledger a batch belongs to, or nil if its partition is not ours.
func (c *claims) of(claim Claim, p Partition) *ledger {
	if claim.ledger != nil {
		return claim.ledger
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.byPart[p]
	if l == nil && !c.explicit {
		l = newLedger(p, c.budget, c.marks.settled)
		c.byPart[p] = l
	}
	return l
}

// all returns the current ledgers, by partition.
func (c *claims) all() []*ledger {
	c.mu.Lock()
	defer c.mu.Unlock()
	ls := make([]*ledger, 0, len(c.byPart))
	for _, p := range slices.Sorted(maps.Keys(c.byPart)) {
		ls = append(ls, c.byPart[p])
	}
	return ls
}

// A PartitionStats says how far a partition is.
type PartitionStats struct {
	Partition Partition
	Read      Mark // the last batch admitted
	Settled   Mark // the last with nothing unsettled before it
	Committed Mark // the last that is on record
	Batches   int  // in flight
	Records   int64
	End       int64     // offset behind the last record of the source, by [Ender]; -1 if unknown
	Progress  time.Time // when Settled last moved
	Latest    time.Time // [Header.Time] of the last record settled
	Oldest    time.Time // that of the first batch in flight; zero if there is none
}

// Lag returns how many records of the source have not settled, and how old, as of
// now, the first of them is, as far as that is known. It reports false if the source
// has not said where it ends, or nothing was read yet.
func (s *PartitionStats) Lag(now time.Time) (records int64, age time.Duration, known bool) {
	switch {
	case s.End < 0:
		records = s.Records
	case s.Settled != Mark{}:
		records = s.End - 1 - s.Settled.Offset
	case s.Read != Mark{}:
		records = s.End - 1 - s.Read.Offset + s.Records
	}
	since := s.Oldest
	if since.IsZero() && records > 0 {
		since = s.Latest // nothing is known of what was not read
	}
	if !since.IsZero() {
		age = max(0, now.Sub(since))
	}
	return max(0, records), age, s.End >= 0 && (s.Settled != Mark{} || s.Read != Mark{})
}
