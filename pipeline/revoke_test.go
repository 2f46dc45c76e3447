package pipeline_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

func partition(st pipeline.Stats, p pipeline.Partition) (s pipeline.PartitionStats, ok bool) {
	for _, s := range st.Partitions {
		if s.Partition == p {
			return s, true
		}
	}
	return s, false
}

// Revoke waits for what is in flight, and for nothing that was not admitted; its
// mark covers all of it; nothing of the partition is written afterwards.
func TestRevoke(t *testing.T) {
	for _, withOffsets := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := seed(400, 2, 1000)
			src := l.Reader(10, true)
			src.Assign = true
			cfg := pipeline.Config{CommitEvery: time.Hour, CommitRecords: 1e6}
			offsets := &pipelinetest.Offsets{}
			if withOffsets {
				cfg.Offsets = offsets
			}
			var revoked atomic.Bool
			p := pipeline.New("test", quiet(cfg))
			pipeline.To(pipeline.From(p, "log", src), "slow", sink(func(_ context.Context, recs []record) error {
				if revoked.Load() && recs[0].Partition == "t/1" {
					t.Error("a record of a revoked partition was written")
				}
				time.Sleep(time.Second)
				return nil
			}))
			done := start(t, p)
			time.Sleep(2500 * time.Millisecond)
			before, _ := partition(p.Stats(), "t/1")
			if before.Batches == 0 || before.Read == before.Settled {
				t.Fatalf("nothing is in flight: %+v", before)
			}
			begun := time.Now()
			marks, err := src.Lose(t.Context(), "t/1")
			revoked.Store(true)
			if err != nil || len(marks) != 1 || marks[0] != before.Read {
				t.Fatalf("final marks %v (%v), want %v", marks, err, before.Read)
			}
			if took := time.Since(begun); took < time.Second || took > 10*time.Second {
				t.Errorf("waited %v", took)
			}
			if withOffsets && offsets.Get("t/1") != marks[0] {
				t.Errorf("saved %v, want %v", offsets.Get("t/1"), marks[0])
			}
			if _, ok := partition(p.Stats(), "t/1"); ok {
				t.Error("the partition is still listed")
			}
			time.Sleep(time.Minute)
			if err := src.Take(t.Context(), "t/1"); err != nil {
				t.Fatal(err)
			}
			revoked.Store(false)
			time.Sleep(time.Minute)
			p.Drain()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			for _, q := range l.Partitions() {
				if c := l.Committed(q); c != 200 {
					t.Errorf("%s: committed %d, want 200", q, c)
				}
			}
		})
	}
}

// A Revoke whose context ends returns, and no mark of the claim follows it.
func TestRevokeThatCannotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(400, 2, 1000)
		src := l.Reader(10, true)
		src.Assign = true
		p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1}))
		pipeline.To(pipeline.From(p, "log", src), "slow", sink(func(context.Context, []record) error {
			time.Sleep(time.Second)
			return nil
		}))
		done := start(t, p)
		time.Sleep(2500 * time.Millisecond)
		for _, wait := range []time.Duration{1200 * time.Millisecond, 0} {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			begun := time.Now()
			marks, _ := src.Lose(ctx, "t/1")
			cancel()
			if took := time.Since(begun); took != wait {
				t.Errorf("waited %v, want %v", took, wait)
			}
			time.Sleep(20 * time.Second)
			if c := l.Committed("t/1"); len(marks) != 1 || c != marks[0].Offset {
				t.Errorf("committed %d, final marks %v", c, marks)
			}
			if err := src.Take(t.Context(), "t/1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2500 * time.Millisecond)
		}
		p.Drain()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// A batch read under a claim that was lost meanwhile is ignored, even if the
// partition has been regained.
func TestBatchOfALostClaimIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(20, 1, 1)
		src := &late{Reader: l.Reader(10, true), hold: make(chan struct{})}
		src.Assign = true
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", src), "sink", &got)
		done := start(t, p)
		synctest.Wait() // a batch has been read
		if _, err := src.Lose(t.Context(), "t/0"); err != nil {
			t.Fatal(err)
		}
		if err := src.Take(t.Context(), "t/0"); err != nil {
			t.Fatal(err)
		}
		close(src.hold)
		synctest.Wait()
		p.Drain()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		checkOrder(t, got.All())
		if n := len(got.All()); n != 20 || l.Committed("t/0") != 20 || p.Stats().InFlight != 0 {
			t.Errorf("wrote %d, committed %d, in flight %d", n, l.Committed("t/0"), p.Stats().InFlight)
		}
	})
}

// A batch that waits for the budget when its claim ends is not admitted.
func TestClaimLostWhileWaitingForTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(30, 1, 1)
		src := l.Reader(10, true)
		src.Assign = true
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{InFlight: 10}))
		pipeline.To(pipeline.From(p, "log", src), "slow", slow(&got))
		done := start(t, p)
		synctest.Wait()
		if marks, err := src.Lose(t.Context(), "t/0"); err != nil || len(marks) != 1 || marks[0].Offset != 10 {
			t.Errorf("final marks %v (%v)", marks, err)
		}
		time.Sleep(time.Minute)
		if st := p.Stats(); st.InFlight != 0 || len(got.All()) != 10 {
			t.Errorf("%d in flight, %d written after the revocation", st.InFlight, len(got.All()))
		}
		if err := src.Take(t.Context(), "t/0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		checkOrder(t, got.All())
		p.Drain()
		if err := <-done; err != nil || len(got.All()) != 30 {
			t.Fatalf("err=%v, wrote %d", err, len(got.All()))
		}
	})
}

// late hands over what it has read when hold is closed.
type late struct {
	*pipelinetest.Reader[string]
	hold chan struct{}
}

func (s *late) Read(ctx context.Context) (pipeline.Batch[string], error) {
	b, err := s.Reader.Read(ctx)
	<-s.hold
	return b, err
}

// A revocation and a commit never overlap: Revoke waits for the commit under way,
// or cancels it when it can wait no longer.
func TestRevokeDuringCommit(t *testing.T) {
	for _, tc := range []struct {
		save, wait, want time.Duration
		saved            int64
	}{
		{save: 3 * time.Second, wait: time.Minute, want: 3 * time.Second, saved: 10},
		{save: time.Hour, wait: 2 * time.Second, want: 2 * time.Second},
		{save: time.Hour, wait: 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := seed(10, 1, 1)
			src := l.Reader(10, true)
			src.Assign = true
			var saving atomic.Bool
			offsets := &pipelinetest.Offsets{OnSave: func(ctx context.Context, _ []pipeline.Mark) error {
				saving.Store(true)
				defer func() { saving.Store(false) }()
				select {
				case <-time.After(tc.save):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}}
			p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1, Offsets: offsets}))
			pipeline.To(pipeline.From(p, "log", src), "sink", &pipelinetest.Collector[string]{})
			done := start(t, p)
			synctest.Wait()
			if !saving.Load() {
				t.Fatal("no commit is under way")
			}
			ctx, cancel := context.WithTimeout(t.Context(), tc.wait)
			defer cancel()
			begun := time.Now()
			if _, err := src.Lose(ctx, "t/0"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took != tc.want || saving.Load() {
				t.Errorf("waited %v, want %v; still saving: %v", took, tc.want, saving.Load())
			}
			time.Sleep(time.Hour)
			if m := offsets.Get("t/0"); m.Offset != tc.saved || l.Committed("t/0") != tc.saved {
				t.Errorf("saved %d, committed %d, want %d", m.Offset, l.Committed("t/0"), tc.saved)
			}
			p.Drain()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Revoke ends with its context though the breaker is open, and with the pipeline
// when that is abandoned.
func TestRevokeDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(100, 2, 1)
		src := l.Reader(10, true)
		src.Assign = true
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", src), "down", sink(func(context.Context, []record) error { return errDown }))
		done := start(t, p)
		time.Sleep(20 * time.Second)
		if s := p.Stats().Steps[1].Breaker; s != pipeline.BreakerOpen {
			t.Fatalf("breaker is %s", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		if marks, err := src.Lose(ctx, "t/0"); err != nil || len(marks) != 0 || time.Since(begun) != 3*time.Second {
			t.Errorf("marks %v (%v) after %v", marks, err, time.Since(begun))
		}
		lost := make(chan time.Duration)
		go func() {
			begun := time.Now()
			_, _ = src.Lose(t.Context(), "t/1")
			lost <- time.Since(begun)
		}()
		time.Sleep(time.Second)
		p.Abandon()
		if err := <-done; !errors.Is(err, pipeline.ErrAbandoned) {
			t.Error(err)
		}
		if took := <-lost; took != time.Second {
			t.Errorf("Revoke took %v", took)
		}
	})
}

// A mark that cannot be saved is not returned: the next owner could not see it.
func TestRevokeWithoutSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(20, 1, 1)
		src := l.Reader(10, true)
		src.Assign = true
		n := 0
		offsets := &pipelinetest.Offsets{OnSave: func(context.Context, []pipeline.Mark) error {
			if n++; n > 1 {
				return errDown
			}
			return nil
		}}
		p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1, Offsets: offsets}))
		var got pipelinetest.Collector[string]
		pipeline.To(pipeline.From(p, "log", src), "slow", slow(&got))
		done := start(t, p)
		time.Sleep(5 * time.Second)
		marks, err := src.Lose(t.Context(), "t/0")
		if err != nil || len(marks) != 1 || marks[0].Offset != 10 || offsets.Get("t/0").Offset != 10 {
			t.Errorf("marks %v (%v), saved %v", marks, err, offsets.Get("t/0"))
		}
		p.Drain()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
