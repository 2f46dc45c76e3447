package stages_test

import (
	"context"
	"io"
	"syscall"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/stages"
)

// A loop is a source of n records, which are those of values again and again, in
// batches of 500: as many as a fetch of Kafka has.
type loop[T any] struct {
	values []T
	size   func(T) int
	n, at  int
}

func (l *loop[T]) Open(context.Context, pipeline.Partitions) error { return nil }

func (l *loop[T]) Read(context.Context) (b pipeline.Batch[T], _ error) {
	n := min(500, l.n-l.at)
	if n == 0 {
		return b, io.EOF
	}
	headers := make([]pipeline.Header, n)
	b.Records = make([]pipeline.Record[T], n)
	for i := range n {
		v := l.values[l.at%len(l.values)]
		headers[i] = pipeline.Header{Partition: "t/0", Offset: int64(l.at), Key: uint64(l.at % len(l.values)), Size: l.size(v)}
		b.Records[i] = pipeline.Record[T]{Header: &headers[i], Value: v}
		l.at++
	}
	b.Through = pipeline.Mark{Partition: "t/0", Offset: int64(l.at)}
	return b, nil
}

func (l *loop[T]) Commit(context.Context, []pipeline.Mark) error { return nil }

// changes returns what the captured events of a file say.
func changes(b *testing.B, file string) []*cdc.Change {
	b.Helper()
	out, rejects, _ := decodeAll(b, newDecode(b, cdc.NewCatalog(nil, definitions(b)...)), 500, captured(b, file))
	if len(rejects) > 0 {
		b.Fatal(rejects[0].Cause)
	}
	var cs []*cdc.Change
	for _, r := range out {
		cs = append(cs, r.Value)
	}
	return cs
}

// through runs b.N records through stages into nothing, and reports besides the
// time of the wall that of all processors: stages run beside one another.
func through[T any](b *testing.B, values []T, size func(T) int, wire func(*pipeline.Flow[T]) *pipeline.Flow[*cdc.Change]) {
	b.Helper()
	p := pipeline.New("bench", pipeline.Config{Logger: quiet})
	pipeline.To(wire(pipeline.From(p, "loop", pipeline.Source[T](&loop[T]{values: values, size: size, n: b.N}))), "out", pipeline.SinkFunc[*cdc.Change](func(context.Context, []pipeline.Record[*cdc.Change]) error { return nil }))
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		pipeline.Bind(p, o, pipeline.Discard)
	}
	b.ReportAllocs()
	before := processors(b)
	b.ResetTimer()
	if err := p.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(processors(b)-before)/float64(b.N), "cpu-ns/op")
}

// processors returns the nanoseconds of processor time that the process took.
func processors(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func eventSize(e *cdc.Event) int   { return len(e.Key) + len(e.Value) }
func changeSize(c *cdc.Change) int { return 100 * len(c.Cells) }

// BenchmarkDecode runs decode by itself on real events of nine columns.
func BenchmarkDecode(b *testing.B) {
	d := newDecode(b, cdc.NewCatalog(nil, definitions(b)...))
	through(b, captured(b, "random.jsonl"), eventSize, func(f *pipeline.Flow[*cdc.Event]) *pipeline.Flow[*cdc.Change] {
		return pipeline.Then(f, "decode", d)
	})
}

// BenchmarkStage runs each other stage by itself on what real events say.
func BenchmarkStage(b *testing.B) {
	all := benchStages(b)
	for _, name := range []string{"validate", "validate with rules", "schema_check", "stale_check", "transform", "transform nothing"} {
		b.Run(name, func(b *testing.B) {
			through(b, changes(b, "random.jsonl"), changeSize, func(f *pipeline.Flow[*cdc.Change]) *pipeline.Flow[*cdc.Change] {
				return pipeline.Then(f, "stage", all[name])
			})
		})
	}
}

// BenchmarkBeforeSink runs everything that a record passes before the sink.
func BenchmarkBeforeSink(b *testing.B) {
	all, d := benchStages(b), newDecode(b, cdc.NewCatalog(nil, definitions(b)...))
	through(b, captured(b, "random.jsonl"), eventSize, func(f *pipeline.Flow[*cdc.Event]) *pipeline.Flow[*cdc.Change] {
		c := pipeline.Then(f, "decode", d)
		for _, name := range []string{"validate", "schema_check", "stale_check", "transform"} {
			c = pipeline.Then(c, name, all[name])
		}
		return c
	})
}

func benchStages(b *testing.B) map[string]pipeline.Stage[*cdc.Change, *cdc.Change] {
	b.Helper()
	all := map[string]pipeline.Stage[*cdc.Change, *cdc.Change]{}
	add := func(name string, st pipeline.Stage[*cdc.Change, *cdc.Change], err error) {
		if err != nil {
			b.Fatal(err)
		}
		all[name] = st
	}
	v, err := stages.NewValidate(stages.DefaultValidate(), quiet)
	add("validate", v, err)
	ruled := stages.DefaultValidate()
	ruled.Tables = []stages.TableRules{{Match: "shop.orders", Rules: []stages.Rule{{Name: "quantity", Expr: "qty == nil || qty < 1000"}}}}
	v, err = stages.NewValidate(ruled, quiet)
	add("validate with rules", v, err)
	sc, err := stages.NewSchemaCheck(stages.DefaultSchemaCheck(), quiet)
	add("schema_check", sc, err)
	st, err := stages.NewStaleCheck(stages.DefaultStaleCheck(), nil)
	add("stale_check", st, err)
	t, err := stages.NewTransform(stages.TransformConfig{Tables: []stages.TableTransform{{Match: "*.*", Route: &stages.RouteConfig{Keyspace: "other"}}}}, quiet)
	add("transform", t, err)
	t, err = stages.NewTransform(stages.TransformConfig{}, quiet)
	add("transform nothing", t, err)
	return all
}
