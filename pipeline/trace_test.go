package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"cdcpipe/pipeline"
)

// A followed is the trace of a source batch, and what a test saw of it.
type followed struct {
	id      string
	mu      sync.Mutex
	settled int
}

type followedKey struct{}

func (f *followed) ID() string { return f.id }

func (f *followed) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, followedKey{}, f)
}

func (f *followed) Settled() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled++
}

func (f *followed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settled
}

// in returns the id of the trace that a context belongs to.
func in(ctx context.Context) string {
	if f, ok := ctx.Value(followedKey{}).(*followed); ok {
		return f.id
	}
	return ""
}

// A batch is followed from its admission through stages, sink and outlets until it
// has settled, whatever becomes of its records.
func TestTrace(t *testing.T) {
	t.Parallel()
	l := seed(6, 1, 1) // batches of two: 1 2, 3 4, 5 6
	var mu sync.Mutex
	seen := map[string][]string{}
	note := func(where, id string) {
		mu.Lock()
		defer mu.Unlock()
		seen[where] = append(seen[where], id)
	}
	var traces []*followed
	begun := time.Now()
	p := pipeline.New("test", quiet(pipeline.Config{Hooks: pipeline.Hooks{
		Admit: func(a pipeline.Admission) pipeline.Trace {
			if a.Step != "log" || a.Records != 2 || a.Read.Before(begun) || len(slices.Collect(a.Headers)) != 2 || a.Mark.Offset%2 != 0 {
				t.Errorf("admitted %+v", a)
			}
			traces = append(traces, &followed{id: string(rune('a' + len(traces)))})
			if len(traces) == 2 {
				return nil
			}
			return traces[len(traces)-1]
		},
		Retry: func(ctx context.Context, step string, _ int, _ time.Duration, _ error) { note("retry "+step, in(ctx)) },
		Breaker: func(ctx context.Context, step string, _, to pipeline.BreakerState) {
			note(step+" "+string(to), in(ctx))
		},
		Attempt: func(ctx context.Context, a pipeline.Attempt) (context.Context, func(error)) {
			note(a.Step, in(ctx))
			for _, r := range a.Rejects {
				if a.Kind != pipeline.OutletKind || r.Value.Cause == nil {
					t.Errorf("rejects at %+v", a)
				}
				note("reject", r.Trace().ID())
			}
			return ctx, nil
		},
	}}))
	split := pipeline.Then(pipeline.From(p, "log", l.Reader(2, false)), "split", pipeline.StageFunc[string, string](func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
		for i := range in {
			if in[i].Offset == 6 {
				out.Divert(i, pipeline.DeadLetter, errors.New("bad"))
				continue
			}
			out.Emit(i, in[i].Value)
		}
		return nil
	}))
	tries := 0
	merged := pipeline.Then(split, "merge", pipeline.StageFunc[string, string](func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
		if tries++; tries == 1 {
			return errDown
		}
		all := make([]int, len(in))
		for i := range all {
			all[i] = i
		}
		out.Merge(in[0].Value, all...)
		return nil
	}), pipeline.Batches(5, time.Hour), pipeline.WithRetry(pipeline.Retry{Min: 1, Max: 1}), pipeline.WithBreaker(pipeline.Breaker{Failures: 1, Delay: 1}))
	pipeline.To(merged, "sink", sink(func(_ context.Context, recs []record) error {
		note("write", recs[0].Trace().ID())
		for _, f := range traces {
			if f.count() != 0 {
				t.Errorf("%s has settled before it was written", f.id)
			}
		}
		return nil
	}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string][]string{
		"split": {"a", "", "c"}, "merge": {"a", "a"}, "retry merge": {"a"}, "merge open": {"a"}, "merge half_open": {"a"}, "merge closed": {"a"},
		"sink": {"a"}, "write": {"a"}, "dead_letter": {"c"}, "reject": {"c"},
	} {
		if !slices.Equal(seen[where], want) {
			t.Errorf("%s: got %q, want %q", where, seen[where], want)
		}
	}
	for i, want := range []int{1, 0, 1} {
		if got := traces[i].count(); got != want {
			t.Errorf("trace %d settled %d times, want %d", i, got, want)
		}
	}
}

// Whoever makes headers has none that are followed.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	if (*pipeline.Header)(nil).Trace() != nil || new(pipeline.Header).Trace() != nil {
		t.Error("a header without a batch is followed")
	}
}
