package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A ledger holds the open batches of one claim in the order they were read. It
// knows no I/O.
type ledger struct {
	partition Partition
	budget    *budget
	settling  func(records int64) // called when the settled mark has moved

	mu        sync.Mutex
	open      []*ticket // from head on
	head      int
	read      Mark // the last mark tracked
	settled   Mark // the last mark with nothing open before it
	committed Mark // the last mark that is on record
	due       due  // what settled still lacks
	shut      bool // takes no more batches
	retired   bool // yields no more marks
	records   int64
	empty     chan struct{} // closed while nothing is open
	progress  time.Time     // when settled last moved
	latest    time.Time     // when the last settled record happened
}

// due says which of the two records of a mark are outdated.
type due struct{ save, commit bool }

func newLedger(p Partition, b *budget, settling func(int64)) *ledger {
	l := &ledger{partition: p, budget: b, settling: settling, empty: make(chan struct{})}
	close(l.empty)
	return l
}

// resume notes that m was on record before the claim began.
func (l *ledger) resume(m Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read == (Mark{}) {
		l.settled, l.committed, l.due.commit = m, m, true
	}
}

// track opens a batch, or moves the mark if it is a heartbeat. It reports false if
// the ledger takes no more, and fails if the source went backwards, since marks
// could then lie.
func (l *ledger) track(t *ticket) (bool, error) {
	l.mu.Lock()
	if l.shut {
		l.mu.Unlock()
		return false, nil
	}
	if l.read != (Mark{}) && t.mark.Offset < l.read.Offset { // Guarantee 6: marks never go back
		defer l.mu.Unlock()
		return false, fmt.Errorf("source went backwards on %s: offset %d after %d", t.mark.Partition, t.mark.Offset, l.read.Offset)
	}
	l.read = t.mark
	switch idle := l.head == len(l.open); {
	case t.cost.records > 0:
		if idle {
			l.empty = make(chan struct{})
		}
		t.ledger = l
		l.open = append(l.open, t)
		l.records += t.cost.records
		l.mu.Unlock()
	case idle:
		l.settled, l.due, l.progress = t.mark, due{true, true}, time.Now()
		l.mu.Unlock()
		l.settling(0)
	default: // Guarantee 4: heartbeats do not pile up behind an open batch
		l.open[len(l.open)-1].mark = t.mark
		l.mu.Unlock()
	}
	return true, nil
}

// complete notes that all of t has settled, and moves the settled mark past every
// done batch at the head of the queue.
func (l *ledger) complete(t *ticket) {
	l.mu.Lock()
	t.done = true
	var n, records = l.head, int64(0)
	for n < len(l.open) && l.open[n].done { // Guarantee 1: no mark passes an open batch
		d := l.open[n]
		l.settled, l.due = d.mark, due{true, true}
		if !d.latest.IsZero() {
			l.latest = d.latest
		}
		records += d.cost.records
		l.open[n] = nil
		n++
	}
	moved := n > l.head
	if moved {
		l.head, l.progress = n, time.Now()
		l.records -= records
		if n == len(l.open) {
			l.open, l.head = l.open[:0], 0
			close(l.empty)
		} else if n > len(l.open)/2 {
			l.open, l.head = slices.Delete(l.open, 0, n), 0
		}
	}
	moved = moved && !l.retired
	l.mu.Unlock()
	l.budget.release(t.cost)
	if moved {
		l.settling(records)
	}
}

// take returns the settled mark if it is due, which it then no longer is.
func (l *ledger) take() (Mark, due) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.due
	if l.retired { // Guarantee 1: nothing of a revoked claim
		d = due{}
	}
	l.due = due{}
	return l.settled, d
}

// untake makes a mark due again whose commit has failed.
func (l *ledger) untake(d due) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due.save, l.due.commit = l.due.save || d.save, l.due.commit || d.commit
}

// recorded notes that m is on record.
func (l *ledger) recorded(m Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed = m
}

// close makes the ledger refuse new batches.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shut = true
}

func (l *ledger) closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shut
}

// drain waits for open batches to settle, for ctx to end or for the whole pipeline
// to stand still.
func (l *ledger) drain(ctx context.Context, still <-chan struct{}) {
	l.mu.Lock()
	empty := l.empty
	l.mu.Unlock()
	select {
	case <-empty:
	case <-still:
	case <-ctx.Done():
	}
}

// retire makes the ledger yield no more marks. It returns the final one, and
// whether it still has to be saved.
func (l *ledger) retire() (final Mark, unsaved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shut, l.retired = true, true
	return l.settled, l.due.save
}

// onRecord returns the last mark that is on record.
func (l *ledger) onRecord() Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed
}

func (l *ledger) stats() PartitionStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := PartitionStats{
		Partition: l.partition, End: -1,
		Read: l.read, Settled: l.settled, Committed: l.committed,
		Batches: len(l.open) - l.head, Records: l.records,
		Progress: l.progress, Latest: l.latest,
	}
	if l.head < len(l.open) {
		st.Oldest = l.open[l.head].latest
	}
	return st
}
