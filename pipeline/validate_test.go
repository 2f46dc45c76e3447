package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	read := func(p *pipeline.Pipeline) *pipeline.Flow[string] {
		return pipeline.From(p, "log", (&pipelinetest.Log[string]{}).Reader(1, false))
	}
	same := pipeline.Map(func(s string) (string, error) { return s, nil })
	collect := func(f *pipeline.Flow[string], opts ...pipeline.Option) {
		pipeline.To(f, "sink", &pipelinetest.Collector[string]{}, opts...)
	}
	for _, tc := range []struct {
		name string
		cfg  pipeline.Config
		wire func(p *pipeline.Pipeline)
		want []string // none: valid
	}{
		{"minimal", pipeline.Config{}, func(p *pipeline.Pipeline) { collect(read(p)) }, nil},
		{"empty", pipeline.Config{}, func(*pipeline.Pipeline) {}, []string{"there is no source", "there is no sink"}},
		{"no sink", pipeline.Config{}, func(p *pipeline.Pipeline) { read(p) }, []string{"there is no sink", "log: nothing takes its output"}},
		{"loose end", pipeline.Config{}, func(p *pipeline.Pipeline) {
			f := read(p)
			pipeline.Then(f, "lost", same)
			collect(f)
			pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
		}, []string{"lost: nothing takes its output"}},
		{"unbound", pipeline.Config{}, func(p *pipeline.Pipeline) { collect(pipeline.Then(read(p), "map", same)) },
			[]string{`map: uses the outlet "dead_letter", which is not bound to a sink`}},
		{"unbound by option", pipeline.Config{}, func(p *pipeline.Pipeline) {
			collect(pipeline.Then(read(p), "map", same, pipeline.Diverts(pipeline.Invalid)))
			pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
		}, []string{`map: uses the outlet "invalid"`}},
		{"unbound judge", pipeline.Config{}, func(p *pipeline.Pipeline) {
			j := pipeline.JudgeFunc(func(*pipeline.Header) error { return nil })
			collect(pipeline.Judged(read(p), "judge", j).(*pipeline.Flow[string]))
		}, []string{`judge: uses the outlet "dead_letter"`}},
		{"no outlet needed", pipeline.Config{}, func(p *pipeline.Pipeline) {
			f := pipeline.Then(read(p), "filter", pipeline.Filter("x", func(string) bool { return true }))
			collect(pipeline.KeyBy(f, func(string) uint64 { return 1 }))
		}, nil},
		{"two sources", pipeline.Config{}, func(p *pipeline.Pipeline) {
			collect(read(p))
			pipeline.From(p, "other", (&pipelinetest.Log[string]{}).Reader(1, false))
		}, []string{"other: the pipeline has a source already"}},
		{"names", pipeline.Config{}, func(p *pipeline.Pipeline) {
			f := read(p)
			collect(f)
			collect(f)
			pipeline.To(f, "", &pipelinetest.Collector[string]{})
			pipeline.Bind(p, pipeline.Stale, pipeline.Discard)
			pipeline.Bind(p, pipeline.Stale, pipeline.Discard)
		}, []string{"sink: the name is taken", "a sink has no name", "stale: the name is taken"}},
		{"nil", pipeline.Config{}, func(p *pipeline.Pipeline) {
			f := pipeline.From[string](p, "log", nil)
			f = pipeline.Then[string, string](f, "stage", nil)
			pipeline.To(f, "sink", (*pipelinetest.Collector[string])(nil))
			pipeline.To(f, "other", pipeline.SinkFunc[string](nil))
			pipeline.Bind(p, pipeline.Stale, nil)
			pipeline.Judged(f, "judge", nil)
		}, []string{"log: the source is nil", "stage: the stage is nil", "sink: the sink is nil", "other: the sink is nil", "stale: the outlet is nil", "judge: judge is nil"}},
		{"config", pipeline.Config{InFlight: -1, CommitEvery: -1}, func(p *pipeline.Pipeline) { collect(read(p)) },
			[]string{"InFlight, InFlightBytes and CommitRecords must not be negative", "CommitEvery and DrainTimeout must not be negative"}},
		{"options", pipeline.Config{}, func(p *pipeline.Pipeline) {
			f := pipeline.Then(read(p), "map", same, pipeline.Workers(2), pipeline.Lanes(2), pipeline.Diverts())
			pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
			collect(f, pipeline.Workers(2), pipeline.Buffer(-1), pipeline.Batches(-1, 0),
				pipeline.WithRetry(pipeline.Retry{Min: time.Minute, Max: time.Second}), pipeline.WithBreaker(pipeline.Breaker{Delay: -1}))
		}, []string{
			"map: workers and lanes exclude one another", "sink: workers, lanes and buffer must not be negative",
			"batch limits must not be negative", "only a stage has workers", "retry waits of 1m0s to 1s make no sense", "breaker delay -1ns must not be negative",
		}},
		{"retry factor", pipeline.Config{}, func(p *pipeline.Pipeline) {
			collect(read(p), pipeline.WithRetry(pipeline.Retry{Factor: 0.5, Jitter: 1}))
		}, []string{"sink: retry factor 0.5 must be at least 1, and jitter 1 below 1"}},
		{"retry attempts", pipeline.Config{}, func(p *pipeline.Pipeline) {
			collect(read(p), pipeline.WithRetry(pipeline.Retry{Attempts: -1}))
		}, []string{"sink: retry attempts must not be negative"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := pipeline.New("test", quiet(tc.cfg))
			tc.wire(p)
			err := p.Validate()
			if len(tc.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q", err, want)
				}
			}
			if run := p.Run(t.Context()); run == nil || run.Error() != err.Error() {
				t.Errorf("Run returned %v", run)
			}
		})
	}
}

// batcher is a sink that asks for batches.
type batcher struct {
	pipelinetest.Collector[string]
}

func (*batcher) Gather() (records, bytes int, linger time.Duration) { return 50, 0, time.Hour }

func TestGatherer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		opts []pipeline.Option
		want int // batches
	}{
		{nil, 4},
		{[]pipeline.Option{pipeline.Batches(100, time.Hour)}, 2},
		{[]pipeline.Option{pipeline.BatchBytes(250)}, 8},
	} {
		l := seed(200, 1, 1)
		var got batcher
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", l.Reader(20, false)), "sink", &got, tc.opts...)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := got.Batches(); n != tc.want || len(got.All()) != 200 {
			t.Errorf("%d records in %d batches, want %d", len(got.All()), n, tc.want)
		}
	}
}

// A pipeline that is wired from a file knows types only at run time.
func TestAnyFlow(t *testing.T) {
	t.Parallel()
	l := seed(100, 2, 1)
	var got pipelinetest.Collector[string]
	var bad rejects
	p := pipeline.New("test", quiet(pipeline.Config{}))
	var f pipeline.AnyFlow = pipeline.From(p, "log", l.Reader(10, false))
	if f.Elem().String() != "string" {
		t.Errorf("flow of %v", f.Elem())
	}
	f = pipeline.Judged(f, "only t/1", pipeline.JudgeFunc(func(h *pipeline.Header) error {
		if h.Partition != "t/1" {
			return pipeline.Divert(pipeline.Stale, errDown)
		}
		return nil
	}), pipeline.Diverts(pipeline.Stale))
	pipeline.To(f.(*pipeline.Flow[string]), "sink", &got)
	pipeline.Bind(p, pipeline.Stale, &bad)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got.All()) != 50 || len(bad.All()) != 50 {
		t.Errorf("passed %d, diverted %d", len(got.All()), len(bad.All()))
	}
}
