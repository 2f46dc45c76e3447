package pipeline_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(100, 1, 10)
		var got pipelinetest.Collector[string]
		p := pipeline.New("orders", quiet(pipeline.Config{CommitRecords: 1}))
		f := pipeline.From(p, "log", l.Reader(10, true))
		f = pipeline.Then(f, "even", pipeline.Filter("odd", func(s string) bool { return strings.ContainsAny(s[len(s)-1:], "02468") }))
		pipeline.To(f, "slow", slow(&got))
		if p.Stats().Open {
			t.Error("open before it runs")
		}
		done := start(t, p)
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		st := p.Stats()
		if st.Pipeline != "orders" || !st.Open || len(st.Steps) != 3 || len(st.Partitions) != 1 {
			t.Fatalf("got %+v", st)
		}
		// 3 batches are written, 1 is being written, 2 wait for the sink, 1 is in
		// the hands of the stage, 2 wait for it and 1 is in the hands of the reader.
		if st.InFlight != 70 || st.InFlightBytes != 700 || st.InFlightMax != 50_000 || st.InFlightBytesMax != 64<<20 {
			t.Errorf("in flight %d of %d, %d of %d bytes", st.InFlight, st.InFlightMax, st.InFlightBytes, st.InFlightBytesMax)
		}
		for i, want := range []pipeline.StepStats{
			{Name: "log", Kind: pipeline.SourceKind, In: 100, Out: 100, Bytes: 1000},
			{Name: "even", Kind: pipeline.StageKind, In: 70, Out: 35, Bytes: 700, Attempts: 7, Queue: pipeline.Queue{Records: 30, Batches: 2, Capacity: 2}, Breaker: pipeline.BreakerClosed},
			{Name: "slow", Kind: pipeline.SinkKind, In: 20, Out: 15, Bytes: 200, Attempts: 4, Queue: pipeline.Queue{Records: 15, Batches: 2, Capacity: 2}, Breaker: pipeline.BreakerClosed},
		} {
			s := st.Steps[i]
			if s.Name != want.Name || s.Kind != want.Kind || s.In != want.In || s.Out != want.Out || s.Bytes != want.Bytes ||
				s.Attempts != want.Attempts || s.Queue != want.Queue || s.Breaker != want.Breaker {
				t.Errorf("got %+v\nwant %+v", s, want)
			}
		}
		if d := st.Steps[1].Dropped; d["odd"] != 35 || len(d) != 1 {
			t.Errorf("dropped %v", d)
		}
		if d := st.Steps[2].Duration; d.Count != 3 || d.Sum != 3*time.Second || d.Counts[15] != 3 || d.Bounds[15] != time.Second {
			t.Errorf("durations %+v", d)
		}
		if d := st.Steps[2].BatchSize; d.Count != 4 || d.Sum != 20 || d.Counts[2] != 4 || d.Bounds[2] != 5 {
			t.Errorf("batch sizes %+v", d)
		}
		q := st.Partitions[0]
		if q.Read.Offset != 100 || q.Settled.Offset != 30 || q.Committed.Offset != 30 || q.Batches != 7 || q.Records != 70 ||
			!q.Latest.Equal(time.Unix(29, 0)) || !q.Oldest.Equal(time.Unix(39, 0)) || q.End != -1 || time.Since(q.Progress) != 500*time.Millisecond {
			t.Errorf("got %+v", q)
		}
		p.Drain()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if p.Stats().Open {
			t.Error("open after it ran")
		}
	})
}

// Every observer may be used while the pipeline runs.
func TestStatsDuringRun(t *testing.T) {
	t.Parallel()
	l := seed(4000, 4, 50)
	p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 100}))
	f := pipeline.From(p, "log", l.Reader(20, false))
	f = pipeline.Then(f, "copy", pipeline.Map(func(s string) (string, error) { return s, nil }), pipeline.Workers(3))
	pipeline.To(f, "sink", pipelinetest.NewFaults[string](&pipelinetest.Collector[string]{}, 1, 0.01, 0.01, 0.01),
		pipeline.Lanes(3), pipeline.WithRetry(pipeline.Retry{Min: time.Microsecond, Max: time.Microsecond}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, f := range []func(){
		func() { p.Stats() },
		func() { p.Pause(); p.Resume() },
		func() { p.PausePartition("t/1"); p.ResumePartition("t/1") },
		func() { p.Paused() },
	} {
		wg.Go(func() {
			for ctx.Err() == nil {
				f()
				runtime.Gosched()
			}
		})
	}
	err := p.Run(t.Context())
	stop()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	var committed int64
	for _, q := range l.Partitions() {
		committed += l.Committed(q)
	}
	if committed != 4000 {
		t.Errorf("committed %d", committed)
	}
}

// Made-up reasons do not grow memory without end.
func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	l := seed(1000, 1, 1)
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(100, false))
	f = pipeline.Then(f, "drop", pipeline.StageFunc[string, string](func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
		for i := range in {
			out.Drop(i, in[i].Value)
		}
		return nil
	}))
	pipeline.To(f, "sink", &pipelinetest.Collector[string]{})
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := p.Stats().Steps[1].Dropped
	var sum int64
	for _, n := range d {
		sum += n
	}
	if len(d) != 65 || sum != 1000 || d["other"] < 900 {
		t.Errorf("%d reasons for %d records, %d other", len(d), sum, d["other"])
	}
}

// An attempt can be followed from outside, and given a context.
func TestAttemptHook(t *testing.T) {
	t.Parallel()
	type key struct{}
	l := seed(20, 1, 1)
	var mu sync.Mutex
	var got []pipeline.Attempt
	var outcomes []error
	offsets := 0
	n := 0
	p := pipeline.New("test", quiet(pipeline.Config{Hooks: pipeline.Hooks{
		Attempt: func(ctx context.Context, a pipeline.Attempt) (context.Context, func(error)) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, a)
			for h := range a.Headers {
				offsets += int(h.Offset)
			}
			return context.WithValue(ctx, key{}, a.Number), func(err error) { outcomes = append(outcomes, err) }
		},
	}}))
	pipeline.To(pipeline.From(p, "log", l.Reader(20, false)), "sink", sink(func(ctx context.Context, _ []record) error {
		if n++; ctx.Value(key{}) != n {
			t.Errorf("attempt %d has a context of %v", n, ctx.Value(key{}))
		}
		if n == 1 {
			return errDown
		}
		return nil
	}), pipeline.WithRetry(pipeline.Retry{Min: 1, Max: 1}))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[1].Step != "sink" || got[1].Kind != pipeline.SinkKind || got[1].Number != 2 || got[1].Records != 20 || offsets != 420 {
		t.Errorf("got %+v, offsets %d", got, offsets)
	}
	if len(outcomes) != 2 || outcomes[0] != errDown || outcomes[1] != nil {
		t.Errorf("outcomes %v", outcomes)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	d, s := pipeline.DurationBounds(), pipeline.SizeBounds()
	d[0], s[0] = 0, 0
	if pipeline.DurationBounds()[0] == 0 || pipeline.SizeBounds()[0] == 0 {
		t.Error("bounds can be modified")
	}
}

func TestLag(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	at := func(n int64) pipeline.Mark { return pipeline.Mark{Partition: "p", Offset: n} }
	for name, tc := range map[string]struct {
		s       pipeline.PartitionStats
		records int64
		age     time.Duration
		known   bool
	}{
		"nothing read":          {pipeline.PartitionStats{End: 50}, 0, 0, false},
		"end unknown":           {pipeline.PartitionStats{End: -1, Read: at(9), Records: 3, Oldest: now.Add(-time.Minute)}, 3, time.Minute, false},
		"end unknown, idle":     {pipeline.PartitionStats{End: -1, Read: at(9), Settled: at(9), Latest: now.Add(-time.Hour)}, 0, 0, false},
		"nothing settled":       {pipeline.PartitionStats{End: 50, Read: at(9), Records: 10, Oldest: now.Add(-time.Second)}, 50, time.Second, true},
		"in flight":             {pipeline.PartitionStats{End: 50, Read: at(49), Settled: at(39), Records: 10, Oldest: now.Add(-time.Second), Latest: now.Add(-time.Hour)}, 10, time.Second, true},
		"not read yet":          {pipeline.PartitionStats{End: 50, Read: at(39), Settled: at(39), Latest: now.Add(-time.Hour)}, 10, time.Hour, true},
		"all settled, idle":     {pipeline.PartitionStats{End: 50, Read: at(49), Settled: at(49), Latest: now.Add(-time.Hour)}, 0, 0, true},
		"end heard of too late": {pipeline.PartitionStats{End: 40, Read: at(49), Settled: at(49), Latest: now.Add(-time.Hour)}, 0, 0, true},
		"clock ahead":           {pipeline.PartitionStats{End: 50, Read: at(49), Settled: at(39), Records: 10, Oldest: now.Add(time.Second)}, 10, 0, true},
	} {
		records, age, known := tc.s.Lag(now)
		if records != tc.records || age != tc.age || known != tc.known {
			t.Errorf("%s: got %d, %v, %v", name, records, age, known)
		}
	}
}
