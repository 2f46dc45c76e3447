package pipelinetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cdcpipe/pipeline"
)

// A SinkSuite checks that a sink keeps what [pipeline.Sink] promises:
//
//   - what Write has accepted is there, and every record is written or diverted;
//   - writing again changes nothing, after an error, a lost answer or a crash;
//   - what is stored does not depend on how records were batched, nor on lanes;
//   - records are diverted only to outlets the sink names;
//   - a call returns when its context has ended;
//   - Close is safe without Open.
type SinkSuite[T any] struct {
	// New makes an empty store, and returns a function that makes sinks over it and
	// one that returns what it holds, in a form that is equal by
	// [reflect.DeepEqual] if the content is. Where the store keeps every copy of
	// what is written again, as a topic does, that form leaves duplicates out.
	New func(t testing.TB) (sink func() pipeline.Sink[T], read func() any)

	// Values returns what to write, equal values in each call: ten or more, with
	// some that replace others.
	Values func() []T

	// Header, if set, returns the header of value i: values with equal keys are
	// written in order. Its offset is not used.
	Header func(i int) pipeline.Header

	// Want, if set, returns what the store must hold in the end.
	Want func() any

	// Serial sinks are not called concurrently.
	Serial bool

	// Timeout bounds each check. Defaults to 30s.
	Timeout time.Duration
}

// Run runs the checks as subtests of t.
func (s SinkSuite[T]) Run(t *testing.T) {
	t.Helper()
	runChecks(t, s.checks())
}

func (s SinkSuite[T]) checks() []check {
	s.Timeout = cmp.Or(s.Timeout, 30*time.Second)
	checks := []check{
		{"stores what it accepts", func(t testing.TB) {
			if got := s.stored(t); s.Want != nil && !equal(got, s.Want()) {
				t.Errorf("got  %+v\nwant %+v", got, s.Want())
			}
		}},
		{"diverts where it says", s.diverts},
		{"changes nothing when written again", func(t testing.TB) {
			sink, read := s.New(t)
			for _, n := range []int{10, 10, 3} {
				s.write(t, sink(), n)
			}
			s.compare(t, read())
		}},
		{"survives an end in the middle", s.crash},
		{"honours its context", s.honoursContext},
		{"closes without being opened", func(t testing.TB) {
			sink, _ := s.New(t)
			unopened(t, func() any { return sink() })
		}},
	}
	for _, n := range []int{1, 3, 1000} {
		checks = append(checks, check{fmt.Sprintf("stores the same in batches of %d", n), func(t testing.TB) {
			sink, read := s.New(t)
			s.write(t, sink(), n)
			s.compare(t, read())
		}})
	}
	for _, seed := range []uint64{1, 2, 3} {
		checks = append(checks, check{fmt.Sprintf("survives failures, seed %d", seed), func(t testing.TB) {
			sink, read := s.New(t)
			s.write(t, NewFaults(sink(), seed, 0.2, 0.2, 0.2), 3)
			s.compare(t, read())
		}})
	}
	if !s.Serial {
		checks = append(checks, check{"stores the same with lanes", func(t testing.TB) {
			sink, read := s.New(t)
			s.write(t, sink(), 5, pipeline.Lanes(4))
			s.compare(t, read())
		}})
	}
	return checks
}

// run writes the values, n at a time.
func (s SinkSuite[T]) run(t testing.TB, sink pipeline.Sink[T], n int, strict bool, opts ...pipeline.Option) error {
	l := fill(s.Values(), s.Header)
	p := pipeline.New("suite", discardLogs(pipeline.Config{}))
	pipeline.To(pipeline.From(p, "values", l.Reader(n, false)), "sink", sink, append(quick(), opts...)...)
	bind(p, sink, pipeline.Discard, strict)
	ctx, cancel := context.WithTimeout(t.Context(), s.Timeout)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		return err
	}
	if !complete(l) {
		return fmt.Errorf("not done after %v: a sink that fails for a reason of the world is tried again", s.Timeout)
	}
	return nil
}

func (s SinkSuite[T]) write(t testing.TB, sink pipeline.Sink[T], n int, opts ...pipeline.Option) {
	t.Helper()
	if err := s.run(t, sink, n, false, opts...); err != nil {
		t.Fatal(err)
	}
}

// stored returns what a store holds after the values were written without trouble.
func (s SinkSuite[T]) stored(t testing.TB) any {
	t.Helper()
	sink, read := s.New(t)
	s.write(t, sink(), 10)
	return read()
}

func (s SinkSuite[T]) compare(t testing.TB, got any) {
	t.Helper()
	if want := s.stored(t); !equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func (s SinkSuite[T]) diverts(t testing.TB) {
	open, _ := s.New(t)
	sink := open()
	if err := s.run(t, sink, 3, true); err != nil {
		t.Errorf("with no other outlets bound than %q: %v", outletsOf(sink), err)
	}
}

// crash writes some of the values with one sink, and all with the next.
func (s SinkSuite[T]) crash(t testing.TB) {
	open, read := s.New(t)
	sink, writes := open(), 0
	crash := errors.New("crash")
	err := s.run(t, instead[T]{sink, func(ctx context.Context, recs []pipeline.Record[T]) error {
		if writes++; writes < 4 {
			return sink.Write(ctx, recs)
		}
		_ = within(ctx, s.Timeout/2, "Write", func(broken context.Context) error {
			return sink.Write(broken, recs) // what becomes of it is anybody's guess
		})
		return pipeline.Fatal(crash)
	}}, 2, false)
	if !errors.Is(err, crash) {
		t.Fatalf("got %v", err)
	}
	s.write(t, open(), 3)
	s.compare(t, read())
}

func (s SinkSuite[T]) honoursContext(t testing.TB) {
	open, read := s.New(t)
	sink, calls := open(), 0
	s.write(t, instead[T]{sink, func(ctx context.Context, recs []pipeline.Record[T]) error {
		if calls++; calls%2 == 0 {
			return sink.Write(ctx, recs)
		}
		return within(ctx, s.Timeout/2, "Write", func(ended context.Context) error { return sink.Write(ended, recs) })
	}}, 3)
	s.compare(t, read())
}

// instead is a sink with another Write.
type instead[T any] struct {
	sink  pipeline.Sink[T]
	write pipeline.SinkFunc[T]
}

func (i instead[T]) Write(ctx context.Context, recs []pipeline.Record[T]) error {
	return i.write(ctx, recs)
}
func (i instead[T]) Outlets() []pipeline.Outlet      { return outletsOf(i.sink) }
func (i instead[T]) Open(ctx context.Context) error  { return open(ctx, i.sink) }
func (i instead[T]) Close(ctx context.Context) error { return closePart(ctx, i.sink) }
