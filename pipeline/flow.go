package pipeline

import (
	"context"
	"fmt"
	"reflect"
)

// A Flow is the output of a step: records of T that further steps may take.
// The type parameter is all there is to it; a flow that two steps take is
// copied to both, and a record is settled only when both have settled it.
type Flow[T any] struct {
	p    *Pipeline
	taps []tap[T]
}

// A tap is one step's way to take a flow.
type tap[T any] struct {
	ch chan []Record[T]
	to *step
}

// AnyFlow is a [Flow] whose type is known only at run time. It exists so that a
// pipeline can be wired from a file; records themselves are never boxed.
type AnyFlow interface {
	// Elem returns the type of the flow's records.
	Elem() reflect.Type

	judged(name string, j Judge, opts []Option) AnyFlow
}

// Elem returns the type of the flow's records.
func (f *Flow[T]) Elem() reflect.Type { return reflect.TypeFor[T]() }

// tap lets s take the flow.
func (f *Flow[T]) tap(s *step) <-chan []Record[T] {
	ch := make(chan []Record[T], s.buffer)
	s.queue = func() (int, int) { return len(ch), cap(ch) }
	f.taps = append(f.taps, tap[T]{ch, s})
	return ch
}

// send hands recs to every tap. The flow's step owns the channels: it alone
// sends on them and it alone closes them.
func (f *Flow[T]) send(ctx context.Context, recs []Record[T]) error {
	if len(recs) == 0 {
		return nil
	}
	if len(f.taps) > 1 {
		retainAll(recs, len(f.taps)-1) // Guarantee 1: settled when all branches are
	}
	for _, t := range f.taps {
		t.to.meter.waiting.Add(int64(len(recs)))
		select {
		case t.ch <- recs: // Guarantee 4: a full channel holds back what is before it
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (f *Flow[T]) close() {
	for _, t := range f.taps {
		close(t.ch)
	}
}

// From starts a pipeline's main path. A pipeline has one source.
func From[T any](p *Pipeline, name string, src Source[T], opts ...Option) *Flow[T] {
	f := &Flow[T]{p: p}
	s := p.addStep(SourceKind, name, src, opts)
	if p.marks.source != nil {
		p.fail(fmt.Errorf("%s: the pipeline has a source already", s.name))
		return f
	}
	if isNil(src) {
		return f
	}
	p.addPart(s, src, func(ctx context.Context) error { return src.Open(ctx, p.claims) })
	p.marks.source = src.Commit
	p.pauser, _ = src.(Pauser)
	p.ender, _ = src.(Ender)
	p.addFlow(s, func() int { return len(f.taps) })
	r := &reader[T]{s: s, src: src, out: f, held: backlog[T]{
		max:     cost{max(1, int64(p.cfg.InFlight)/4), max(1, int64(p.cfg.InFlightBytes)/4)},
		records: &p.heldRecords, bytes: &p.heldBytes,
	}}
	p.run = append(p.run, func(l *life) error { return r.run(l.soft, l.hard) })
	return f
}

// Then adds a stage.
func Then[In, Out any](f *Flow[In], name string, st Stage[In, Out], opts ...Option) *Flow[Out] {
	p := f.p
	out := &Flow[Out]{p: p}
	s := p.addStep(StageKind, name, st, opts)
	in := f.tap(s)
	if isNil(st) {
		return out
	}
	p.addPart(s, st, nil)
	p.addFlow(s, func() int { return len(out.taps) })
	pr := &processor[In, Out]{s: s, stage: st}
	p.run = append(p.run, func(l *life) error {
		defer out.close()
		return runStage(l, s, in, pr.process, out.send)
	})
	return out
}

// To ends a path in a sink.
func To[T any](f *Flow[T], name string, sink Sink[T], opts ...Option) {
	p := f.p
	p.run = append(p.run, toSink(f, p.addStep(SinkKind, name, sink, opts), sink))
	p.sinks++
}

// Bind sends what leaves by an outlet to a sink, as a step that has the outlet's
// name. An outlet that is used but not bound is an error of [Pipeline.Validate];
// bind [Discard] to lose records on purpose.
func Bind(p *Pipeline, o Outlet, sink Sink[Reject], opts ...Option) {
	s := p.addStep(OutletKind, string(o), sink, opts)
	if _, dup := p.outlets[o]; dup {
		return // the step's name is taken, which has been noted
	}
	f := &Flow[Reject]{p: p}
	p.outlets[o] = f
	p.runOutlets = append(p.runOutlets, toSink(f, s, sink))
}

func toSink[T any](f *Flow[T], s *step, sink Sink[T]) func(*life) error {
	in := f.tap(s)
	if isNil(sink) {
		return nil
	}
	f.p.addPart(s, sink, nil)
	w := &writer[T]{s, sink}
	return func(l *life) error { return runSink(l, s, in, w.write) }
}

// KeyBy gives each record the ordering key that key computes; zero orders by
// partition. Lanes further on split by it.
func KeyBy[T any](f *Flow[T], key func(T) uint64) *Flow[T] {
	name := "key"
	for n := 2; f.p.steps.named(name) != nil; n++ {
		name = fmt.Sprintf("key_%d", n)
	}
	return Then(f, name, keyer[T](key))
}

type keyer[T any] func(T) uint64

func (key keyer[T]) Process(_ context.Context, in []Record[T], out *Outbox[T]) error {
	for i := range in {
		out.EmitKeyed(i, key(in[i].Value), in[i].Value)
	}
	return nil
}

func (keyer[T]) Outlets() []Outlet { return nil }
