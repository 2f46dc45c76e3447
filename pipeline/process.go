package pipeline

import (
	"context"
	"fmt"
	"sync"
)

// A processor puts batches through a stage.
type processor[In, Out any] struct {
	s       *step
	stage   Stage[In, Out]
	scratch sync.Pool // of *scratch
}

// scratch is what an outbox needs only while its stage runs.
type scratch struct {
	from []*Header
	seen []bool
}

// process puts one batch through the stage, retrying and diverting as errors ask,
// and returns what it made.
func (p *processor[In, Out]) process(ctx context.Context, in []Record[In]) (out []Record[Out], err error) {
	begin(p.s, in)
	err = p.run(traced(ctx, p.s, in), in, trial{}, &out)
	p.s.meter.out.Add(int64(len(out)))
	return out, err
}

func (p *processor[In, Out]) run(ctx context.Context, in []Record[In], t trial, out *[]Record[Out]) error {
	about, stop := p.s.persist(ctx, func() error { return p.once(ctx, in, &t, out) })
	switch {
	case stop != nil:
		return stop
	case about == nil:
		return nil
	case len(in) > 1: // find the culprit, in order
		mid := len(in) / 2
		if err := p.run(ctx, in[:mid], t, out); err != nil { // Guarantee 3
			return err
		}
		return p.run(ctx, in[mid:], t, out)
	}
	to, _ := OutletOf(about)
	return p.s.divert(ctx, []Record[Reject]{rejected(p.s, to, about, &t, &in[0])})
}

// once calls the stage. Whatever it did to its outbox counts only if it succeeds.
func (p *processor[In, Out]) once(ctx context.Context, in []Record[In], t *trial, out *[]Record[Out]) error {
	sc, _ := p.scratch.Get().(*scratch)
	if sc == nil || cap(sc.from) < len(in) {
		sc = &scratch{make([]*Header, len(in)), make([]bool, len(in))}
	}
	defer p.scratch.Put(sc)
	box := &Outbox[Out]{ // Guarantee 6: a new one for each attempt
		step:  p.s.name,
		out:   make([]Record[Out], 0, len(in)),
		from:  sc.from[:len(in)],
		seen:  sc.seen[:len(in)],
		value: func(i int) any { return in[i].Value },
	}
	clear(box.seen)
	for i := range in {
		box.from[i] = in[i].Header
	}
	defer func() { // of no use from now on
		clear(box.from)
		box.from, box.seen = nil, nil
	}()
	err := attempt(ctx, p.s, in, t, func(ctx context.Context) error {
		box.trial = *t
		return p.stage.Process(ctx, in, box)
	})
	if err != nil {
		if _, partly := asFailures(err); partly {
			return Fatal(fmt.Errorf("a stage diverts records, it does not report failures: %w", err))
		}
		return err
	}
	if i := box.unaccounted(); i >= 0 { // Guarantee 2
		return Fatal(fmt.Errorf("stage did not account for the record at %s offset %d", in[i].Partition, in[i].Offset))
	}
	for _, t := range box.extra { // before anything can settle
		t.left.Add(1)
	}
	if err := p.s.divert(ctx, box.rejects); err != nil {
		return err
	}
	for _, t := range box.done {
		t.settle(1)
	}
	for why, n := range box.drops {
		p.s.meter.dropped.add(why, n)
	}
	if *out == nil {
		*out = box.out
	} else {
		*out = append(*out, box.out...)
	}
	return nil
}
