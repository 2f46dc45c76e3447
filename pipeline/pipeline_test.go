package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a configuration that does not log.
func quiet(c pipeline.Config) pipeline.Config {
	c.Logger = slog.New(slog.DiscardHandler)
	return c
}

// seed returns a log of the values 0 to n-1.
func seed(n, parts, keys int) *pipelinetest.Log[string] {
	var l pipelinetest.Log[string]
	for i := range n {
		l.Add(pipeline.Header{
			Partition: pipeline.Partition(fmt.Sprint("t/", i%parts)),
			Key:       uint64(i%keys) + 1, Time: time.Unix(int64(i), 0), Size: 10, Origin: new(i),
		}, strconv.Itoa(i))
	}
	return &l
}

type (
	record  = pipeline.Record[string]
	rejects = pipelinetest.Collector[pipeline.Reject]
)

// sink makes a sink of a function that uses no outlets.
type sink func(ctx context.Context, recs []record) error

func (f sink) Write(ctx context.Context, recs []record) error { return f(ctx, recs) }
func (sink) Outlets() []pipeline.Outlet                       { return nil }

// start runs p, until the test ends at the latest.
func start(t *testing.T, p *pipeline.Pipeline) <-chan error {
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	return done
}

func checkOrder[T any](t *testing.T, recs []pipeline.Record[T]) {
	t.Helper()
	last := map[string]int64{}
	for _, r := range recs {
		k := fmt.Sprint(r.Partition, r.Key)
		if r.Offset <= last[k] {
			t.Fatalf("%s: offset %d after %d", k, r.Offset, last[k])
		}
		last[k] = r.Offset
	}
}

func TestDeliversInOrder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts []pipeline.Option
		sink []pipeline.Option
	}{
		{"serial", nil, nil},
		{"workers", []pipeline.Option{pipeline.Workers(4)}, nil},
		{"lanes", []pipeline.Option{pipeline.Lanes(4)}, []pipeline.Option{pipeline.Lanes(4)}},
		{"batches", []pipeline.Option{pipeline.Workers(3), pipeline.Batches(10, 0)}, []pipeline.Option{pipeline.Lanes(4), pipeline.Batches(7, time.Millisecond)}},
		{"bytes", []pipeline.Option{pipeline.BatchBytes(95)}, []pipeline.Option{pipeline.Lanes(2), pipeline.BatchBytes(5)}},
		{"no buffer", []pipeline.Option{pipeline.Buffer(0)}, []pipeline.Option{pipeline.Buffer(0), pipeline.Lanes(3)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := seed(9999, 3, 17)
			var got pipelinetest.Collector[int]
			p := pipeline.New("test", quiet(pipeline.Config{}))
			f := pipeline.From(p, "log", l.Reader(64, false))
			n := pipeline.Then(f, "parse", pipeline.Map(strconv.Atoi), tc.opts...)
			pipeline.To(n, "sink", &got, tc.sink...)
			pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkOrder(t, got.All())
			if n := len(got.All()); n != 9999 {
				t.Fatalf("got %d records, want 9999", n)
			}
			for _, q := range l.Partitions() {
				if c := l.Committed(q); c != 3333 {
					t.Errorf("%s: committed %d, want 3333", q, c)
				}
			}
		})
	}
}

func TestKeyBySplitsByTheNewKey(t *testing.T) {
	t.Parallel()
	l := seed(2000, 1, 1)
	var got pipelinetest.Collector[string]
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(100, false))
	f = pipeline.KeyBy(f, func(s string) uint64 { return uint64(s[len(s)-1]) })
	f = pipeline.KeyBy(f, func(s string) uint64 { return uint64(s[len(s)-1]) + 7 })
	pipeline.To(f, "sink", &got, pipeline.Lanes(4))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOrder(t, got.All())
	keys := map[uint64]int{}
	for _, r := range got.All() {
		keys[r.Key]++
		if want := uint64(r.Value[len(r.Value)-1]) + 7; r.Key != want {
			t.Fatalf("%s has key %d, want %d", r.Value, r.Key, want)
		}
	}
	if len(keys) != 10 || len(got.All()) != 2000 {
		t.Fatalf("got %d keys, %d records", len(keys), len(got.All()))
	}
	if names := p.Stats().Steps; names[1].Name != "key" || names[2].Name != "key_2" {
		t.Errorf("steps are named %q and %q", names[1].Name, names[2].Name)
	}
}

func TestUnaccountedRecordStopsThePipeline(t *testing.T) {
	t.Parallel()
	l := seed(10, 1, 1)
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(10, true))
	g := pipeline.Then(f, "leaky", pipeline.StageFunc[string, string](
		func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
			for i := range in[1:] {
				out.Emit(i+1, "x")
			}
			return nil
		}))
	var got pipelinetest.Collector[string]
	pipeline.To(g, "sink", &got)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	err := p.Run(t.Context())
	se, ok := errors.AsType[*pipeline.StepError](err)
	if !ok || se.Step != "leaky" || len(got.All()) != 0 || l.Committed("t/0") != 0 {
		t.Fatalf("err=%v got=%d committed=%d", err, len(got.All()), l.Committed("t/0"))
	}
}

func TestExpandMergeDropSettleExactlyOnce(t *testing.T) {
	t.Parallel()
	l := seed(9000, 2, 5)
	var a, b pipelinetest.Collector[string]
	p := pipeline.New("test", quiet(pipeline.Config{}))
	f := pipeline.From(p, "log", l.Reader(50, false))
	x := pipeline.Then(f, "expand", pipeline.Expand(func(s string, yield func(string)) error {
		for range len(s) % 4 { // 1 to 4 digits: 1, 2, 3, 0 copies
			yield(s)
		}
		return nil
	}), pipeline.Workers(3))
	m := pipeline.Then(x, "pair", pipeline.StageFunc[string, string](
		func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
			for i := 0; i < len(in); i += 2 {
				if i+1 < len(in) {
					out.Merge(in[i].Value+"+"+in[i+1].Value, i, i+1)
				} else {
					out.Emit(i, in[i].Value)
				}
			}
			return nil
		}), pipeline.Batches(333, time.Millisecond))
	pipeline.To(m, "a", &a, pipeline.Lanes(3))
	pipeline.To(m, "b", &b, pipeline.Batches(10, time.Millisecond)) // fan-out
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, q := range []pipeline.Partition{"t/0", "t/1"} {
		if c := l.Committed(q); c != 4500 {
			t.Errorf("%s: committed %d", q, c)
		}
	}
	if na, nb := len(a.All()), len(b.All()); na == 0 || na != nb {
		t.Errorf("branches got %d and %d records", na, nb)
	}
	st := p.Stats()
	if got := st.Steps[1].Dropped["empty"]; got != 8000 {
		t.Errorf("dropped %d as empty, want 8000", got)
	}
	if st.InFlight != 0 || st.InFlightBytes != 0 {
		t.Errorf("%d records, %d bytes are in flight after the end", st.InFlight, st.InFlightBytes)
	}
}

// A record on two branches is settled when both have written it.
func TestFanOutWaitsForBothBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1}))
		f := pipeline.From(p, "log", l.Reader(10, false))
		pipeline.To(f, "fast", &pipelinetest.Collector[string]{})
		pipeline.To(f, "slow", sink(func(context.Context, []record) error { time.Sleep(time.Minute); return nil }))
		done := start(t, p)
		time.Sleep(time.Minute - 1)
		if c := l.Committed("t/0"); c != 0 {
			t.Errorf("committed %d before the slow branch was done", c)
		}
		if err := <-done; err != nil || l.Committed("t/0") != 10 {
			t.Fatalf("err=%v committed=%d", err, l.Committed("t/0"))
		}
	})
}

// Results leave in the order the batches came, whichever worker is done first.
func TestWorkersKeepOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(40, 1, 1)
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{}))
		f := pipeline.From(p, "log", l.Reader(10, false))
		f = pipeline.Then(f, "fast last", pipeline.StageFunc[string, string](func(_ context.Context, in []record, out *pipeline.Outbox[string]) error {
			time.Sleep(time.Duration(100-in[0].Offset) * time.Second)
			for i, r := range in {
				out.Emit(i, r.Value)
			}
			return nil
		}), pipeline.Workers(4))
		pipeline.To(f, "sink", &got)
		pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
		begun := time.Now()
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, got.All())
		if took := time.Since(begun); took != 99*time.Second {
			t.Errorf("took %v, want 99s: all four batches at once", took)
		}
	})
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	l := seed(10, 1, 1)
	p := pipeline.New("test", quiet(pipeline.Config{}))
	pipeline.To(pipeline.From(p, "log", l.Reader(10, false)), "sink", &pipelinetest.Collector[string]{})
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil {
		t.Fatal("a second Run succeeded")
	}
}
