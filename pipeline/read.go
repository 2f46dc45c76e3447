package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A reader admits what a source reads. Reading is done by a goroutine of its own,
// one batch at a time and only when asked, so that pauses and resumptions are
// seen while it blocks.
type reader[T any] struct {
	s    *step
	src  Source[T]
	out  *Flow[T]
	held backlog[T]
	full bool // the backlog is, and that was logged
}

type fetched[T any] struct {
	batch Batch[T]
	err   error
}

// run reads until soft ends or the source is exhausted. What is tracked by then
// is sent on; what was read but not tracked will be read again.
func (r *reader[T]) run(soft, work context.Context) error {
	defer r.out.close()
	ask, got := make(chan struct{}, 1), make(chan fetched[T])
	reading, stop := context.WithCancel(soft)
	var wg sync.WaitGroup
	wg.Go(func() { r.fetch(reading, ask, got) })
	defer wg.Wait()
	defer close(ask)
	defer stop()

	p := r.s.p
	var hand *Batch[T] // read, but neither admitted nor held back
	asked, exhausted := false, false
	for soft.Err() == nil {
		state := p.pauses.now()
		r.held.prune(r.gone)
		if hand != nil && r.gone(hand) {
			hand = nil
		}
		if !state.all {
			if b, ok := r.held.next(state); ok { // Guarantee 3: before what was read later
				if err := r.admit(soft, work, &b); err != nil {
					return err
				}
				continue
			}
		}
		switch {
		case hand == nil:
		case state.paused(hand.Through.Partition):
			r.hold(&hand)
		case !state.all:
			if err := r.admit(soft, work, hand); err != nil {
				return err
			}
			hand = nil
		}
		if exhausted && hand == nil && r.held.empty() {
			return nil
		}
		if hand == nil && !asked && !exhausted && !state.all {
			asked = true
			ask <- struct{}{}
		}
		select {
		case f := <-got:
			asked = false
			switch {
			case soft.Err() != nil:
			case errors.Is(f.err, io.EOF):
				exhausted = true
			case f.err != nil:
				return r.s.failed(f.err)
			case len(f.batch.Records) > 0 || f.batch.Through != (Mark{}):
				hand = &f.batch
			}
		case <-state.changed:
		case <-soft.Done():
		}
	}
	return nil
}

// fetch reads a batch whenever it is asked to.
func (r *reader[T]) fetch(ctx context.Context, ask <-chan struct{}, got chan<- fetched[T]) {
	for range ask {
		var f fetched[T]
		f.err = caught(func() (err error) {
			f.batch, err = r.src.Read(ctx)
			return err
		})
		if r.s.p.cfg.Hooks.Admit != nil {
			f.batch.read = time.Now()
		}
		select {
		case got <- f:
		case <-ctx.Done():
			return
		}
	}
}

// gone reports whether b belongs to a claim that has ended.
func (r *reader[T]) gone(b *Batch[T]) bool {
	l := r.s.p.claims.of(b.Claim, b.Through.Partition)
	return l == nil || l.closed()
}

// hold holds the batch in hand back, if there is room.
func (r *reader[T]) hold(hand **Batch[T]) {
	b := *hand
	if r.held.add(*b) {
		*hand, r.full = nil, false
		return
	}
	if !r.full {
		r.full = true
		r.s.p.cfg.Logger.Warn("paused partitions have filled what can be held back, so reading waits",
			"step", r.s.name, "partition", b.Through.Partition)
	}
}

// admit takes b into the budget and its ledger, and sends it on.
func (r *reader[T]) admit(soft, work context.Context, b *Batch[T]) error {
	p := r.s.p
	t := &ticket{mark: b.Through, cost: costOf(b)}
	for i := range b.Records {
		h := b.Records[i].Header
		if h == nil || h.Partition != b.Through.Partition {
			return r.s.failed(fmt.Errorf("batch of %s holds a record that is not of it", b.Through.Partition))
		}
		h.ticket = t
		t.latest = h.Time
	}
	t.left.Store(t.cost.records)
	if err := p.budget.acquire(soft, t.cost); err != nil {
		return nil //nolint:nilerr // stopping: not tracked, hence read again
	}
	l := p.claims.of(b.Claim, b.Through.Partition)
	if l == nil {
		p.budget.release(t.cost)
		return nil
	}
	switch ours, err := l.track(t); { // Guarantee 1: tracked before anything can settle it
	case err != nil:
		return r.s.failed(err)
	case !ours: // revoked since it was read
		p.budget.release(t.cost)
		return nil
	}
	if len(b.Records) == 0 {
		p.budget.release(t.cost)
		return nil
	}
	if h := p.cfg.Hooks.Admit; h != nil {
		t.trace = h(Admission{Step: r.s.name, Mark: b.Through, Read: b.read, Records: len(b.Records), Headers: headers(b.Records)})
	}
	r.s.meter.in.Add(t.cost.records)
	r.s.meter.bytes.Add(t.cost.bytes)
	r.s.meter.sizes.observe(t.cost.records)
	r.s.meter.out.Add(t.cost.records)
	return r.out.send(work, b.Records)
}
