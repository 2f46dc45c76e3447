package pipeline

import (
	"sync/atomic"
	"time"
)

// A ticket counts the records still unsettled of one source batch.
//
// One counter per batch is enough, since marks are per batch, and is what keeps
// acknowledgement off the per-record path: a 1:1 stage never touches it, and a
// sink settles a run of records with a single add.
type ticket struct {
	left    atomic.Int64
	parents []*ticket // of a merged record; settled when it is

	ledger *ledger // of a source batch
	mark   Mark
	cost   cost
	latest time.Time // when the last of its records happened
	done   bool      // guarded by ledger.mu
	trace  Trace     // nil if nothing follows the batch
}

func (t *ticket) settle(n int) {
	switch left := t.left.Add(-int64(n)); {
	case left > 0:
		return // Guarantee 1: not before the last record derived from the batch
	case left < 0:
		panic("pipeline: record settled twice")
	}
	for _, p := range t.parents {
		p.settle(1)
	}
	if t.ledger != nil {
		t.ledger.complete(t)
		if t.trace != nil {
			t.trace.Settled()
		}
	}
}

// settleAll settles recs, one add per run of records from the same batch.
func settleAll[T any](recs []Record[T]) {
	runs(recs, func(t *ticket, n int) { t.settle(n) })
}

// retainAll takes k more references to each of recs.
func retainAll[T any](recs []Record[T], k int) {
	runs(recs, func(t *ticket, n int) { t.left.Add(int64(k * n)) })
}

// runs calls f for each run of records from the same batch.
func runs[T any](recs []Record[T], f func(t *ticket, n int)) {
	for len(recs) > 0 {
		t, n := recs[0].ticket, 1
		for n < len(recs) && recs[n].ticket == t {
			n++
		}
		f(t, n)
		recs = recs[n:]
	}
}
