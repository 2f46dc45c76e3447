package generator

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
)

// start is the write time of the first event in tests: 2026-01-01.
const start = 1_767_225_600_000_000

// clocks are before, between, at and after the expiries of what has a TTL.
func clocks(g *Generator) []int64 {
	e := g.expiries
	return []int64{0, e[0] - 1, e[0], e[1], e[2] + 1, start / 1e6, e[3] - 1, e[3], e[4] + 1, e[5], e[5] + 1}
}

func newGenerator(t testing.TB, set func(*Config)) *Generator {
	t.Helper()
	cfg := Default()
	cfg.StartTime = start
	if set != nil {
		set(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// hold compares the oracle with the reference after the same events, and returns
// how many rows show.
func hold(t rapid.TB, o *Oracle, r *reference, second int64) (rows int) {
	t.Helper()
	want := r.rows(second)
	for key, got := range o.Rows(r.table.def, time.Unix(second, 0)) {
		rows++
		w, ok := want[key]
		if !ok {
			t.Fatalf("%s at %d: the oracle shows %v, which should not show", r.table.def, second, got)
		}
		if !maps.Equal(got, w) {
			t.Fatalf("%s at %d:\n got %v\nwant %v", r.table.def, second, got, w)
		}
		delete(want, key)
	}
	for _, w := range want {
		t.Fatalf("%s at %d: the oracle does not show %v", r.table.def, second, w)
	}
	return rows
}

// drawTiny draws a generator of events where everything ties, one of its tables,
// and events of that table, in any order and any number of times.
func drawTiny(t *testing.T, rt *rapid.T) (*Generator, *table, []uint64) {
	g := newGenerator(t, func(c *Config) {
		c.Seed, c.Tiny = rapid.Uint64().Draw(rt, "seed"), true
		c.Deletes, c.TTL = rapid.SampledFrom([]float64{0, 0.2, 0.5}).Draw(rt, "deletes"), 0.4
	})
	tb := rapid.SampledFrom(g.tables).Draw(rt, "table")
	var s statement
	var of []uint64
	for i := uint64(0); len(of) < 100; i++ {
		if _, r := g.plan(i, &s); s.table == tb && r != malformed {
			of = append(of, i)
		}
	}
	return g, tb, rapid.SliceOfN(rapid.SampledFrom(of), 1, 60).Draw(rt, "events")
}

func TestOracleByDefinition(t *testing.T) {
	t.Parallel()
	shown := 0
	rapid.Check(t, func(rt *rapid.T) {
		g, tb, events := drawTiny(t, rt)
		o := NewOracle(g)
		r := &reference{t: rt, table: tb}
		var e Event
		for _, i := range events {
			g.Event(i, &e)
			o.Apply(i)
			r.add(&e)
		}
		for _, second := range clocks(g) {
			shown += hold(rt, o, r, second)
		}
	})
	if shown == 0 {
		t.Error("no row ever showed")
	}
}

// The events of an ordinary run, in order.
func TestOracleOfARun(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		g := newGenerator(t, func(c *Config) { c.Seed, c.Keys, c.Deletes, c.Ties = seed, 1000, 0.2, 0.2 })
		o := NewOracle(g)
		references := map[*table]*reference{}
		for _, tb := range g.tables {
			references[tb] = &reference{t: t, table: tb}
		}
		var e Event
		for i := range uint64(4000) {
			g.Event(i, &e)
			o.Apply(i)
			if e.Broken == 0 {
				references[e.statement.table].add(&e)
			}
		}
		rows := 0
		for _, r := range references {
			rows += hold(t, o, r, time.Now().Unix())
		}
		if rows < 300 {
			t.Errorf("seed %d: %d rows show, which proves little", seed, rows)
		}
	}
}

// The merge of package cdc, fed with what the events say, shows the same rows.
func TestOracleAgreesWithMerge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g, tb, events := drawTiny(t, rt)
		o, m := NewOracle(g), newMerge(tb)
		var s statement
		for _, i := range events {
			g.plan(i, &s)
			o.Apply(i)
			m.apply(&s)
		}
		for _, second := range clocks(g) {
			got := map[uint64]Row{}
			for key := range o.histories[tb].rows {
				if row := (Row{}); o.histories[tb].show(key, second, row) {
					for _, c := range tb.def.Columns[:tb.def.Key] {
						delete(row, c.Name)
					}
					got[key] = row
				}
			}
			if want := m.show(second); !maps.EqualFunc(got, want, maps.Equal) {
				rt.Fatalf("%s at %d:\n got %v\nwant %v", tb.def, second, got, want)
			}
		}
	})
}

// The order of events does not matter, nor how often they come.
func TestOracleIsALattice(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Keys = 500 })
	const n = 5000
	once, again := NewOracle(g), NewOracle(g)
	for i := range uint64(n) {
		once.Apply(i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2 {
		for _, i := range r.Perm(n) {
			again.Apply(uint64(i))
		}
	}
	for _, def := range g.Tables() {
		want := map[string]Row{}
		for k, row := range once.Rows(def, time.Now()) {
			want[k] = maps.Clone(row)
		}
		for k, row := range again.Rows(def, time.Now()) {
			if !maps.Equal(row, want[k]) {
				t.Errorf("%s:\n got %v\nwant %v", def, row, want[k])
			}
			delete(want, k)
		}
		if len(want) > 0 {
			t.Errorf("%s: %d rows are missing", def, len(want))
		}
	}
	if c := again.Counts(); c.Ops[cdc.Insert] != 2*once.Counts().Ops[cdc.Insert] {
		t.Errorf("inserts counted = %d, want %d", c.Ops[cdc.Insert], 2*once.Counts().Ops[cdc.Insert])
	}
}

func TestRowsOfAnotherTable(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic for a table that is not of Schema")
		}
	}()
	s, err := cdc.ParseCQL("CREATE TABLE a.b (c int PRIMARY KEY)")
	if err != nil {
		t.Fatal(err)
	}
	NewOracle(newGenerator(t, nil)).Rows(s.Tables()[0], time.Now())
}
