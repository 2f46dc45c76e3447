package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"cdcpipe/pipeline"
)

type event struct {
	ID, Ver int64
	Body    string
}

// generator is a source of n events in batches of size, all one allocation each.
type generator struct{ n, size, at int }

func (g *generator) Open(context.Context, pipeline.Partitions) error { return nil }
func (g *generator) Commit(context.Context, []pipeline.Mark) error   { return nil }
func (g *generator) Read(context.Context) (b pipeline.Batch[event], _ error) {
	if g.at >= g.n {
		return b, io.EOF
	}
	k := min(g.size, g.n-g.at)
	b = pipeline.NewBatch[event](k)
	for i := range k {
		o := int64(g.at + i)
		b.Append(pipeline.Header{Partition: "t/0", Offset: o, Key: uint64(o)*2654435761 + 1, Size: 100}, event{ID: o})
	}
	g.at += k
	b.Through = pipeline.Mark{Partition: "t/0", Offset: int64(g.at)}
	return b, nil
}

// BenchmarkHop is the engine's cost per record and hop: a source, two stages and a
// sink that do next to nothing, hence three hops.
func BenchmarkHop(b *testing.B) {
	work := pipeline.Map(func(e event) (event, error) { e.Ver += e.ID; return e, nil })
	void := pipeline.SinkFunc[event](func(context.Context, []pipeline.Record[event]) error { return nil })
	const hops = 3
	for _, bc := range []struct {
		size int
		name string
		opts []pipeline.Option
	}{
		{1, "serial", nil},
		{10, "serial", nil},
		{100, "serial", nil},
		{1000, "serial", nil},
		{100, "workers=2", []pipeline.Option{pipeline.Workers(2)}},
		{1000, "workers=2", []pipeline.Option{pipeline.Workers(2)}},
		{1000, "lanes=2", []pipeline.Option{pipeline.Lanes(2)}},
		{1000, "lanes=8", []pipeline.Option{pipeline.Lanes(8)}},
		{100, "gather=1000", []pipeline.Option{pipeline.Batches(1000, 0)}},
	} {
		b.Run(fmt.Sprintf("batch=%d/%s", bc.size, bc.name), func(b *testing.B) {
			b.ReportAllocs()
			p := pipeline.New("bench", quiet(pipeline.Config{}))
			f := pipeline.From(p, "generator", &generator{n: b.N, size: bc.size})
			f = pipeline.Then(f, "a", work, bc.opts...)
			f = pipeline.Then(f, "b", work, bc.opts...)
			opts := bc.opts
			if bc.name == "workers=2" {
				opts = nil
			}
			pipeline.To(f, "sink", void, opts...)
			pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
			b.ResetTimer()
			if err := p.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/hops, "ns/hop")
		})
	}
}
