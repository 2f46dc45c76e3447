//go:build e2e

package cassandra_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/stages"
)

// asked is a source of n changes of rows of a table, in batches of 500.
type asked struct {
	table *cdc.Table
	rows  int // of a partition
	n, at int
}

func (a *asked) Open(context.Context, pipeline.Partitions) error { return nil }

func (a *asked) Read(context.Context) (pipeline.Batch[*cdc.Change], error) {
	n := min(500, a.n-a.at)
	if n == 0 {
		return pipeline.Batch[*cdc.Change]{}, io.EOF
	}
	b := pipeline.NewBatch[*cdc.Change](n)
	for range n {
		k := a.at % 10_000
		c := &cdc.Change{Table: a.table, Op: cdc.Update, Time: 1, Marker: cdc.Unwritten(), Deleted: cdc.NoTime,
			Key: []cdc.Value{cdc.AppendInt32(nil, int32(k/a.rows)), cdc.AppendInt32(nil, int32(k%a.rows))}}
		c.Clustering = a.table.AppendClustering(nil, c.Key[1:])
		b.Append(pipeline.Header{Partition: "t/0", Offset: int64(a.at), Key: c.Hash(), Size: 500}, c)
		a.at++
	}
	b.Through = pipeline.Mark{Partition: "t/0", Offset: int64(a.at)}
	return b, nil
}

func (a *asked) Commit(context.Context, []pipeline.Mark) error { return nil }

// BenchmarkHydrate reads back changes of rows, so many of which stand in one
// partition, and so share a read.
func BenchmarkHydrate(b *testing.B) {
	for _, rows := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			l := newLab(b, "hydrate_bench")
			l.do("CREATE TABLE hydrate_bench.t (p int, c int, s text STATIC, a text, b text, d bigint, tags set<text>, PRIMARY KEY (p, c))")
			for i := range 10_000 {
				l.do("INSERT INTO hydrate_bench.t (p, c, a, b, d, tags) VALUES (?, ?, 'some text', 'text of some more letters', 7, {'x', 'y'})", i/rows, i%rows)
			}
			l.cfg.PageSize = 0
			reader, tbl := l.another(), l.table("t")
			run := func(n int) {
				h, err := stages.NewHydrate(stages.DefaultHydrate(), reader, cdc.NewCatalog(nil, tbl))
				if err != nil {
					b.Fatal(err)
				}
				p := pipeline.New("bench", pipeline.Config{Logger: slog.New(slog.DiscardHandler)})
				f := pipeline.Then(pipeline.From(p, "asked", pipeline.Source[*cdc.Change](&asked{table: tbl, rows: rows, n: n})), "hydrate", h, pipeline.Workers(2))
				pipeline.To(f, "out", pipeline.SinkFunc[*cdc.Change](func(context.Context, []pipeline.Record[*cdc.Change]) error { return nil }))
				for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid} {
					pipeline.Bind(p, o, pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
						return pipeline.Fatal(recs[0].Value.Cause)
					}))
				}
				if err := p.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			run(20_000) // until the server's code is compiled
			b.ResetTimer()
			run(b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
