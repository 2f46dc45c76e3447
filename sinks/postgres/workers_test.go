package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
)

// Two workers merge the same changes of the same partitions at the same time,
// each in its own order, with deletions of partitions and ranges among
// them: neither misses what the other writes, and neither waits for ever.
func TestTwoWorkersOnOnePartition(t *testing.T) {
	t.Parallel()
	tbl := table(t, everyRole)
	dsn := database(t)
	const partitions, rounds = 8, 12
	var changes []*cdc.Change
	// One case of the property test's generator makes the changes.
	gen := rapid.Custom(func(t *rapid.T) *cdc.Change {
		return drawer{t, tbl}.change(rapid.Int32Range(0, partitions-1).Draw(t, "p"))
	})
	for i := range 600 {
		changes = append(changes, gen.Example(i))
	}
	var wg sync.WaitGroup
	for worker := range uint64(3) {
		s := open(t, postgres.Config{DSN: dsn, NoAudit: worker == 0}, tbl)
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(worker, 7))
			for range rounds {
				mine := slices.Clone(changes)
				rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				for batch := range slices.Chunk(mine, 1+rng.IntN(60)) {
					if err := s.Write(context.Background(), records(batch...)); err != nil && !strings.Contains(err.Error(), "CDC-5001") {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	var want []string
	for p := range int32(partitions) {
		var mine []*cdc.Change
		for _, c := range changes {
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
	if n := lines(t, dsn, fmt.Sprintf(`SELECT count(*) FROM shop__cdc.t__base WHERE p < %d`, partitions)); n[0] == "0" {
		t.Error("nothing was written")
	}
}
