package cassandra_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sources/cassandra"
)

// A ring is a table of rows with keys 0 to n-1, at their own tokens.
type ring struct {
	n      int
	read   func(key int) error // before a row is given
	starts atomic.Int64        // ranges that were begun
}

func (r *ring) Ranges(_ context.Context, n int) (ranges []cassandra.TokenRange, _ error) {
	width := int64(math.MaxInt64/n) * 2
	from := int64(math.MinInt64)
	for range n - 1 {
		ranges = append(ranges, cassandra.TokenRange{From: from, To: from + width})
		from += width
	}
	return append(ranges, cassandra.TokenRange{From: from, To: math.MaxInt64}), nil
}

func (r *ring) ReadTokens(_ context.Context, _ *cdc.Table, from, to int64, yield func(cdc.Reading) error) error {
	r.starts.Add(1)
	for k := range r.n {
		key := cdc.Value(cdc.AppendInt32(nil, int32(k)))
		if token := cdc.Token(key); token <= from || token > to {
			continue
		}
		if r.read != nil {
			if err := r.read(k); err != nil {
				return err
			}
		}
		cell := cdc.Cell{Column: 1, Stamp: cdc.Stamp{Time: 1000}, Value: cdc.Value("v")}
		if err := yield(cdc.Reading{Key: []cdc.Value{key}, Cells: []cdc.Cell{cell}}); err != nil {
			return err
		}
	}
	return nil
}

func snapTable(t testing.TB) *cdc.Table {
	t.Helper()
	s, err := cdc.ParseCQL("CREATE TABLE shop.t (id int PRIMARY KEY, v text)")
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()[0]
}

// snapRun runs a snapshot to its end and returns the keys that came.
func snapRun(ctx context.Context, t testing.TB, cfg cassandra.SnapshotConfig, r *ring, offsets pipeline.Offsets) (keys []int32, s *cassandra.Snapshot, err error) {
	t.Helper()
	s, err = cassandra.NewSnapshot(cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	var got pipelinetest.Collector[*cdc.Change]
	p := pipeline.New("snap", pipeline.Config{Offsets: offsets, Logger: slog.New(slog.DiscardHandler), CommitRecords: 1})
	pipeline.To(pipeline.From(p, "snapshot", s), "sink", &got)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	err = p.Run(ctx)
	for _, c := range got.Values() {
		n, _ := c.Key[0].Int(cdc.Int)
		keys = append(keys, int32(n))
	}
	slices.Sort(keys)
	return keys, s, err
}

func upTo(n int) (keys []int32) {
	for k := range n {
		keys = append(keys, int32(k))
	}
	return keys
}

func TestSnapshotReadsEveryRowOnce(t *testing.T) {
	t.Parallel()
	for _, facts := range []bool{false, true} {
		table := snapTable(t)
		if facts {
			table = table.OfFacts()
		}
		r, offsets := &ring{n: 3000}, &pipelinetest.Offsets{}
		cfg := cassandra.SnapshotConfig{Tables: []*cdc.Table{table}, Ranges: 7, Parallel: 3}
		keys, s, err := snapRun(t.Context(), t, cfg, r, offsets)
		if err != nil || !slices.Equal(keys, upTo(3000)) {
			t.Errorf("facts %t: %d rows, %v", facts, len(keys), err)
		}
		if p := s.Progress(); !p.Complete() || p.Ranges != 7 || p.Rows != 3000 {
			t.Errorf("got %+v", p)
		}
		// Again, there is nothing to do; a table of another definition is read anew.
		keys, s, err = snapRun(t.Context(), t, cfg, r, offsets)
		if p := s.Progress(); err != nil || len(keys) > 0 || !p.Complete() || p.Resumed != 7 {
			t.Errorf("again: %d rows, %+v, %v", len(keys), p, err)
		}
		altered, err := cdc.ParseCQL("CREATE TABLE shop.t (id int PRIMARY KEY, v text, w int)")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Tables = altered.Tables()
		if keys, _, err = snapRun(t.Context(), t, cfg, r, offsets); err != nil || len(keys) != 3000 {
			t.Errorf("altered: %d rows, %v", len(keys), err)
		}
	}
}

// A snapshot that is stopped is gone on with: what was finished is not read again,
// and every row is read in the end.
func TestSnapshotResumes(t *testing.T) {
	t.Parallel()
	offsets := &pipelinetest.Offsets{}
	cfg := cassandra.SnapshotConfig{Tables: []*cdc.Table{snapTable(t)}, Ranges: 16, Parallel: 1}
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	r := &ring{n: 2000, read: func(int) error {
		if n.Add(1) == 1000 {
			cancel()
		}
		return nil
	}}
	first, s, err := snapRun(ctx, t, cfg, r, offsets)
	if p := s.Progress(); err != nil || p.Complete() || p.Finished == 0 {
		t.Fatalf("got %+v, %v", p, err)
	}
	r.starts.Store(0)
	second, s, err := snapRun(t.Context(), t, cfg, r, offsets)
	p := s.Progress()
	if err != nil || !p.Complete() || p.Resumed == 0 || r.starts.Load() != 16-p.Resumed {
		t.Fatalf("got %+v, %d begun, %v", p, r.starts.Load(), err)
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(first, second))))
	if !slices.Equal(all, upTo(2000)) {
		t.Errorf("%d rows in the end", len(all))
	}
}

// What is of the world is tried again from the start of the range, what is not ends
// the snapshot.
func TestSnapshotRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		failed := map[int]bool{}
		r := &ring{n: 500, read: func(k int) error {
			mu.Lock()
			defer mu.Unlock()
			if k%100 == 99 && !failed[k] {
				failed[k] = true
				return fault.New(fault.CassandraLate, "no answer")
			}
			return nil
		}}
		cfg := cassandra.SnapshotConfig{Tables: []*cdc.Table{snapTable(t)}, Ranges: 2, Attempts: 9}
		keys, s, err := snapRun(t.Context(), t, cfg, r, &pipelinetest.Offsets{})
		if got := slices.Compact(keys); err != nil || !slices.Equal(got, upTo(500)) || !s.Progress().Complete() {
			t.Errorf("%d rows, %v", len(got), err)
		}
		broken := errors.New("broken")
		r.read = func(int) error { return broken }
		if _, s, err := snapRun(t.Context(), t, cfg, r, &pipelinetest.Offsets{}); !errors.Is(err, broken) || s.Progress().Complete() {
			t.Errorf("got %v", err)
		}
	})
}

func TestSnapshotKeepsTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		cfg := cassandra.SnapshotConfig{Tables: []*cdc.Table{snapTable(t)}, Rate: 100, Parallel: 4}
		if _, _, err := snapRun(t.Context(), t, cfg, &ring{n: 1000}, &pipelinetest.Offsets{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("1000 rows at 100 a second took %v", took)
		}
	})
}

func TestSnapshotConfig(t *testing.T) {
	t.Parallel()
	tables := []*cdc.Table{snapTable(t)}
	for _, cfg := range []cassandra.SnapshotConfig{
		{}, {Tables: tables, Rate: math.NaN()}, {Tables: tables, Rate: -1}, {Tables: tables, Ranges: -1}, {Tables: tables, Parallel: -1},
	} {
		if _, err := cassandra.NewSnapshot(cfg, &ring{}); err == nil {
			t.Errorf("%+v passes", cfg)
		}
	}
}
