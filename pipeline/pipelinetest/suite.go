package pipelinetest

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"cdcpipe/pipeline"
)

// A check is one promise of an interface, as a test.
type check struct {
	name string
	run  func(t testing.TB)
}

func runChecks(t *testing.T, checks []check) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// fill returns a log of values. The header of value i is header(i), if header is not
// nil, or else one with one of seven keys.
func fill[T any](values []T, header func(i int) pipeline.Header) *Log[T] {
	var l Log[T]
	for i, v := range values {
		h := pipeline.Header{Key: uint64(i%7) + 1, Size: 1}
		if header != nil {
			h = header(i)
		}
		if h.Partition == "" {
			h.Partition = "suite/0"
		}
		l.Add(h, v)
	}
	return &l
}

// complete reports whether all of a log is committed.
func complete[T any](l *Log[T]) bool {
	for _, p := range l.Partitions() {
		if l.Committed(p) != l.End(p) {
			return false
		}
	}
	return true
}

// discardLogs is the configuration of the suites' pipelines.
func discardLogs(c pipeline.Config) pipeline.Config {
	c.Logger = slog.New(slog.DiscardHandler)
	return c
}

// quick retries without waiting long.
func quick() []pipeline.Option {
	return []pipeline.Option{
		pipeline.WithRetry(pipeline.Retry{Min: time.Millisecond, Max: 10 * time.Millisecond}),
		pipeline.WithBreaker(pipeline.Breaker{Failures: -1}),
	}
}

// bind binds sink to the outlets that part says it uses, and unless strict to all
// that pipelines know.
func bind(p *pipeline.Pipeline, part any, sink pipeline.Sink[pipeline.Reject], strict bool) {
	outlets := outletsOf(part)
	if !strict {
		outlets = append(slices.Clone(outlets), pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale)
	}
	slices.Sort(outlets)
	for _, o := range slices.Compact(outlets) {
		pipeline.Bind(p, o, sink)
	}
}

func outletsOf(part any) []pipeline.Outlet {
	if d, ok := part.(pipeline.Diverter); ok {
		return d.Outlets()
	}
	return []pipeline.Outlet{pipeline.DeadLetter}
}

func open(ctx context.Context, part any) error {
	if o, ok := part.(pipeline.Opener); ok {
		return o.Open(ctx)
	}
	return nil
}

func closePart(ctx context.Context, part any) error {
	if c, ok := part.(pipeline.Closer); ok {
		return c.Close(ctx)
	}
	return nil
}

// within calls f with a context that has ended. It returns what f returns, or a
// fatal error if f takes too long.
func within(ctx context.Context, limit time.Duration, what string, f func(ctx context.Context) error) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	done := make(chan error, 1)
	go func() { done <- f(ended) }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return pipeline.Fatal(fmt.Errorf("%s did not return within %v of the end of its context", what, limit))
	}
}

// unopened closes a part that was never opened, as the engine does when another
// part fails to open; and one that was opened and never used.
func unopened(t testing.TB, create func() any) {
	t.Helper()
	for _, opens := range []bool{false, true} {
		x := create()
		if opens {
			if err := open(t.Context(), x); err != nil {
				t.Fatalf("open: %v", err)
			}
		}
		if err := closePart(t.Context(), x); err != nil {
			t.Errorf("close, opened before: %v: %v", opens, err)
		}
	}
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
