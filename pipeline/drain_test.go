package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// slow is a sink that takes a second for each batch.
func slow(got *pipelinetest.Collector[string]) pipeline.Sink[string] {
	return sink(func(ctx context.Context, recs []record) error {
		select {
		case <-time.After(time.Second):
			return got.Write(ctx, recs)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// When reading stops, from outside or by Drain, what is in flight is finished and
// committed.
func TestDrain(t *testing.T) {
	for _, tc := range []struct {
		inside bool
		buffer int
		want   int // 100 are written when the drain begins
	}{
		{false, 100, 200}, // and the budget of 100 is in flight
		{true, 2, 140},    // and 10 are with the sink, 20 wait and 10 are with the reader
	} {
		synctest.Test(t, func(t *testing.T) {
			l := seed(1000, 1, 1)
			var got pipelinetest.Collector[string]
			p := pipeline.New("test", quiet(pipeline.Config{InFlight: 100, DrainTimeout: time.Minute, CommitEvery: time.Hour, CommitRecords: 1e6}))
			pipeline.To(pipeline.From(p, "log", l.Reader(10, true)), "slow", slow(&got), pipeline.Buffer(tc.buffer))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(10500*time.Millisecond, func() {
				if tc.inside {
					p.Drain()
				} else {
					cancel()
				}
			})
			begun := time.Now()
			if err := p.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if n, c := len(got.All()), l.Committed("t/0"); n != tc.want || c != int64(tc.want) {
				t.Errorf("wrote %d, committed %d, want %d", n, c, tc.want)
			}
			if took, want := time.Since(begun), time.Duration(tc.want/10)*time.Second; took != want {
				t.Errorf("took %v, want %v", took, want)
			}
		})
	}
}

func TestDrainTimeoutAbandonsUncommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(100, 1, 1)
		p := pipeline.New("test", quiet(pipeline.Config{DrainTimeout: 5 * time.Second}))
		pipeline.To(pipeline.From(p, "log", l.Reader(10, true)), "down", sink(func(context.Context, []record) error { return errDown }), pipeline.Lanes(3))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		err := p.Run(ctx)
		if !errors.Is(err, pipeline.ErrDrainTimeout) || l.Committed("t/0") != 0 {
			t.Errorf("err=%v committed=%d", err, l.Committed("t/0"))
		}
		if took := time.Since(begun); took != 65*time.Second {
			t.Errorf("took %v, want 65s", took)
		}
	})
}

func TestAbandonEndsADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(100, 1, 1)
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{DrainTimeout: time.Hour}))
		pipeline.To(pipeline.From(p, "log", l.Reader(10, true)), "slow", slow(&got))
		done := start(t, p)
		time.Sleep(2500 * time.Millisecond)
		p.Drain()
		time.Sleep(time.Second)
		p.Abandon()
		if err := <-done; !errors.Is(err, pipeline.ErrAbandoned) {
			t.Fatal(err)
		}
		if c := l.Committed("t/0"); c != 30 || len(got.All()) != 30 {
			t.Errorf("committed %d of the %d written, want 30 of 30", c, len(got.All()))
		}
	})
}

func TestDrainBeforeRun(t *testing.T) {
	t.Parallel()
	l := seed(100, 1, 1)
	var got pipelinetest.Collector[string]
	p := pipeline.New("test", quiet(pipeline.Config{}))
	pipeline.To(pipeline.From(p, "log", l.Reader(10, true)), "sink", &got)
	p.Drain()
	if err := p.Run(t.Context()); err != nil || len(got.All()) != 0 {
		t.Fatalf("err=%v, wrote %d", err, len(got.All()))
	}
}

// Outlets work until every step that may use them has ended.
func TestOutletsOutliveTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		var bad rejects
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", l.Reader(10, false)), "slow", pipeline.SinkFunc[string](func(context.Context, []record) error {
			time.Sleep(time.Second)
			return pipeline.Permanent(errors.New("no"))
		}))
		pipeline.Bind(p, pipeline.DeadLetter, &bad, pipeline.Batches(100, time.Hour))
		if err := p.Run(t.Context()); err != nil || len(bad.All()) != 10 || l.Committed("t/0") != 10 {
			t.Fatalf("err=%v rejected=%d committed=%d", err, len(bad.All()), l.Committed("t/0"))
		}
	})
}

// part is a source, stage and sink that notes when it is opened and closed.
type part struct {
	name    string
	journal *[]string
	openErr error
	pipeline.Source[string]
}

func (p *part) Open(context.Context) error {
	*p.journal = append(*p.journal, "open "+p.name)
	return p.openErr
}
func (p *part) Close(context.Context) error {
	*p.journal = append(*p.journal, "close "+p.name)
	return nil
}
func (p *part) Outlets() []pipeline.Outlet            { return []pipeline.Outlet{pipeline.DeadLetter} }
func (p *part) Write(context.Context, []record) error { return nil }
func (p *part) Process(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
	for i := range in {
		out.Emit(i, "")
	}
	return nil
}

type opened struct {
	*part
	*pipelinetest.Reader[string]
}

func (o opened) Open(ctx context.Context, ps pipeline.Partitions) error {
	if err := o.part.Open(ctx); err != nil {
		return err
	}
	return o.Reader.Open(ctx, ps)
}
func (o opened) Close(ctx context.Context) error                          { return o.part.Close(ctx) }
func (o opened) Read(ctx context.Context) (pipeline.Batch[string], error) { return o.Reader.Read(ctx) }
func (o opened) Commit(ctx context.Context, m []pipeline.Mark) error      { return o.Reader.Commit(ctx, m) }

// dlq is one thing bound to two outlets.
type dlq struct{ *part }

func (dlq) Write(context.Context, []pipeline.Record[pipeline.Reject]) error { return nil }

func TestOpensAndClosesInOrder(t *testing.T) {
	t.Parallel()
	build := func(journal *[]string, fail error) *pipeline.Pipeline {
		l := seed(10, 1, 1)
		p := pipeline.New("test", quiet(pipeline.Config{}))
		f := pipeline.From(p, "source", opened{&part{name: "source", journal: journal}, l.Reader(10, false)})
		f = pipeline.Then(f, "stage", &part{name: "stage", journal: journal, openErr: fail})
		pipeline.To(f, "sink", &part{name: "sink", journal: journal})
		d := &dlq{&part{name: "dlq", journal: journal}}
		pipeline.Bind(p, pipeline.DeadLetter, d)
		pipeline.Bind(p, pipeline.Invalid, d)
		return p
	}
	var journal []string
	if err := build(&journal, nil).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"open dlq", "open sink", "open stage", "open source", "close source", "close stage", "close sink", "close dlq"}
	if !slices.Equal(journal, want) {
		t.Errorf("got  %v\nwant %v", journal, want)
	}
	journal = nil
	boom := errors.New("boom")
	err := build(&journal, boom).Run(t.Context())
	if se, ok := errors.AsType[*pipeline.StepError](err); !ok || se.Step != "stage" || !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	want = []string{"open dlq", "open sink", "open stage", "close source", "close stage", "close sink", "close dlq"}
	if !slices.Equal(journal, want) {
		t.Errorf("got  %v\nwant %v", journal, want)
	}
}
