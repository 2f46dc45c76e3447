package generator

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
)

func run(t *testing.T, ctx context.Context, g *Generator, rate float64, offsets *pipelinetest.Offsets, sink pipeline.Sink[*cdc.Event]) {
	t.Helper()
	src, err := NewSource(g, rate)
	if err != nil {
		t.Fatal(err)
	}
	p := pipeline.New("test", pipeline.Config{Offsets: offsets})
	pipeline.To(pipeline.From(p, "generator", src), "sink", sink)
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
}

// A run that ends early goes on where it left off.
func TestSourceResumes(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Events, c.Malformed = 3000, 0.05 })
	var offsets pipelinetest.Offsets
	var first, second pipelinetest.Collector[*cdc.Event]
	ctx, cancel := context.WithCancel(t.Context())
	stop := pipelinetest.Collector[*cdc.Event]{}
	run(t, ctx, g, 0, &offsets, stopAfter{&stop, 1000, cancel})
	at := offsets.Get(Partition).Offset
	if at < 999 || at >= 2999 {
		t.Fatalf("mark %d after stopping at 1000", at)
	}
	run(t, t.Context(), g, 0, &offsets, &first)
	if got := offsets.Get(Partition).Offset; got != 2999 {
		t.Errorf("mark = %d, want 2999", got)
	}
	run(t, t.Context(), g, 0, &offsets, &second)
	if n := len(second.Values()); n != 0 {
		t.Errorf("%d events after the last", n)
	}
	next := uint64(0)
	var want Event
	for _, r := range append(stop.All(), first.All()...) {
		g.Event(next, &want)
		e := r.Value
		if e.Offset != int64(next) || r.Offset != int64(next) || e.Topic != want.Topic || string(e.Key) != string(want.Key) ||
			string(e.Value) != string(want.Value) || !e.Time.Equal(want.Time) || r.Origin != e || r.Size != e.Size() {
			t.Fatalf("event %d is %+v", next, e)
		}
		if h := e.Headers[0]; len(e.Headers) != 1 || h.Key != IndexHeader || string(h.Value) != strconv.FormatUint(next, 10) {
			t.Fatalf("event %d has headers %v", next, e.Headers)
		}
		next++
	}
	if next != 3000 {
		t.Errorf("%d events, want 3000", next)
	}
}

// stopAfter ends a run when it has written n events.
type stopAfter struct {
	*pipelinetest.Collector[*cdc.Event]
	n    int
	stop func()
}

func (s stopAfter) Write(ctx context.Context, recs []pipeline.Record[*cdc.Event]) error {
	defer func() {
		if len(s.All()) >= s.n {
			s.stop()
		}
	}()
	return s.Collector.Write(ctx, recs)
}

func TestSourceRate(t *testing.T) {
	t.Parallel()
	for rate, seconds := range map[float64]float64{5: 10, 1000: 2, 20_000: 1} {
		synctest.Test(t, func(t *testing.T) {
			g := newGenerator(t, nil)
			var sink pipelinetest.Collector[*cdc.Event]
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
			defer cancel()
			run(t, ctx, g, rate, &pipelinetest.Offsets{}, &sink)
			if got, want := float64(len(sink.Values())), seconds*rate; got < 0.98*want || got > 1.05*want+1 {
				t.Errorf("%v events in %v s, want %v", got, seconds, want)
			}
		})
	}
}

func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, nil)
	if _, err := NewSource(g, -1); err == nil {
		t.Error("no error for a negative rate")
	}
	down := errors.New("offsets are down")
	s, err := NewSource(g, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context(), noMarks{err: down}); !errors.Is(err, down) {
		t.Errorf("Open = %v, want %v", err, down)
	}
}

type noMarks struct {
	pipeline.Partitions
	err error
}

func (noMarks) Assign(pipeline.Partition) pipeline.Claim { return pipeline.Claim{} }

func (n noMarks) Resume(context.Context, ...pipeline.Partition) ([]pipeline.Mark, error) {
	return nil, n.err
}
