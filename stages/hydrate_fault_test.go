package stages_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages"
)

// A reader answers as it is told.
type reader struct {
	rows func(t *cdc.Table, clustering [][]cdc.Value) ([]cdc.Reading, error)
	left []cdc.Reading
}

func (r reader) ReadRows(_ context.Context, t *cdc.Table, _ []cdc.Value, clustering [][]cdc.Value) ([]cdc.Reading, error) {
	return r.rows(t, clustering)
}

func (r reader) ReadPrefix(_ context.Context, _ *cdc.Table, _ []cdc.Value, yield func(cdc.Reading) error) error {
	for _, x := range r.left {
		if err := yield(x); err != nil {
			return err
		}
	}
	return nil
}

func hydrate(t *testing.T, cfg stages.HydrateConfig, r cdc.Reader, tables *cdc.Catalog) *stages.Hydrate {
	t.Helper()
	h, err := stages.NewHydrate(cfg, r, tables)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What is about the table leaves by the invalid outlet, and nothing else does.
func TestHydrateFaults(t *testing.T) {
	t.Parallel()
	tbl := table(t, parts)
	gone := reader{rows: func(*cdc.Table, [][]cdc.Value) ([]cdc.Reading, error) {
		return nil, fault.New(fault.CassandraTable, "no such table")
	}}
	r := run(t, hydrate(t, stages.DefaultHydrate(), gone, cdc.NewCatalog(nil, tbl)), 10, change(t, tbl, cdc.Insert, 1, map[string]cdc.Value{"c": num(1)}))
	if len(r.rejects) != 1 || r.rejects[0].Outlet != pipeline.Invalid || fault.CodeOf(r.rejects[0].Cause) != fault.CassandraTable {
		t.Errorf("got %v and %v", r.out, r.rejects)
	}
	many := reader{left: make([]cdc.Reading, 3)}
	for i := range many.left {
		many.left[i].Key = []cdc.Value{num(1), num(int32(i))}
	}
	cfg := stages.DefaultHydrate()
	cfg.MaxRows = 2
	r = run(t, hydrate(t, cfg, many, cdc.NewCatalog(nil, tbl)), 10, change(t, tbl, cdc.DeletePartition, 1, nil))
	if len(r.rejects) != 1 || fault.CodeOf(r.rejects[0].Cause) != fault.ReadTooLarge {
		t.Errorf("got %v and %v", r.out, r.rejects)
	}
	if _, err := stages.NewHydrate(stages.DefaultHydrate(), nil, nil); err == nil {
		t.Error("nothing to ask, and nothing said")
	}
	for _, bad := range []stages.HydrateConfig{
		{Mode: "sometimes", Concurrency: 1, MaxRows: 1}, {Mode: stages.HydrateNever}, {Mode: stages.HydrateNever, Concurrency: 1, MaxRows: 1, Tables: []stages.HydrateTable{{Match: "x", Mode: stages.HydrateNever}}},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

// A Cassandra that does not answer holds the batch back, and loses nothing.
func TestHydrateWaits(t *testing.T) {
	t.Parallel()
	tbl := table(t, parts)
	var asked atomic.Int32
	down := reader{rows: func(*cdc.Table, [][]cdc.Value) ([]cdc.Reading, error) {
		if asked.Add(1) < 3 {
			return nil, fault.New(fault.CassandraDown, "no host")
		}
		return nil, nil
	}}
	var out []*cdc.Change
	p := pipeline.New("test", pipeline.Config{Logger: quiet})
	h := hydrate(t, stages.DefaultHydrate(), down, cdc.NewCatalog(nil, tbl))
	f := pipeline.Then(pipeline.From(p, "loop", pipeline.Source[*cdc.Change](&loop[*cdc.Change]{values: []*cdc.Change{change(t, tbl, cdc.Insert, 1, map[string]cdc.Value{"c": num(1)})}, size: changeSize, n: 1})),
		"hydrate", h, pipeline.WithRetry(pipeline.Retry{Min: time.Millisecond, Max: time.Millisecond}))
	pipeline.To(f, "out", pipeline.SinkFunc[*cdc.Change](func(_ context.Context, recs []pipeline.Record[*cdc.Change]) error {
		out = append(out, recs[0].Value)
		return nil
	}))
	pipeline.Bind(p, pipeline.Invalid, pipeline.Discard)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil || len(out) != 1 || out[0].Op != cdc.DeleteRow {
		t.Errorf("got %v, %v", out, err)
	}
}

// A definition that turns out to be old is looked up anew.
func TestHydrateFollowsDefinitions(t *testing.T) {
	t.Parallel()
	old, now := table(t, parts), table(t, `CREATE TABLE shop.parts (p int, c int, s text STATIC, a int, b text, z int, PRIMARY KEY (p, c))`)
	answers := reader{rows: func(tbl *cdc.Table, clustering [][]cdc.Value) ([]cdc.Reading, error) {
		if tbl != now {
			return nil, fault.New(fault.CassandraDiffers, "no column z")
		}
		z, _ := now.Column("z")
		return []cdc.Reading{{Key: []cdc.Value{num(1), clustering[0][0]}, Cells: []cdc.Cell{{Column: int32(z), Stamp: cdc.Stamp{Time: 5}, Value: num(9)}}}}, nil
	}}
	for _, tc := range []struct {
		loader cdc.LoaderFunc
		code   fault.Code
	}{
		{func(context.Context, string, string) (*cdc.Table, error) { return now, nil }, ""},
		{func(context.Context, string, string) (*cdc.Table, error) { return old, nil }, fault.CassandraDiffers},
		{func(context.Context, string, string) (*cdc.Table, error) {
			return table(t, `CREATE TABLE shop.parts (p int PRIMARY KEY)`), nil
		}, fault.KeyChanged},
	} {
		h := hydrate(t, stages.DefaultHydrate(), answers, cdc.NewCatalog(tc.loader, old))
		r := run(t, h, 1, change(t, old, cdc.Update, 1, map[string]cdc.Value{"c": num(1), "a": num(2)}))
		switch {
		case tc.code != "" && (len(r.rejects) != 1 || fault.CodeOf(r.rejects[0].Cause) != tc.code):
			t.Errorf("got %v and %v, want %s", r.out, r.rejects, tc.code)
		case tc.code == "" && (len(r.out) != 1 || show(r.out[0]) != "parts p=1 c=1 s=∅ a=∅ b=∅ z=9" || !r.out[0].Table.Facts):
			t.Errorf("got %v and %v", r.out, r.rejects)
		}
	}
	if got := hydrate(t, stages.DefaultHydrate(), answers, nil).MapTables([]*cdc.Table{old, table(t, plain)}); !got[0].Facts || got[1].Facts {
		t.Errorf("got facts %v and %v", got[0].Facts, got[1].Facts)
	}
}

// A change of nothing but static values asks for these, and leaves the rows alone.
func TestHydrateStatics(t *testing.T) {
	t.Parallel()
	tbl := table(t, parts)
	truth := newKeeper(tbl)
	row := change(t, tbl, cdc.Insert, 1, map[string]cdc.Value{"c": num(1), "a": num(5)})
	static := change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"s": text("x")})
	truth.apply(row, static)
	r := run(t, hydrate(t, stages.DefaultHydrate(), truth, cdc.NewCatalog(nil, tbl)), 10, static)
	if len(r.out) != 1 || show(r.out[0]) != "parts p=1 s=x" || r.out[0].Op != cdc.Update || r.out[0].Row() {
		t.Errorf("got %v and %v", r.out, r.rejects)
	}
}
