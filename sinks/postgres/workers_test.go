package postgres_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
)

// Workers merge changes of the same partitions at the same time, deletions of
// partitions and ranges among them: neither misses what another writes, and none
// waits for ever. Most changes come once, so that nothing mends what was missed.
func TestWorkersOnOnePartition(t *testing.T) {
	t.Parallel()
	tbl := table(t, everyRole)
	dsn := database(t)
	const workers, trials = 3, 60
	var sinks []*postgres.Sink
	for range workers {
		sinks = append(sinks, open(t, postgres.Config{DSN: dsn, NoAudit: true}, tbl))
	}
	var all []*cdc.Change
	for trial := range int32(trials) {
		gen := rapid.Custom(func(t *rapid.T) *cdc.Change { return drawer{t, tbl}.change(trial) })
		var wg sync.WaitGroup
		for w := range workers {
			rng := rand.New(rand.NewPCG(uint64(trial), uint64(w)))
			var mine []*cdc.Change
			for i := range 30 {
				mine = append(mine, gen.Example(int(trial)*1000+w*100+i))
			}
			if len(all) > 0 && rng.IntN(4) == 0 {
				mine = append(mine, all[len(all)-1]) // a copy of what another has merged
			}
			all = append(all, mine...)
			wg.Go(func() {
				for batch := range slices.Chunk(mine, 1+rng.IntN(4)) {
					if err := sinks[w].Write(context.Background(), records(batch...)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	var want []string
	for p := range int32(trials) {
		var mine []*cdc.Change
		for _, c := range all {
			if n, _ := c.Key[0].Int(cdc.Int); int32(n) == p {
				mine = append(mine, c)
			}
		}
		want = append(want, expected(tbl, mine, 2_000_000_000)...)
	}
	got := lines(t, dsn, `SELECT p, c, d, s, a, b, n FROM shop.t`)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows\n%s\nwant %d\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}

// A row that is being merged while its partition or range is being deleted, and
// the other way round: whoever is second sees what the first did. Triggers hold
// the first transaction open in its midst until the second is well under way.
func TestDeletionMeetsRow(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (p int, c int, a int, PRIMARY KEY (p, c))`)
	row := &cdc.Change{Table: tbl, Op: cdc.Insert, Time: 5, Marker: cdc.Stamp{Time: 5}, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, 1), cdc.AppendInt32(nil, 1)}}
	row.Clustering = tbl.AppendClustering(nil, row.Key[1:])
	part := &cdc.Change{Table: tbl, Op: cdc.DeletePartition, Time: 6, Deleted: 6, Marker: cdc.Unwritten(), Key: row.Key[:1]}
	span := &cdc.Change{Table: tbl, Op: cdc.DeleteRange, Time: 6, Deleted: 6, Marker: cdc.Unwritten(), Key: row.Key[:1]}
	for _, tc := range []struct {
		name, held    string
		first, second *cdc.Change
	}{
		{"partition after row", "base", row, part}, {"range after row", "base", row, span},
		{"row after partition", "part", part, row}, {"row after range", "range", span, row},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dsn := database(t)
			// Settings that a database may have, and that must not matter.
			exec(t, dsn, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
				EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
			one, two := open(t, postgres.Config{DSN: dsn}, tbl), open(t, postgres.Config{DSN: dsn}, tbl)
			exec(t, dsn, `CREATE TABLE commits (how text)`,
				`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO commits VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END'`,
				`CREATE TRIGGER note AFTER INSERT ON k__cdc.t__`+tc.held+` FOR EACH ROW EXECUTE FUNCTION note()`)
			exec(t, dsn, `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END'`,
				`CREATE TRIGGER hold BEFORE INSERT ON k__cdc.t__`+tc.held+` FOR EACH ROW EXECUTE FUNCTION hold()`)
			gate, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer gate.Close(context.Background())
			if _, err := gate.Exec(t.Context(), `SELECT pg_advisory_lock(42)`); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 2)
			waiting := func(n int) bool {
				got := lines(t, dsn, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
				return got[0] == strconv.Itoa(n)
			}
			go func() { done <- one.Write(context.Background(), records(tc.first)) }()
			for !waiting(1) {
				runtime.Gosched()
			}
			second := make(chan struct{})
			go func() { done <- two.Write(context.Background(), records(tc.second)); close(second) }()
			for over := false; !over && !waiting(2); {
				select {
				case <-second: // it did not wait
					over = true
				default:
				}
			}
			if _, err := gate.Exec(t.Context(), `SELECT pg_advisory_unlock(42)`); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := <-done; err != nil && !strings.Contains(err.Error(), "CDC-5001") {
					t.Fatal(err)
				}
			}
			if got := lines(t, dsn, `SELECT * FROM k.t`); len(got) != 0 {
				t.Errorf("a deleted row shows: %v", got)
			}
			if got := lines(t, dsn, `SELECT DISTINCT how FROM commits`); !slices.Equal(got, []string{"on"}) {
				t.Errorf("merged with synchronous_commit %v", got)
			}
		})
	}
}
