package cdcpipe_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/letter"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/kafka"
	"cdcpipe/stages"
)

// A slice is a source of one partition: the events that it holds.
type slice []string

func (s *slice) Open(context.Context, pipeline.Partitions) error { return nil }

func (s *slice) Commit(context.Context, []pipeline.Mark) error { return nil }

func (s *slice) Read(context.Context) (pipeline.Batch[*cdc.Event], error) {
	b := pipeline.NewBatch[*cdc.Event](len(*s))
	for i, v := range *s {
		e := &cdc.Event{Topic: "cdc.shop.users", Offset: int64(i), Value: []byte(v)}
		b.Append(pipeline.Header{Partition: "slice/0", Offset: int64(i), Size: e.Size(), Origin: e}, e)
		b.Through = pipeline.Mark{Partition: "slice/0", Offset: int64(i)}
	}
	if *s = nil; len(b.Records) == 0 {
		return b, io.EOF
	}
	return b, nil
}

const usersTable = `CREATE TABLE shop.users (id int PRIMARY KEY, email text, age int)`

// captured are events as Debezium's agent writes them, shortened, and one that is none.
var captured = slice{
	`{"op":"i","source":{"keyspace":"shop","table":"users","ts_us":1},"after":{"id":{"value":1},"email":{"value":"ada@example.com"},"age":{"value":36}}}`,
	`{"op":"u","source":{"keyspace":"shop","table":"users","ts_us":2},"after":{"id":{"value":1},"age":{"value":-1}}}`,
	`{"op":"u","source":{"keyspace":"shop","table":"users","ts_us":3},"after":{"id":{"value":1},"email":{"value":"lovelace@example.com"}}}`,
	`{"op":"d","source":{"keyspace":"shop","table":"users","ts_us":4},"after":{"id":{"value":2}}}`,
	`garbage`,
}

// show writes a change in a line.
func show(c *cdc.Change) string {
	b := []byte(c.Op.String())
	for i, v := range c.Key {
		b = fmt.Appendf(b, " %s=", c.Table.Columns[i].Name)
		b = c.Table.Columns[i].Type.AppendJSON(b, v)
	}
	for _, x := range c.Cells {
		b = fmt.Appendf(b, " %s=", c.Table.Columns[x.Column].Name)
		b = c.Table.Columns[x.Column].Type.AppendJSON(b, x.Value)
	}
	return string(b)
}

func printChanges(_ context.Context, recs []pipeline.Record[*cdc.Change]) error {
	for _, r := range recs {
		if _, err := fmt.Fprintln(os.Stdout, show(r.Value)); err != nil {
			return err
		}
	}
	return nil
}

func printLetters(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
	for _, r := range recs {
		l := letter.Of(r)
		if _, err := fmt.Fprintf(os.Stdout, "%s: offset %d, %s %s\n", l.Outlet, l.Event.Offset, l.Code, l.Title); err != nil {
			return err
		}
	}
	return nil
}

// A pipeline within a program of one's own: events are decoded, checked and given
// to a function.
func Example_embed() {
	schema, err := cdc.ParseCQL(usersTable)
	if err != nil {
		fmt.Println(err)
		return
	}
	decode, err := stages.NewDecode(stages.DefaultDecode(), cdc.NewCatalog(nil, schema.Tables()...))
	if err != nil {
		fmt.Println(err)
		return
	}
	rules := stages.DefaultValidate()
	rules.Tables = []stages.TableRules{{Match: "shop.users", Rules: []stages.Rule{{Name: "age", Expr: "age >= 0"}}}}
	validate, err := stages.NewValidate(rules, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	events := captured
	p := pipeline.New("shop", pipeline.Config{})
	changes := pipeline.Then(pipeline.From(p, "slice", &events), "decode", decode)
	changes = pipeline.Then(changes, "validate", validate)
	pipeline.To(changes, "print", pipeline.SinkFunc[*cdc.Change](printChanges))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.SinkFunc[pipeline.Reject](printLetters))
	pipeline.Bind(p, pipeline.Invalid, pipeline.SinkFunc[pipeline.Reject](printLetters))
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// insert id=1 age=36 email="ada@example.com"
	// update id=1 email="lovelace@example.com"
	// delete_row id=2
	// dead_letter: offset 4, CDC-1001 malformed JSON
	// invalid: offset 1, CDC-2004 rule failed
}

// Upper is a stage of one's own: it writes a column of text, which is not of the
// key, in capitals.
type Upper struct {
	Column string `yaml:"column" jsonschema:"required,description=Column to write in capitals"`
}

// Process speaks for every record: what becomes of in[i] is said with index i.
func (u Upper) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	for i := range in {
		out.Emit(i, u.change(in[i].Value))
	}
	return nil
}

// Outlets returns none.
func (Upper) Outlets() []pipeline.Outlet { return nil }

// change returns c, or another in its place: changes are never modified.
func (u Upper) change(c *cdc.Change) *cdc.Change {
	column, ok := c.Table.Column(u.Column)
	i := slices.IndexFunc(c.Cells, func(x cdc.Cell) bool { return int(x.Column) == column && x.Value != nil })
	if !ok || i < 0 {
		return c
	}
	d := *c
	d.Cells = slices.Clone(c.Cells)
	d.Cells[i].Value = bytes.ToUpper(c.Cells[i].Value)
	return &d
}

// A stage of one's own stands among those of cdcpipe.
func Example_stage() {
	schema, err := cdc.ParseCQL(usersTable)
	if err != nil {
		fmt.Println(err)
		return
	}
	decode, err := stages.NewDecode(stages.DefaultDecode(), cdc.NewCatalog(nil, schema.Tables()...))
	if err != nil {
		fmt.Println(err)
		return
	}

	events := captured
	p := pipeline.New("shop", pipeline.Config{})
	changes := pipeline.Then(pipeline.From(p, "slice", &events), "decode", decode)
	changes = pipeline.Then(changes, "upper", Upper{Column: "email"}, pipeline.Workers(2))
	pipeline.To(changes, "print", pipeline.SinkFunc[*cdc.Change](printChanges))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	pipeline.Bind(p, pipeline.Invalid, pipeline.Discard)
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// insert id=1 age=36 email="ADA@EXAMPLE.COM"
	// update id=1 age=-1
	// update id=1 email="LOVELACE@EXAMPLE.COM"
	// delete_row id=2
}

// A program registers parts of its own beside those of cdcpipe, and its files use
// them by name.
func Example_plugin() {
	events := captured
	r := new(plugin.Registry)
	stages.Register(r)
	plugin.Stage(r, "upper", "writes a column in capitals", Upper{},
		func(_ plugin.Env, u Upper) (pipeline.Stage[*cdc.Change, *cdc.Change], error) { return u, nil })
	plugin.Source(r, "slice", "reads a slice", struct{}{},
		func(plugin.Env, struct{}) (pipeline.Source[*cdc.Event], error) { return &events, nil })
	plugin.Sink(r, "print", "prints changes", struct{}{},
		func(plugin.Env, struct{}) (pipeline.Sink[*cdc.Change], error) {
			return pipeline.SinkFunc[*cdc.Change](printChanges), nil
		})

	ctx := context.Background()
	s, err := spec.Parse(ctx, "shop.yaml", []byte(`
version: 1
name: shop
source: slice
stages:
  - decode
  - {use: upper, workers: 2, with: {column: email}}
  - batch
sink: print
outlets: {dead_letter: discard, invalid: discard}
`), r, spec.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	schema, err := cdc.ParseCQL(usersTable) // a file would have them under schema, for Spec.Catalog
	if err != nil {
		fmt.Println(err)
		return
	}
	built, err := s.Build(plugin.Env{Catalog: cdc.NewCatalog(nil, schema.Tables()...)})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := built.Pipeline.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// insert id=1 age=36 email="ADA@EXAMPLE.COM"
	// update id=1 age=-1
	// update id=1 email="LOVELACE@EXAMPLE.COM"
	// delete_row id=2
}

// From Kafka to PostgreSQL. The sink keeps the offsets of record, and letters of
// all outlets go to tables beside the replica.
func Example_kafkaToPostgres() { //nolint:testableexamples // it needs both
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.Default()
	schema, err := cdc.ParseCQL(usersTable)
	if err != nil {
		fmt.Println(err)
		return
	}
	catalog := cdc.NewCatalog(nil, schema.Tables()...)
	source, err := kafka.New(kafka.Config{Brokers: []string{"127.0.0.1:9092"}, TopicPatterns: []string{`cdc\.shop\..*`}, Group: "shop"}, log)
	if err != nil {
		fmt.Println(err)
		return
	}
	decode, err := stages.NewDecode(stages.DefaultDecode(), catalog)
	if err != nil {
		fmt.Println(err)
		return
	}
	sink, err := postgres.New(postgres.Config{DSN: os.Getenv("PG_DSN")}, "shop", catalog.Tables(), log)
	if err != nil {
		fmt.Println(err)
		return
	}
	letters, err := postgres.NewLetters(postgres.LettersConfig{DSN: os.Getenv("PG_DSN")}, "shop", log)
	if err != nil {
		fmt.Println(err)
		return
	}

	p := pipeline.New("shop", pipeline.Config{Offsets: sink, Logger: log})
	changes := pipeline.Then(pipeline.From(p, "kafka", source), "decode", decode, pipeline.Workers(2))
	pipeline.To(changes, "postgres", sink, pipeline.Lanes(4), pipeline.Batches(2000, 200*time.Millisecond))
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		pipeline.Bind(p, o, letters)
	}
	if err := p.Run(ctx); err != nil { // a second signal could call p.Abandon
		fmt.Println(err)
	}
}

// The whole of a program that runs pipeline files with a stage of its own.
func Example_program() { //nolint:testableexamples // it needs Kafka and PostgreSQL
	r := new(plugin.Registry)
	kafka.Register(r)
	stages.Register(r)
	postgres.Register(r)
	plugin.Stage(r, "upper", "writes a column in capitals", Upper{},
		func(_ plugin.Env, u Upper) (pipeline.Stage[*cdc.Change, *cdc.Change], error) { return u, nil })

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runFile(ctx, r, "pipeline.yaml")
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runFile(ctx context.Context, r *plugin.Registry, path string) error {
	s, err := spec.Load(ctx, path, r, spec.Options{})
	if err != nil {
		return err
	}
	catalog, err := s.Catalog(nil) // of the files under schema.cql
	if err != nil {
		return err
	}
	built, err := s.Build(plugin.Env{Catalog: catalog})
	if err != nil {
		return err
	}
	return built.Pipeline.Run(ctx)
}
