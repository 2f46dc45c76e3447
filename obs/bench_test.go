package obs_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// repeated is a source of n records in batches of the same events.
type repeated struct {
	topic
	n, at int
}

func (s *repeated) Read(ctx context.Context) (pipeline.Batch[*cdc.Event], error) {
	if s.at >= s.n {
		return pipeline.Batch[*cdc.Event]{}, io.EOF
	}
	s.topic.at = 0
	s.at += len(s.batches[0])
	return s.topic.Read(ctx)
}

// moved moves n records without headers through a source, two stages and a sink that
// do nothing, in batches of size: without a tracer, with one that samples no batch, or
// with one that samples all of them.
func moved(b testing.TB, mode string, size, n int) {
	pass := pipeline.Map(func(e *cdc.Event) (*cdc.Event, error) { return e, nil })
	void := pipeline.SinkFunc[*cdc.Event](func(context.Context, []pipeline.Record[*cdc.Event]) error { return nil })
	cfg := pipeline.Config{Logger: slog.New(slog.DiscardHandler)}
	if mode != "off" {
		sampler := sdk.NeverSample()
		if mode == "on" {
			sampler = sdk.AlwaysSample()
		}
		obs.NewTracer(sdk.NewTracerProvider(sdk.WithSampler(sampler)), "bench", nil).Hook(&cfg.Hooks)
	}
	p := pipeline.New("bench", cfg)
	es := events(0, 0, size)
	for _, e := range es {
		e.Headers = nil
	}
	f := pipeline.From(p, "source", &repeated{topic: topic{batches: [][]*cdc.Event{es}}, n: n})
	f = pipeline.Then(pipeline.Then(f, "a", pass), "b", pass)
	pipeline.To(f, "sink", void)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
}

var modes = []string{"off", "unsampled", "on"}

func BenchmarkTracer(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		for _, mode := range modes {
			b.Run(fmt.Sprintf("batch=%d/%s", size, mode), func(b *testing.B) {
				b.ReportAllocs()
				moved(b, mode, size, b.N)
			})
		}
	}
}

// Spans are of batches: what they allocate does not grow with the records.
func TestTracerAllocations(t *testing.T) {
	const batches = 50
	for _, size := range []int{10, 1000} {
		allocs := map[string]float64{}
		for _, mode := range modes {
			allocs[mode] = testing.AllocsPerRun(3, func() { moved(t, mode, size, size*batches) }) / batches
		}
		if more := allocs["unsampled"] - allocs["off"]; more > 30 {
			t.Errorf("batches of %d: %.0f allocations for one that is not sampled", size, more)
		}
		if more := allocs["on"] - allocs["off"]; more > 120 {
			t.Errorf("batches of %d: %.0f allocations for one that is", size, more)
		}
	}
}
