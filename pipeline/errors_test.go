package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// A sink like a SQL transaction refuses a whole batch for one record's sake.
func TestPoisonIsIsolated(t *testing.T) {
	t.Parallel()
	l := seed(1000, 1, 10)
	var good pipelinetest.Collector[string]
	var bad rejects
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(100, false))
	pipeline.To(f, "sql", pipeline.SinkFunc[string](func(ctx context.Context, recs []record) error {
		for _, r := range recs {
			if r.Value == "123" || r.Value == "777" {
				return pipeline.Permanent(errors.New("constraint"))
			}
		}
		return good.Write(ctx, recs)
	}))
	pipeline.Bind(p, pipeline.DeadLetter, &bad)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOrder(t, good.All())
	if got := bad.Values(); len(got) != 2 || got[0].Value != "123" || got[1].Value != "777" {
		t.Errorf("rejected %v", got)
	}
	if n, c := len(good.All()), l.Committed("t/0"); n != 998 || c != 1000 {
		t.Errorf("wrote %d, committed %d", n, c)
	}
}

// A stage may refuse a whole batch as well. What it made of the parts stays in order.
func TestPoisonIsIsolatedInAStage(t *testing.T) {
	t.Parallel()
	l := seed(100, 1, 1)
	var good pipelinetest.Collector[string]
	var bad rejects
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(100, false))
	f = pipeline.Then(f, "strict", pipeline.StageFunc[string, string](func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
		for i, r := range in {
			out.Emit(i, r.Value)
			if r.Value == "13" {
				return pipeline.Divert(pipeline.Invalid, errors.New("unlucky"))
			}
		}
		return nil
	}), pipeline.Diverts(pipeline.Invalid))
	pipeline.To(f, "sink", &good)
	pipeline.Bind(p, pipeline.Invalid, &bad)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOrder(t, good.All())
	if len(good.All()) != 99 || len(bad.All()) != 1 || l.Committed("t/0") != 100 {
		t.Errorf("wrote %d, rejected %d, committed %d", len(good.All()), len(bad.All()), l.Committed("t/0"))
	}
}

func TestRejectsSayWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(3, 1, 1)
		var bad rejects
		cause := errors.New("too odd")
		p := pipeline.New("test", quiet(pipeline.Config{}))
		f := pipeline.From(p, "log", l.Reader(10, false))
		begun := time.Now()
		n := 0
		pipeline.To(f, "sink", pipeline.SinkFunc[string](func(context.Context, []record) error {
			if n++; n == 1 {
				return errors.New("connection reset")
			}
			var fs pipeline.Failures
			fs.Add(1, pipeline.Divert(pipeline.Invalid, cause))
			return &fs
		}))
		pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
		pipeline.Bind(p, pipeline.Invalid, &bad)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(bad.All()) != 1 {
			t.Fatalf("got %d rejects, want 1", len(bad.All()))
		}
		r := bad.All()[0]
		v := r.Value
		if r.Offset != 2 || v.Value != "1" || *v.Origin.(*int) != 1 || v.Step != "sink" || v.Outlet != pipeline.Invalid || !errors.Is(v.Cause, cause) {
			t.Errorf("got %+v", r)
		}
		if v.Attempts != 2 || !v.FirstFailed.Equal(begun) || v.LastFailed.Sub(begun) < 800*time.Millisecond {
			t.Errorf("attempts=%d first=%v last=%v", v.Attempts, v.FirstFailed, v.LastFailed)
		}
	})
}

// Rejects of a batch travel together, by outlet.
func TestRejectsAreSentInBatches(t *testing.T) {
	t.Parallel()
	l := seed(1000, 1, 1)
	var odd, even rejects
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(100, false))
	f = pipeline.Then(f, "sort", pipeline.Map(func(s string) (string, error) {
		if strings.ContainsAny(s[len(s)-1:], "13579") {
			return "", errors.New("odd")
		}
		return "", pipeline.Divert("even", errors.New("even"))
	}), pipeline.Diverts("even"))
	pipeline.To(f, "sink", &pipelinetest.Collector[string]{})
	pipeline.Bind(p, pipeline.DeadLetter, &odd)
	pipeline.Bind(p, "even", &even)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*rejects{&odd, &even} {
		if len(c.All()) != 500 || c.Batches() != 10 {
			t.Errorf("%d rejects in %d batches, want 500 in 10", len(c.All()), c.Batches())
		}
		if !slices.IsSortedFunc(c.All(), func(a, b pipeline.Record[pipeline.Reject]) int { return int(a.Offset - b.Offset) }) {
			t.Error("rejects are out of order")
		}
	}
	st := p.Stats().Steps[1].Diverted
	if st["dead_letter"] != 500 || st["even"] != 500 {
		t.Errorf("counted %v", st)
	}
}

func TestUnboundOutletIsFatal(t *testing.T) {
	t.Parallel()
	l := seed(10, 1, 1)
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(10, true))
	pipeline.To(f, "sink", pipeline.SinkFunc[string](func(context.Context, []record) error {
		return pipeline.Divert("nowhere", errors.New("no"))
	}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `outlet "nowhere" is not bound`) {
		t.Fatalf("got %v", err)
	}
	if c := l.Committed("t/0"); c != 0 {
		t.Errorf("committed %d", c)
	}
}

// An error that stops the pipeline reaches a source that is blocked.
func TestErrorsThatStop(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	failing := func(err error) func(context.Context, []record) error {
		return func(context.Context, []record) error { return err }
	}
	dlq := func(err error) pipeline.Sink[pipeline.Reject] {
		return pipeline.SinkFunc[pipeline.Reject](func(context.Context, []pipeline.Record[pipeline.Reject]) error { return err })
	}
	for _, tc := range []struct {
		name string
		sink pipeline.SinkFunc[string]
		dlq  pipeline.Sink[pipeline.Reject]
		step string
	}{
		{"fatal", failing(pipeline.Fatal(boom)), pipeline.Discard, "sink"},
		{"fatal failure", failing(&pipeline.Failures{Index: []int{0}, Errs: []error{pipeline.Fatal(boom)}}), pipeline.Discard, "sink"},
		{"panic", func(context.Context, []record) error { panic(boom) }, pipeline.Discard, "sink"},
		{"failure out of range", failing(&pipeline.Failures{Index: []int{99}, Errs: []error{boom}}), pipeline.Discard, "sink"},
		{"failures out of order", failing(&pipeline.Failures{Index: []int{1, 0}, Errs: []error{boom, boom}}), pipeline.Discard, "sink"},
		{"failures without errors", failing(&pipeline.Failures{Index: []int{1, 0}}), pipeline.Discard, "sink"},
		{"outlet diverts", failing(pipeline.Permanent(boom)), dlq(pipeline.Permanent(boom)), "dead_letter"},
		{"outlet diverts in part", failing(pipeline.Permanent(boom)), dlq(&pipeline.Failures{Index: []int{0}, Errs: []error{pipeline.Permanent(boom)}}), "dead_letter"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := seed(10, 1, 1)
			p := pipeline.New("test", quiet(pipeline.Config{}))
			pipeline.To(pipeline.From(p, "log", l.Reader(10, true)), "sink", tc.sink, pipeline.Lanes(2))
			pipeline.Bind(p, pipeline.DeadLetter, tc.dlq)
			err := p.Run(t.Context())
			if se, ok := errors.AsType[*pipeline.StepError](err); !ok || se.Step != tc.step {
				t.Fatalf("got %v, want an error of %s", err, tc.step)
			}
			if c := l.Committed("t/0"); c != 0 {
				t.Errorf("committed %d", c)
			}
		})
	}
}

func TestStageErrorsThatStop(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, tc := range []struct {
		name  string
		stage pipeline.Stage[string, string]
	}{
		{"failures", pipeline.StageFunc[string, string](func(context.Context, []record, *pipeline.Outbox[string]) error {
			return &pipeline.Failures{Index: []int{0}, Errs: []error{boom}}
		})},
		{"fatal in map", pipeline.Map(func(string) (string, error) { return "", pipeline.Fatal(boom) })},
		{"fatal in expand", pipeline.Expand(func(string, func(string)) error { return pipeline.Fatal(boom) })},
		{"index out of range", pipeline.StageFunc[string, string](func(_ context.Context, _ []record, out *pipeline.Outbox[string]) error {
			out.Emit(1000, "")
			return nil
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := seed(10, 1, 1)
			p := pipeline.New("test", quiet(pipeline.Config{}))
			f := pipeline.Then(pipeline.From(p, "log", l.Reader(10, true)), "stage", tc.stage, pipeline.Workers(2))
			pipeline.To(f, "sink", &pipelinetest.Collector[string]{})
			pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
			err := p.Run(t.Context())
			if se, ok := errors.AsType[*pipeline.StepError](err); !ok || se.Step != "stage" {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestSourceErrorsThatStop(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	mark := func(part pipeline.Partition, off int64) pipeline.Batch[string] {
		return pipeline.Batch[string]{Through: pipeline.Mark{Partition: part, Offset: off}}
	}
	strange := mark("a", 1)
	strange.Append(pipeline.Header{Partition: "b"}, "x")
	for _, tc := range []struct {
		name  string
		reads []any
		want  string
	}{
		{"error", []any{boom}, "boom"},
		{"panic", []any{nil}, "panic"},
		{"backwards", []any{mark("a", 2), mark("b", 1), mark("a", 1)}, "source went backwards on a: offset 1 after 2"},
		{"wrong partition", []any{strange}, "batch of a holds a record that is not of it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := pipeline.New("test", quiet(pipeline.Config{}))
			pipeline.To(pipeline.From(p, "src", &script{reads: tc.reads}), "sink", &pipelinetest.Collector[string]{})
			err := p.Run(t.Context())
			if se, ok := errors.AsType[*pipeline.StepError](err); !ok || se.Step != "src" || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// script is a source that returns what it is told, and then blocks.
type script struct {
	reads []any // batches, errors, or nil to panic
	at    int
}

func (s *script) Open(context.Context, pipeline.Partitions) error { return nil }
func (s *script) Commit(context.Context, []pipeline.Mark) error   { return nil }
func (s *script) Read(ctx context.Context) (b pipeline.Batch[string], err error) {
	if s.at == len(s.reads) {
		<-ctx.Done()
		return b, ctx.Err()
	}
	s.at++
	switch x := s.reads[s.at-1].(type) {
	case pipeline.Batch[string]:
		return x, nil
	case error:
		return b, x
	default:
		panic(fmt.Sprint("scripted: ", x))
	}
}

func TestOutletOf(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, tc := range []struct {
		err    error
		outlet pipeline.Outlet
		fatal  bool
	}{
		{cause, "", false},
		{nil, "", false},
		{fmt.Errorf("write: %w", pipeline.Divert(pipeline.Stale, cause)), pipeline.Stale, false},
		{pipeline.Permanent(cause), pipeline.DeadLetter, false},
		{pipeline.Fatal(pipeline.Permanent(cause)), pipeline.DeadLetter, true},
		{errors.Join(cause, pipeline.Fatal(cause)), "", true},
	} {
		if o, _ := pipeline.OutletOf(tc.err); o != tc.outlet {
			t.Errorf("OutletOf(%v) = %q, want %q", tc.err, o, tc.outlet)
		}
		if f := pipeline.IsFatal(tc.err); f != tc.fatal {
			t.Errorf("IsFatal(%v) = %v", tc.err, f)
		}
		if tc.err != nil && !errors.Is(tc.err, cause) {
			t.Errorf("%v does not wrap its cause", tc.err)
		}
	}
}
