package pipeline

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/failsafe-go/failsafe-go"
)

// A Kind says what sort of part a step is.
type Kind string

// The kinds of steps.
const (
	SourceKind Kind = "source"
	StageKind  Kind = "stage"
	SinkKind   Kind = "sink"
	OutletKind Kind = "outlet" // the sink of an outlet
)

// A step is one part at work in a pipeline, whatever its types.
type step struct {
	options
	p       *Pipeline
	name    string
	kind    Kind
	uses    []Outlet
	meter   meter
	guard   *guard
	retries failsafe.Executor[any]
	queue   func() (batches, capacity int) // in front of it; nil for a source
	own     func() []Measure               // of the part; nil if it has none
}

// failed returns the error of a step.
func (s *step) failed(err error) error { return &StepError{s.name, s.kind, err} }

type stepList []*step

func (l stepList) named(name string) *step {
	for _, s := range l {
		if s.name == name {
			return s
		}
	}
	return nil
}

// addStep notes a step. What is wrong with it is kept for [Pipeline.Validate], so
// that wiring needs no error handling.
func (p *Pipeline) addStep(kind Kind, name string, part any, opts []Option) *step {
	s := &step{p: p, name: name, kind: kind, options: options{buffer: 2}}
	for _, o := range opts {
		o(&s.options)
	}
	switch {
	case name == "":
		p.fail(fmt.Errorf("a %s has no name", kind))
	case p.steps.named(name) != nil:
		p.fail(fmt.Errorf("%s: the name is taken", name))
	}
	if isNil(part) {
		p.fail(fmt.Errorf("%s: the %s is nil", name, kind))
		part = nil
	} else if kind == StageKind || kind == SinkKind {
		s.uses = append(slices.Clone(outletsOf(part)), s.diverts...)
	}
	s.own = measuresOf(part)
	if g, ok := part.(Gatherer); ok {
		records, bytes, linger := g.Gather()
		if !s.batches {
			s.limit.records, s.limit.linger = records, linger
		}
		if !s.bytes {
			s.limit.bytes = bytes
		}
	}
	if err := s.options.validate(kind); err != nil {
		p.fail(fmt.Errorf("%s: %w", name, err))
	}
	s.workers, s.lanes, s.buffer = max(1, s.workers), max(1, s.lanes), max(0, s.buffer)
	s.retry, s.breaker = s.retry.withDefaults(), s.breaker.withDefaults()
	s.retries = s.retry.build(s.retrying)
	s.guard = s.breaker.build(s.breakerChanged)
	s.meter.took, s.meter.sizes = newHistogram(durationBounds), newHistogram(sizeBounds)
	p.steps = append(p.steps, s)
	return s
}

// outletsOf returns the outlets part says it uses, or else the dead letters.
func outletsOf(part any) []Outlet {
	if d, ok := part.(Diverter); ok {
		return d.Outlets()
	}
	return []Outlet{DeadLetter}
}

func isNil(part any) bool {
	if part == nil {
		return true
	}
	switch v := reflect.ValueOf(part); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Interface:
		return v.IsNil()
	default:
		return false
	}
}

func (s *step) retrying(e failsafe.ExecutionScheduledEvent[any]) {
	ctx, attempt, wait, err := e.Context(), e.Attempts(), e.Delay, e.LastError()
	s.meter.retries.Add(1)
	s.p.cfg.Logger.WarnContext(ctx, "trying again", "step", s.name, "attempt", attempt, "wait", wait, "err", err)
	if h := s.p.cfg.Hooks.Retry; h != nil {
		h(ctx, s.name, attempt, wait, err)
	}
}

func (s *step) breakerChanged(ctx context.Context, from, to BreakerState) {
	s.p.cfg.Logger.WarnContext(ctx, "circuit breaker changed", "step", s.name, "from", from, "to", to)
	if h := s.p.cfg.Hooks.Breaker; h != nil {
		h(ctx, s.name, from, to)
	}
}

// begin notes that a batch has left the queue.
func begin[T any](s *step, recs []Record[T]) {
	size := 0
	for i := range recs {
		size += recs[i].Size
	}
	n := int64(len(recs))
	s.meter.waiting.Add(-n)
	s.meter.in.Add(n)
	s.meter.bytes.Add(int64(size))
	s.meter.sizes.observe(n)
}

// A trial is the history of the records of a batch at one step.
type trial struct {
	tries       int
	first, last time.Time // failures
}

func (t *trial) failed(at time.Time) {
	if t.first.IsZero() {
		t.first = at
	}
	t.last = at
}

func (t *trial) reject(to Outlet, step string, cause error, value, origin any) Reject {
	return Reject{
		Outlet: to, Step: step, Cause: cause, Value: value, Origin: origin,
		Attempts: t.tries, FirstFailed: t.first, LastFailed: t.last,
	}
}

// attempt calls f once for recs, when the breaker allows it, and takes note of it.
func attempt[T any](ctx context.Context, s *step, recs []Record[T], t *trial, f func(context.Context) error) error {
	if err := s.guard.enter(ctx); err != nil {
		return err
	}
	t.tries++
	s.meter.attempts.Add(1)
	var done func(error)
	if h := s.p.cfg.Hooks.Attempt; h != nil {
		rejects, _ := any(recs).([]Record[Reject])
		ctx, done = h(ctx, Attempt{Step: s.name, Kind: s.kind, Number: t.tries, Records: len(recs), Headers: headers(recs), Rejects: rejects})
	}
	start := time.Now()
	err := caught(func() error { return f(ctx) })
	now := time.Now()
	s.meter.took.observe(now.Sub(start))
	if err != nil {
		t.failed(now)
	}
	s.guard.leave(ctx, err)
	if done != nil {
		done(err)
	}
	return err
}

func headers[T any](recs []Record[T]) iter.Seq[*Header] {
	return func(yield func(*Header) bool) {
		for i := range recs {
			if !yield(recs[i].Header) {
				return
			}
		}
	}
}
