package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// commits is what a pipeline committed, and when.
type commits struct {
	begun   time.Time
	at      []time.Duration
	offsets []int64
	errs    int
}

func (c *commits) hook(marks []pipeline.Mark, _ time.Duration, err error) {
	c.at = append(c.at, time.Since(c.begun))
	c.offsets = append(c.offsets, marks[0].Offset)
	if err != nil {
		c.errs++
	}
}

// Marks are committed after so much time or so many records.
func TestCommitEveryAndRecords(t *testing.T) {
	const second = time.Second
	for _, tc := range []struct {
		cfg     pipeline.Config
		offsets []int64 // of 20 batches of 10, one settled every 900ms
		at      []int64 // milliseconds
	}{
		{pipeline.Config{}, []int64{120, 200}, []int64{10900, 18000}},
		{pipeline.Config{CommitEvery: 7 * second}, []int64{80, 160, 200}, []int64{7900, 15100, 18000}},
		{pipeline.Config{CommitRecords: 60}, []int64{60, 120, 180, 200}, []int64{5400, 10800, 16200, 18000}},
		{pipeline.Config{CommitRecords: 60, CommitEvery: 5 * second}, []int64{60, 120, 180, 200}, []int64{5400, 10800, 16200, 18000}},
		{pipeline.Config{CommitRecords: 60, CommitEvery: 4 * second}, []int64{50, 100, 150, 200}, []int64{4900, 9400, 13900, 18000}},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := seed(200, 1, 1)
			c := commits{begun: time.Now()}
			tc.cfg.Hooks.Commit = c.hook
			p := pipeline.New("test", quiet(tc.cfg))
			pipeline.To(pipeline.From(p, "log", l.Reader(10, false)), "slow", sink(func(context.Context, []record) error {
				time.Sleep(900 * time.Millisecond)
				return nil
			}))
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			var at []time.Duration
			for _, ms := range tc.at {
				at = append(at, time.Duration(ms)*time.Millisecond)
			}
			if !slices.Equal(c.offsets, tc.offsets) || !slices.Equal(c.at, at) {
				t.Errorf("committed %v at %v, want %v at %v", c.offsets, c.at, tc.offsets, at)
			}
		})
	}
}

// Marks are saved before the source hears of them, and only what is saved counts.
func TestOffsetsOfRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(200, 1, 1)
		var saved atomic.Int64
		fails := 0
		offsets := &pipelinetest.Offsets{OnSave: func(_ context.Context, marks []pipeline.Mark) error {
			if fails++; fails%2 == 1 {
				return errors.New("database is down")
			}
			saved.Store(marks[0].Offset)
			return nil
		}}
		src := l.Reader(10, false)
		refusals := 0
		src.OnCommit = func(marks []pipeline.Mark) error {
			if marks[0].Offset > saved.Load() {
				t.Errorf("committed %d at the source, saved %d", marks[0].Offset, saved.Load())
			}
			refusals++
			return errors.New("coordinator not available")
		}
		p := pipeline.New("test", quiet(pipeline.Config{CommitEvery: 3 * time.Second, Offsets: offsets}))
		var got pipelinetest.Collector[string]
		pipeline.To(pipeline.From(p, "log", src), "slow", slow(&got))
		done := start(t, p)
		time.Sleep(15500 * time.Millisecond)
		synctest.Wait()
		st := p.Stats().Partitions[0]
		if st.Committed.Offset != saved.Load() || st.Committed.Offset == 0 || st.Settled.Offset < st.Committed.Offset {
			t.Errorf("settled %d, committed %d, saved %d", st.Settled.Offset, st.Committed.Offset, saved.Load())
		}
		if err := <-done; err == nil != (offsets.Get("t/0").Offset == 200) {
			t.Errorf("err=%v, saved %d", err, offsets.Get("t/0").Offset)
		}
		if refusals == 0 || l.Committed("t/0") != 0 {
			t.Errorf("%d refusals, committed %d", refusals, l.Committed("t/0"))
		}

		// The next life begins where the marks of record say, not the source's.
		var rest pipelinetest.Collector[string]
		p = pipeline.New("test", quiet(pipeline.Config{Offsets: offsets}))
		from := offsets.Get("t/0").Offset
		l.Append("t/0", 1, "new")
		pipeline.To(pipeline.From(p, "log", l.Reader(10, false)), "sink", &rest)
		fails = 1
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := int64(len(rest.All())); n != 201-from || l.Committed("t/0") != 201 {
			t.Errorf("read %d after %d, committed %d", n, from, l.Committed("t/0"))
		}
	})
}

// A failed commit is tried again without further progress, and the last one counts.
func TestFailedCommitIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		c := commits{begun: time.Now()}
		src := l.Reader(10, true)
		n := 0
		src.OnCommit = func([]pipeline.Mark) error {
			if n++; n <= 3 {
				return errors.New("coordinator not available")
			}
			return nil
		}
		p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1, Hooks: pipeline.Hooks{Commit: c.hook}}))
		pipeline.To(pipeline.From(p, "log", src), "sink", &pipelinetest.Collector[string]{})
		done := start(t, p)
		time.Sleep(time.Minute)
		if l.Committed("t/0") != 10 {
			t.Errorf("committed %d", l.Committed("t/0"))
		}
		p.Drain()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{time.Second, 3 * time.Second, 7 * time.Second}; len(c.at) != 4 || !slices.Equal(c.at[1:], want) {
			t.Errorf("committed at %v, want the last at %v", c.at, want)
		}
		if st := p.Stats(); st.CommitFailed != 3 || st.Commit.Count != 4 || c.errs != 3 {
			t.Errorf("%d commits, %d failed, %d errors", st.Commit.Count, st.CommitFailed, c.errs)
		}
	})
}

func TestFailedLastCommitIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		src := l.Reader(10, false)
		refused := errors.New("coordinator not available")
		src.OnCommit = func([]pipeline.Mark) error { return refused }
		p := pipeline.New("test", quiet(pipeline.Config{DrainTimeout: time.Minute}))
		pipeline.To(pipeline.From(p, "log", src), "sink", &pipelinetest.Collector[string]{})
		start := time.Now()
		if err := p.Run(t.Context()); !errors.Is(err, refused) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("gave up after %v", took)
		}
	})
}

// An outage in the midst of the last commit is waited out.
func TestLastCommitIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(10, 1, 1)
		src := l.Reader(10, false)
		left := 3
		src.OnCommit = func([]pipeline.Mark) error {
			if left--; left >= 0 {
				return errors.New("connection refused")
			}
			return nil
		}
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", src), "sink", &pipelinetest.Collector[string]{})
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := l.Committed("t/0"); got != 10 {
			t.Errorf("committed %d", got)
		}
	})
}

// A source or offsets of record that must not go on say so.
func TestFatalCommitStops(t *testing.T) {
	t.Parallel()
	fenced := errors.New("fenced")
	for _, bySource := range []bool{false, true} {
		l := seed(10, 1, 1)
		src := l.Reader(10, true)
		offsets := &pipelinetest.Offsets{}
		if bySource {
			src.OnCommit = func([]pipeline.Mark) error { return pipeline.Fatal(fenced) }
		} else {
			offsets.OnSave = func(context.Context, []pipeline.Mark) error { return pipeline.Fatal(fenced) }
		}
		p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1, Offsets: offsets}))
		pipeline.To(pipeline.From(p, "log", src), "sink", &pipelinetest.Collector[string]{})
		if err := p.Run(t.Context()); !errors.Is(err, fenced) || strings.Count(err.Error(), "fenced") != 1 {
			t.Errorf("got %v", err)
		}
	}
}

// A heartbeat moves the mark without a record, and not past an open batch. Any
// number of them takes no more room than one.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beat := func(off int64) pipeline.Batch[string] {
			return pipeline.Batch[string]{Through: pipeline.Mark{Partition: "a", Offset: off}}
		}
		b := beat(20)
		b.Append(pipeline.Header{Partition: "a", Offset: 15}, "x")
		src := &script{reads: []any{pipeline.Batch[string]{}, beat(10), b, beat(25), beat(30)}}
		p := pipeline.New("test", quiet(pipeline.Config{}))
		var got pipelinetest.Collector[string]
		pipeline.To(pipeline.From(p, "src", src), "slow", slow(&got))
		start(t, p)
		synctest.Wait()
		if st := p.Stats().Partitions; len(st) != 1 || st[0].Read.Offset != 30 || st[0].Settled.Offset != 10 || st[0].Batches != 1 {
			t.Errorf("got %+v", st)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if st := p.Stats().Partitions[0]; st.Settled.Offset != 30 || st.Batches != 0 {
			t.Errorf("settled %d, %d open", st.Settled.Offset, st.Batches)
		}
		p.Drain()
	})
}

func TestHeartbeatsOfAPausedPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads []any
		for i := range 1000 {
			b := pipeline.Batch[string]{Through: pipeline.Mark{Partition: "a", Offset: int64(i)}}
			if i == 500 {
				b.Append(pipeline.Header{Partition: "a", Offset: 500}, "x")
			}
			reads = append(reads, b)
		}
		p := pipeline.New("test", quiet(pipeline.Config{}))
		var got pipelinetest.Collector[string]
		pipeline.To(pipeline.From(p, "src", &script{reads: reads}), "slow", slow(&got))
		p.PausePartition("a")
		start(t, p)
		synctest.Wait()
		if st := p.Stats(); st.Held != 1 {
			t.Errorf("held back %d", st.Held)
		}
		p.ResumePartition("a")
		synctest.Wait()
		if st := p.Stats().Partitions[0]; st.Read.Offset != 999 || st.Settled.Offset != 499 {
			t.Errorf("read %d, settled %d", st.Read.Offset, st.Settled.Offset)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if st := p.Stats().Partitions[0]; st.Settled.Offset != 999 || len(got.All()) != 1 {
			t.Errorf("settled %d, wrote %d", st.Settled.Offset, len(got.All()))
		}
		p.Drain()
	})
}
