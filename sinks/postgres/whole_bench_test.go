package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/kafka"
	"cdcpipe/stages"
)

// BenchmarkPipeline merges the same changes by a whole pipeline, from Kafka through
// every stage with audit, and by a bare hand-written merge that is handed them
// decoded, one after the other on one server; it reports both and their ratio. The
// broker runs in the same process, at the pipeline's cost.
func BenchmarkPipeline(b *testing.B) {
	const size, batch = 200_000, 5000
	tbl := table(b, benchTable)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "bench.t"))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("bench.t"))
	if err != nil {
		b.Fatal(err)
	}
	defer producer.Close()
	dsn := database(b)
	m := newBare(b, dsn)
	var whole, hand time.Duration
	n := 0
	for i := uint64(0); b.Loop(); i++ {
		cs := traffic(tbl, size, 100_000, i)
		for _, c := range cs {
			producer.Produce(b.Context(), event(c), nil)
		}
		if err := producer.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		whole += runWhole(b, cluster, dsn, tbl, size)
		begin := time.Now()
		for at := 0; at < size; at += batch {
			if err := m.write(cs[at : at+batch]); err != nil {
				b.Fatal(err)
			}
		}
		hand, n = hand+time.Since(begin), n+size
	}
	b.ReportMetric(float64(n)/whole.Seconds(), "rows/s")
	b.ReportMetric(float64(n)/hand.Seconds(), "bare-rows/s")
	b.ReportMetric(hand.Seconds()/whole.Seconds(), "ratio")
}

// runWhole runs a pipeline until n more records have been written, and returns the
// time from its first batch to its last.
func runWhole(b *testing.B, cluster *kfake.Cluster, dsn string, tbl *cdc.Table, n int) time.Duration {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	fatal := func(err error) {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
	}
	source, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []string{"bench.t"}, Group: "bench"}, quiet)
	fatal(err)
	sink, err := postgres.New(postgres.Config{DSN: dsn}, "bench", []*cdc.Table{tbl}, quiet)
	fatal(err)
	decode, err := stages.NewDecode(stages.DefaultDecode(), cdc.NewCatalog(nil, tbl))
	fatal(err)
	validate, err := stages.NewValidate(stages.DefaultValidate(), quiet)
	fatal(err)
	check, err := stages.NewSchemaCheck(stages.DefaultSchemaCheck(), quiet)
	fatal(err)
	stale, err := stages.NewStaleCheck(stages.DefaultStaleCheck(), nil)
	fatal(err)
	transform, err := stages.NewTransform(stages.TransformConfig{}, quiet)
	fatal(err)

	var begin, end time.Time
	first := pipeline.StageFunc[*cdc.Event, *cdc.Event](func(_ context.Context, in []pipeline.Record[*cdc.Event], out *pipeline.Outbox[*cdc.Event]) error {
		if begin.IsZero() {
			begin = time.Now()
		}
		for i := range in {
			out.Emit(i, in[i].Value)
		}
		return nil
	})
	var written atomic.Int64
	p := pipeline.New("bench", pipeline.Config{Logger: quiet, Offsets: sink})
	events := pipeline.Then(pipeline.From(p, "kafka", pipeline.Source[*cdc.Event](source)), "clock", first)
	f := pipeline.Then(events, "decode", decode, pipeline.Workers(2))
	f = pipeline.Then(f, "validate", validate)
	f = pipeline.Then(f, "schema_check", check)
	f = pipeline.Then(f, "stale_check", stale)
	f = pipeline.Then(f, "transform", transform)
	pipeline.To(f, "postgres", counted{sink, func(k int) {
		if written.Add(int64(k)) == int64(n) {
			end = time.Now()
			cancel()
		}
	}}, pipeline.Lanes(2), pipeline.Batches(5000, 100*time.Millisecond))
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid} {
		pipeline.Bind(p, o, pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
			return pipeline.Fatal(fmt.Errorf("a record left: %w", recs[0].Value.Cause))
		}))
	}
	pipeline.Bind(p, pipeline.Stale, pipeline.Discard)
	fatal(p.Run(ctx))
	return end.Sub(begin)
}

// A counted sink tells how many records it was given that are done with.
type counted struct {
	*postgres.Sink
	done func(n int)
}

func (c counted) Write(ctx context.Context, recs []pipeline.Record[*cdc.Change]) error {
	err := c.Sink.Write(ctx, recs)
	if _, stale := errors.AsType[*pipeline.Failures](err); err == nil || stale {
		c.done(len(recs))
	}
	return err
}

// event renders a change of benchTable as Debezium does.
func event(c *cdc.Change) *kgo.Record {
	op := "u"
	if c.Op == cdc.Insert {
		op = "i"
	}
	id, _ := c.Key[0].Int(cdc.Bigint)
	v := fmt.Appendf(nil, `{"ts_ms":%d,"op":%q,"source":{"version":"3.4.1.Final","connector":"cassandra","name":"bench","ts_ms":%d,"snapshot":"false","db":"NULL","sequence":null,`+
		`"ts_us":%d,"ts_ns":%d,"cluster":"bench","file":"CommitLog-7-1.log","pos":1,"keyspace":"bench","table":"t"},"after":{`+
		`"id":{"value":%d,"deletion_ts":null,"set":true}`, c.Time/1000, op, c.Time/1000, c.Time, c.Time*1000, id)
	cells := c.Cells
	for i := 1; i < len(c.Table.Columns); i++ {
		col := &c.Table.Columns[i]
		v = fmt.Appendf(v, `,%q:`, col.Name)
		if len(cells) == 0 || int(cells[0].Column) != i {
			v = append(v, "null"...)
			continue
		}
		var x any
		switch val := cells[0].Value; col.Type.Kind {
		case cdc.Text:
			x = strconv.Quote(string(val))
		case cdc.Double:
			x, _ = val.Float(cdc.Double)
		case cdc.Boolean:
			x = val[0] != 0
		default:
			x, _ = val.Int(col.Type.Kind)
		}
		v = fmt.Appendf(v, `{"value":%v,"deletion_ts":null,"set":true}`, x)
		cells = cells[1:]
	}
	return &kgo.Record{Key: fmt.Appendf(nil, `{"id":%d}`, id), Value: append(v, `,"_range_start":null,"_range_end":null}}`...)}
}
