package demo_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/demo"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sinks/postgres/pgserver"
	"cdcpipe/sources/generator"
	"cdcpipe/stages/debezium"
)

// statements is how many statements the test of the merge runs; the environment
// variable CDCPIPE_STATEMENTS asks for more.
func statements() int {
	if n, err := strconv.Atoi(os.Getenv("CDCPIPE_STATEMENTS")); err == nil {
		return n
	}
	return 20_000
}

// server starts a PostgreSQL for one test.
func server(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cdcpipe-demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := pgserver.Start(context.Background(), pgserver.Config{Dir: dir, Settings: map[string]string{"fsync": "off", "max_wal_size": "4GB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s.DSN()
}

// decoded returns the changes that a generator's events are, with their index.
func decoded(t testing.TB, g *generator.Generator, n int) []pipeline.Record[*cdc.Change] {
	t.Helper()
	d, err := debezium.New(debezium.Config{Catalog: cdc.NewCatalog(nil, g.Tables()...)})
	if err != nil {
		t.Fatal(err)
	}
	b := pipeline.NewBatch[*cdc.Change](n)
	slab := debezium.NewSlab(n)
	for i := range uint64(n) {
		var e generator.Event
		g.Event(i, &e)
		c, err := d.Decode(context.Background(), &cdc.Event{Topic: e.Topic, Key: e.Key, Value: e.Value, Offset: int64(i)}, slab)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		b.Append(pipeline.Header{Partition: "t/0", Offset: int64(i), Key: c.Hash()}, c)
	}
	return b.Records
}

// The merge in PostgreSQL agrees with an oracle that shares no code with it, on
// statements that all collide, in any order, with duplicates, and with two workers
// that merge the same partitions at the same time.
func TestMergeAgreesWithOracle(t *testing.T) {
	dsn := server(t)
	cfg := generator.Default()
	cfg.Tiny, cfg.Malformed, cfg.StartTime = true, 0, time.Now().UnixMicro()
	cfg.Events, cfg.Seed = uint64(statements()), uint64(time.Now().UnixNano())
	t.Logf("seed %d", cfg.Seed)
	g, err := generator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	recs := decoded(t, g, statements())
	o := generator.NewOracle(g)
	// Tiny cases collide so much that one replaces what another did: the state is
	// compared many times on the way.
	const round = 2_000
	var sinks []*postgres.Sink
	for range 2 {
		s, err := postgres.New(postgres.Config{DSN: dsn}, "test", g.Tables(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer s.Close(context.Background())
		sinks = append(sinks, s)
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	at := 0
	for part := range slices.Chunk(recs, round) {
		for range part {
			o.Apply(uint64(at))
			at++
		}
		// One worker has a statement, or both have it, or one has it twice.
		shares := make([][]pipeline.Record[*cdc.Change], len(sinks))
		for _, r := range part {
			w := rng.IntN(2)
			shares[w] = append(shares[w], r)
			if rng.IntN(4) == 0 {
				w = rng.IntN(2)
				shares[w] = append(shares[w], r)
			}
		}
		var wg sync.WaitGroup
		for w, s := range sinks {
			mine := shares[w]
			rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			size := 1 + rng.IntN(300)
			wg.Go(func() {
				for batch := range slices.Chunk(mine, size) {
					err := s.Write(context.Background(), batch)
					if _, stale := errors.AsType[*pipeline.Failures](err); err != nil && !stale {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if at%(10*round) != 0 && at != len(recs) {
			continue
		}
		c, err := demo.Compare(t.Context(), dsn, g, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range c.First {
			t.Errorf("%s:\n got %s\nwant %s", m.Table, m.Got, m.Want)
		}
		t.Logf("%d statements, %d rows", at, c.Rows)
		if c.Mismatches > 0 {
			t.Fatalf("%d of %d rows differ after %d statements", c.Mismatches, c.Rows, at)
		}
	}
}
