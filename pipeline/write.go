package pipeline

import "context"

// A writer puts batches into a sink and settles them.
type writer[T any] struct {
	s    *step
	sink Sink[T]
}

// A writing is what is left of a batch to be written.
type writing[T any] struct {
	recs  []Record[T]
	alone []int // how often each was named in Failures; nil if none was
	trial trial
}

// write makes one batch durable, or diverts what cannot be, and settles it.
func (w *writer[T]) write(ctx context.Context, recs []Record[T]) error {
	begin(w.s, recs)
	return w.run(traced(ctx, w.s, recs), &writing[T]{recs: recs})
}

func (w *writer[T]) run(ctx context.Context, wr *writing[T]) error {
	about, stop := w.s.persist(ctx, func() error { return w.once(ctx, wr) })
	if stop != nil || about == nil {
		return stop
	}
	if f, ok := asFailures(about); ok { // tries are used up, but the target works
		return w.partly(ctx, wr, f, true)
	}
	if len(wr.recs) > 1 { // find the culprit, in order
		first, second := wr.split(len(wr.recs) / 2)
		if err := w.run(ctx, first); err != nil { // Guarantee 3
			return err
		}
		return w.run(ctx, second)
	}
	to, _ := OutletOf(about)
	return w.s.divert(ctx, []Record[Reject]{rejected(w.s, to, about, &wr.trial, &wr.recs[0])})
}

func (wr *writing[T]) split(mid int) (a, b *writing[T]) {
	a = &writing[T]{recs: wr.recs[:mid:mid], trial: wr.trial}
	b = &writing[T]{recs: wr.recs[mid:], trial: wr.trial}
	if wr.alone != nil {
		a.alone, b.alone = wr.alone[:mid:mid], wr.alone[mid:]
	}
	return a, b
}

// once calls the sink. It returns a [*Failures] if some records are to be written
// again, which are then all that is left in wr.
func (w *writer[T]) once(ctx context.Context, wr *writing[T]) error {
	err := attempt(ctx, w.s, wr.recs, &wr.trial, func(ctx context.Context) error {
		return w.sink.Write(ctx, wr.recs)
	})
	if err == nil { // Guarantee 1: settled when written, not before
		w.settle(wr.recs)
		return nil
	}
	f, ok := asFailures(err)
	if !ok || IsFatal(err) || ctx.Err() != nil {
		return err
	}
	return w.partly(ctx, wr, f, false)
}

// partly settles what a partly failed write made durable and diverts what is
// beyond help: what asks for it and what has failed alone too often, or all that
// failed if there are no more tries. What is left is written again: the other
// failures, each with what follows it under its key.
func (w *writer[T]) partly(ctx context.Context, wr *writing[T], f *Failures, last bool) error {
	if err := f.check(len(wr.recs)); err != nil {
		return err
	}
	if _, diverts := OutletOf(f); diverts && w.s.kind == OutletKind {
		return Fatal(f) // an outlet has no outlet
	}
	var (
		again    writing[T]
		next     Failures // of again
		rejects  []Record[Reject]
		waiting  map[orderKey]bool // keys with a record in again
		from, at int
	)
	for i := range wr.recs {
		var cause error
		if at < len(f.Index) && f.Index[at] == i {
			cause = f.Errs[at]
			at++
		}
		r := &wr.recs[i]
		if cause == nil && !waiting[keyOf(r.Header)] {
			continue
		}
		w.settle(wr.recs[from:i])
		from = i + 1
		tries := 0
		if wr.alone != nil {
			tries = wr.alone[i]
		}
		if cause != nil {
			tries++
			to, diverts := OutletOf(cause)
			if !diverts {
				to = DeadLetter
			}
			if diverts || last || tries >= w.s.retry.Alone {
				rejects = append(rejects, rejected(w.s, to, cause, &wr.trial, r))
				continue
			}
			next.Add(len(again.recs), cause)
			if waiting == nil {
				waiting = map[orderKey]bool{}
			}
			waiting[keyOf(r.Header)] = true // Guarantee 3: what follows is written again after it
		}
		again.recs, again.alone = append(again.recs, *r), append(again.alone, tries)
	}
	w.settle(wr.recs[from:])
	wr.recs, wr.alone = again.recs, again.alone
	if err := w.s.divert(ctx, rejects); err != nil {
		return err
	}
	return next.Err()
}

func (w *writer[T]) settle(recs []Record[T]) {
	w.s.meter.out.Add(int64(len(recs)))
	settleAll(recs)
}

// An orderKey is what records are ordered by.
type orderKey struct {
	key  uint64
	part Partition // if key is zero
}

func keyOf(h *Header) orderKey {
	if h.Key == 0 {
		return orderKey{part: h.Partition}
	}
	return orderKey{key: h.Key}
}
