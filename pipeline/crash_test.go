package pipeline_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// TestCrashes runs one log through many lives of a pipeline, each with its own
// shape, disturbed by rebalances and pauses and killed at a random moment, against
// a table that keeps failing. Whatever the shapes: what a commit covers is safe at
// that moment, keys stay in order, nothing is lost and the table ends up the same.
//
// CDCPIPE_CRASHES sets the number of cases.
func TestCrashes(t *testing.T) {
	cases := "300"
	if n := os.Getenv("CDCPIPE_CRASHES"); n != "" {
		cases = n
	}
	if err := flag.Set("rapid.checks", cases); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("rapid.checks", "100") }()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		parts := rapid.IntRange(1, 4).Draw(rt, "parts")
		keys := rapid.IntRange(1, 40).Draw(rt, "keys")
		n := rapid.IntRange(1, 800).Draw(rt, "records")
		synctest.Test(t, func(t *testing.T) { newWorld(t, seed, parts, keys, n).run() })
	})
}

// A world is what outlives the pipelines.
type world struct {
	t       *testing.T
	rng     *rand.Rand // of shapes and disturbances
	log     pipelinetest.Log[string]
	table   *table
	rejects rejects
	offsets *pipelinetest.Offsets // of record; may be nil
	want    map[uint64]int        // key -> value
	n       int
}

const poison = 97 // every record whose value is a multiple is refused

func newWorld(t *testing.T, seed uint64, parts, keys, n int) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 0)), want: map[uint64]int{}, n: n}
	for i := 1; i <= n; i++ {
		k := uint64(w.rng.IntN(keys) + 1)
		w.log.Add(pipeline.Header{Partition: pipeline.Partition(fmt.Sprint("t/", k%uint64(parts))), Key: k, Size: 1 + i%20}, strconv.Itoa(i))
		if i%poison != 0 {
			w.want[k] = i
		}
	}
	w.table = &table{
		rng: rand.New(rand.NewPCG(seed, 1)), rows: map[uint64]int{}, applied: map[int]bool{}, writing: map[uint64]bool{},
		fail: 0.2, tx: w.rng.IntN(2) == 0, fresh: true,
	}
	faults := rand.New(rand.NewPCG(seed, 2))
	if w.rng.IntN(2) == 0 {
		w.offsets = &pipelinetest.Offsets{OnSave: func(_ context.Context, marks []pipeline.Mark) error {
			if w.table.fail > 0 && faults.IntN(4) == 0 {
				return errCoordinator
			}
			w.checkCovered(marks)
			return nil
		}}
	}
	return w
}

var errCoordinator = errors.New("coordinator not available")

func (w *world) run() {
	commits := rand.New(rand.NewPCG(w.rng.Uint64(), 0))
	for range w.rng.IntN(5) {
		src := w.log.Reader(1+w.rng.IntN(100), true)
		src.Assign = w.rng.IntN(2) == 0
		src.OnCommit = func(marks []pipeline.Mark) error {
			if commits.IntN(4) == 0 {
				return errCoordinator
			}
			w.checkCovered(marks)
			return nil
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(w.rng.IntN(500))*time.Millisecond)
		err := w.life(ctx, src, true)
		cancel()
		if err != nil && !errors.Is(err, pipeline.ErrDrainTimeout) && !errors.Is(err, errCoordinator) {
			w.t.Fatalf("unexpected: %v", err)
		}
		synctest.Wait()
		w.table.fresh = false
	}
	w.table.fail = 0
	src := w.log.Reader(50, false)
	src.Assign = w.rng.IntN(2) == 0
	if err := w.life(w.t.Context(), src, false); err != nil {
		w.t.Fatal(err)
	}
	w.checkEnd()
}

// life builds a pipeline of random shape and runs it.
func (w *world) life(ctx context.Context, src *pipelinetest.Reader[string], disturbed bool) error {
	ms := func(n int) time.Duration { return time.Duration(w.rng.IntN(n)+1) * time.Millisecond }
	cfg := pipeline.Config{
		InFlight: 1 + w.rng.IntN(300), InFlightBytes: 1 + w.rng.IntN(3000),
		CommitEvery: ms(100), CommitRecords: 1 + w.rng.IntN(100), DrainTimeout: ms(200),
	}
	if !disturbed {
		cfg.DrainTimeout = time.Minute
	}
	if w.offsets != nil {
		cfg.Offsets = w.offsets
	}
	p := pipeline.New("test", quiet(cfg))
	retry := pipeline.WithRetry(pipeline.Retry{Min: time.Millisecond, Max: 20 * time.Millisecond, Alone: 1000})
	breaker := pipeline.WithBreaker(pipeline.Breaker{Failures: 1 + w.rng.IntN(3), Delay: ms(20)})
	var in pipeline.Source[string] = src
	if w.rng.IntN(2) == 0 {
		in = plain{src}
	}
	f := pipeline.From(p, "log", in)
	d := pipeline.Then(f, "parse", pipeline.Map(strconv.Atoi), pipeline.Workers(1+w.rng.IntN(4)), pipeline.Buffer(w.rng.IntN(3)))
	pipeline.To(d, "table", w.table, retry, breaker, pipeline.Lanes(1+w.rng.IntN(4)), pipeline.Batches(1+w.rng.IntN(50), ms(20)))
	pipeline.Bind(p, pipeline.DeadLetter, pipelinetest.NewFaults[pipeline.Reject](&w.rejects, w.rng.Uint64(), 0.1, 0, 0.1), retry, breaker, pipeline.Batches(5, time.Millisecond))
	pipeline.Bind(p, pipeline.Stale, &w.rejects)

	var wg sync.WaitGroup
	if disturbed {
		life, end := context.WithCancel(ctx)
		defer wg.Wait()
		defer end()
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), 0))
		wg.Go(func() { disturb(life, p, src, w.log.Partitions(), rng) })
	}
	return p.Run(ctx)
}

// disturb takes partitions away and pauses them, and undoes it again.
func disturb(ctx context.Context, p *pipeline.Pipeline, src *pipelinetest.Reader[string], parts []pipeline.Partition, rng *rand.Rand) {
	pause := func(n int) bool {
		select {
		case <-time.After(time.Duration(rng.IntN(n)+1) * time.Millisecond):
			return true
		case <-ctx.Done():
			return false
		}
	}
	for pause(100) {
		q := parts[rng.IntN(len(parts))]
		switch rng.IntN(3) {
		case 0:
			if src.Assign {
				patience, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(50))*time.Millisecond)
				_, _ = src.Lose(patience, q) // may run out of patience, and of time
				cancel()
				pause(30)
				_ = src.Take(ctx, q)
			}
		case 1:
			p.PausePartition(q)
			pause(50)
			p.ResumePartition(q)
		case 2:
			p.Pause()
			pause(20)
			p.Resume()
		}
	}
}

// checkCovered is the heart of the matter: at every commit, all it covers is safe.
func (w *world) checkCovered(marks []pipeline.Mark) {
	left := map[string]bool{}
	for _, r := range w.rejects.Values() {
		left[fmt.Sprint(r.Value)] = true
	}
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	for _, m := range marks {
		for _, v := range w.log.Values(m.Partition, m.Offset) {
			if i, _ := strconv.Atoi(v); !w.table.applied[i] && !left[v] {
				w.table.err = fmt.Errorf("committed %v but %s is nowhere", m, v)
			}
		}
	}
}

func (w *world) checkEnd() {
	if w.table.err != nil {
		w.t.Fatal(w.table.err)
	}
	for k, v := range w.want {
		if w.table.rows[k] != v {
			w.t.Fatalf("key %d: got %d, want %d", k, w.table.rows[k], v)
		}
	}
	left := map[string]bool{}
	for _, r := range w.rejects.Values() {
		left[fmt.Sprint(r.Value)] = true
	}
	for i := 1; i <= w.n; i++ {
		if !w.table.applied[i] && !left[strconv.Itoa(i)] {
			w.t.Fatalf("record %d disappeared", i)
		}
	}
	for _, q := range w.log.Partitions() {
		c, end := w.log.Committed(q), w.log.End(q)
		if w.offsets != nil {
			c = w.offsets.Get(q).Offset
		}
		if c != end {
			w.t.Fatalf("%s: committed %d of %d", q, c, end)
		}
	}
}

// A table is a sink with last-write-wins rows, like an upsert guarded by a
// version. It fails at random: wholly, before or after applying, or for records.
type table struct {
	mu      sync.Mutex
	rng     *rand.Rand
	rows    map[uint64]int // key -> version
	applied map[int]bool   // values ever applied
	writing map[uint64]bool
	fail    float64
	fresh   bool // no earlier life has written: nothing can be stale
	tx      bool // one bad row refuses the whole batch
	err     error
}

func (tb *table) Outlets() []pipeline.Outlet {
	return []pipeline.Outlet{pipeline.DeadLetter, pipeline.Stale}
}

func (tb *table) Write(_ context.Context, recs []pipeline.Record[int]) error {
	tb.mu.Lock()
	for _, r := range recs {
		if tb.writing[r.Key] {
			tb.err = fmt.Errorf("key %d in flight twice", r.Key)
		}
	}
	for _, r := range recs {
		tb.writing[r.Key] = true
	}
	dice := tb.rng.Float64()
	tb.mu.Unlock()
	time.Sleep(time.Duration(len(recs)) * time.Millisecond)
	tb.mu.Lock()
	defer tb.mu.Unlock()
	defer func() {
		for _, r := range recs {
			delete(tb.writing, r.Key)
		}
	}()
	if dice < tb.fail/2 {
		return errors.New("connection reset")
	}
	if tb.tx {
		for _, r := range recs {
			if r.Value%poison == 0 {
				return pipeline.Permanent(errors.New("poison in the batch"))
			}
		}
	}
	var bad pipeline.Failures
	locked := map[uint64]bool{}
	for i, r := range recs {
		locked[r.Key] = locked[r.Key] || tb.rng.Float64() < tb.fail/20
		switch {
		case r.Value%poison == 0:
			bad.Add(i, pipeline.Permanent(errors.New("poison")))
		case locked[r.Key]:
			bad.Add(i, errors.New("row is locked"))
		case r.Value < tb.rows[r.Key]:
			if tb.fresh && !tb.applied[r.Value] {
				tb.err = fmt.Errorf("key %d: %d arrived after %d", r.Key, r.Value, tb.rows[r.Key])
			}
			bad.Add(i, pipeline.Divert(pipeline.Stale, errors.New("older")))
		default:
			tb.rows[r.Key], tb.applied[r.Value] = r.Value, true
		}
	}
	if dice > 1-tb.fail/2 {
		return errors.New("timeout after the write took effect")
	}
	return bad.Err()
}
