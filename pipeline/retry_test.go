package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

var errDown = errors.New("connection refused")

func TestRetryBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		var waits []time.Duration
		n := 0
		p := pipeline.New("test", quiet(pipeline.Config{Hooks: pipeline.Hooks{
			Retry: func(_ context.Context, step string, attempt int, wait time.Duration, err error) {
				waits = append(waits, wait)
				if step != "sink" || attempt != len(waits) || !errors.Is(err, errDown) {
					t.Errorf("retry of %s, attempt %d, %v", step, attempt, err)
				}
			},
		}}))
		pipeline.To(pipeline.From(p, "log", l.Reader(10, false)), "sink", sink(func(context.Context, []record) error {
			if n++; n <= 10 {
				return errDown
			}
			return nil
		}), pipeline.WithBreaker(pipeline.Breaker{Failures: -1}))
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(waits) != 10 || l.Committed("t/0") != 10 {
			t.Fatalf("waited %v, committed %d", waits, l.Committed("t/0"))
		}
		want := time.Second
		for i, w := range waits {
			if w < want*2/3 || w > want*5/4 || w > time.Minute {
				t.Errorf("wait %d is %v, want about %v and at most 1m", i, w, want)
			}
			want = min(2*want, 50*time.Second)
		}
		if st := p.Stats().Steps[1]; st.Attempts != 11 || st.Retries != 10 || st.In != 10 || st.Out != 10 {
			t.Errorf("%d attempts, %d retries, %d in, %d out", st.Attempts, st.Retries, st.In, st.Out)
		}
	})
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		n := 0
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", l.Reader(10, true)), "sink", sink(func(context.Context, []record) error {
			n++
			return errDown
		}), pipeline.WithRetry(pipeline.Retry{Attempts: 3}))
		err := p.Run(t.Context())
		if !errors.Is(err, errDown) || n != 3 || l.Committed("t/0") != 0 {
			t.Fatalf("got %v after %d attempts, committed %d", err, n, l.Committed("t/0"))
		}
	})
}

// An open breaker uses up no attempts, lets one probe through at a time, and keeps
// every lane in order.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(4000, 1, 40)
		var got pipelinetest.Collector[string]
		var mu sync.Mutex
		var states []pipeline.BreakerState
		var calls []time.Duration
		begun := time.Now()
		p := pipeline.New("test", quiet(pipeline.Config{Hooks: pipeline.Hooks{
			Breaker: func(_ context.Context, step string, from, to pipeline.BreakerState) {
				mu.Lock()
				defer mu.Unlock()
				states = append(states, to)
			},
		}}))
		pipeline.To(pipeline.From(p, "log", l.Reader(1000, false)), "sink", sink(func(ctx context.Context, recs []record) error {
			mu.Lock()
			at := time.Since(begun)
			calls = append(calls, at)
			mu.Unlock()
			if at < 100*time.Second {
				return errDown
			}
			return got.Write(ctx, recs)
		}), pipeline.Lanes(4), pipeline.WithRetry(pipeline.Retry{Attempts: 12}))
		done := start(t, p)
		time.Sleep(20 * time.Second)
		if st := p.Stats().Steps[1]; st.Breaker != pipeline.BreakerOpen {
			t.Errorf("breaker is %s during the outage", st.Breaker)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		checkOrder(t, got.All())
		if len(got.All()) != 4000 || l.Committed("t/0") != 4000 {
			t.Errorf("wrote %d, committed %d", len(got.All()), l.Committed("t/0"))
		}
		// Five failures open it; then there is a probe every 30s, until one succeeds.
		want := []pipeline.BreakerState{"open", "half_open", "open", "half_open", "open", "half_open", "open", "half_open", "closed"}
		if !slices.Equal(states, want) {
			t.Errorf("states %v, want %v", states, want)
		}
		during := 0
		for _, at := range calls {
			if at < 100*time.Second {
				during++
			}
		}
		if during != 8 {
			t.Errorf("%d calls during the outage, want 5 and 3 probes: %v", during, calls[:during])
		}
		if st := p.Stats().Steps[1]; st.Breaker != pipeline.BreakerClosed {
			t.Errorf("breaker is %s afterwards", st.Breaker)
		}
	})
}

// What is about records says that the target is well.
func TestRecordErrorsDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	l := seed(100, 1, 1)
	p := pipeline.New("test", quiet(pipeline.Config{Hooks: pipeline.Hooks{
		Breaker: func(_ context.Context, step string, from, to pipeline.BreakerState) { t.Errorf("breaker is %s", to) },
	}}))
	n := 0
	pipeline.To(pipeline.From(p, "log", l.Reader(1, false)), "sink", pipeline.SinkFunc[string](func(context.Context, []record) error {
		if n++; n%2 == 0 {
			return pipeline.Permanent(errDown)
		}
		return &pipeline.Failures{Index: []int{0}, Errs: []error{pipeline.Permanent(errDown)}}
	}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil || n != 100 {
		t.Fatalf("err=%v after %d writes", err, n)
	}
}

// A record that fails alone for no permanent reason is written again, before what
// follows it under its key, and in the end gives up.
func TestFailuresAreRetriedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(12, 1, 3)
		last := map[uint64]string{} // last write wins, whatever its age
		var batches [][]string
		var bad rejects
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", l.Reader(100, false)), "sink", pipeline.SinkFunc[string](func(_ context.Context, recs []record) error {
			var fs pipeline.Failures
			var batch []string
			for i, r := range recs {
				batch = append(batch, r.Value)
				switch {
				case r.Value == "4" && len(batches) < 2: // key 2: 1 4 7 10
					fs.Add(i, errors.New("locked"))
				case r.Value == "5": // key 3: 2 5 8 11
					fs.Add(i, errors.New("locked for ever"))
				default:
					last[r.Key] = r.Value
				}
			}
			batches = append(batches, batch)
			return fs.Err()
		}), pipeline.WithRetry(pipeline.Retry{Alone: 4}))
		pipeline.Bind(p, pipeline.DeadLetter, &bad)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := [][]string{
			{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"},
			{"4", "5", "7", "8", "10", "11"},
			{"4", "5", "7", "8", "10", "11"},
			{"5", "8", "11"},
		}
		if !slices.EqualFunc(batches, want, slices.Equal[[]string]) {
			t.Errorf("wrote %v, want %v", batches, want)
		}
		if last[1] != "9" || last[2] != "10" || last[3] != "11" {
			t.Errorf("last writes %v", last)
		}
		if got := bad.Values(); len(got) != 1 || got[0].Value != "5" || got[0].Attempts != 4 {
			t.Errorf("rejected %+v", got)
		}
		st := p.Stats()
		if l.Committed("t/0") != 12 || st.InFlight != 0 || st.Steps[1].Out != 11 {
			t.Errorf("committed %d, in flight %d, out %d", l.Committed("t/0"), st.InFlight, st.Steps[1].Out)
		}
	})
}

// Attempts that are used up by failing records are held against those records.
func TestFailuresUseUpAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 2)
		var bad rejects
		n := 0
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", l.Reader(100, false)), "sink", pipeline.SinkFunc[string](func(_ context.Context, recs []record) error {
			n++
			return &pipeline.Failures{Index: []int{0}, Errs: []error{errors.New("locked")}}
		}), pipeline.WithRetry(pipeline.Retry{Attempts: 2}))
		pipeline.Bind(p, pipeline.DeadLetter, &bad)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(bad.All()) != 1 || n != 2 || l.Committed("t/0") != 10 {
			t.Errorf("%d rejects after %d writes, committed %d", len(bad.All()), n, l.Committed("t/0"))
		}
	})
}

// Nothing of a failed attempt is seen: neither outputs, rejects nor drops.
func TestFailedAttemptLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(30, 1, 1)
		var got pipelinetest.Collector[string]
		var bad rejects
		p := pipeline.New("test", quiet(pipeline.Config{}))
		f := pipeline.From(p, "log", l.Reader(10, false))
		n := 0
		f = pipeline.Then(f, "flaky", pipeline.StageFunc[string, string](func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
			for i, r := range in {
				switch i % 3 {
				case 0:
					out.Emit(i, r.Value)
					out.EmitKeyed(i, 7, r.Value+" again")
				case 1:
					out.Drop(i, "second")
				default:
					out.Divert(i, pipeline.DeadLetter, errors.New("third"))
				}
			}
			if n++; n%3 != 0 {
				return errDown
			}
			return nil
		}))
		pipeline.To(f, "sink", &got)
		pipeline.Bind(p, pipeline.DeadLetter, &bad)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := p.Stats()
		if n != 9 || len(got.All()) != 24 || len(bad.All()) != 9 || st.Steps[1].Dropped["second"] != 9 {
			t.Errorf("%d attempts, %d written, %d rejected, %v dropped", n, len(got.All()), len(bad.All()), st.Steps[1].Dropped)
		}
		if l.Committed("t/0") != 30 || st.InFlight != 0 {
			t.Errorf("committed %d, in flight %d", l.Committed("t/0"), st.InFlight)
		}
	})
}
