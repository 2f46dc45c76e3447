package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// plain hides that a source is a Pauser.
type plain struct{ pipeline.Source[string] }

func count(recs []record, p pipeline.Partition) (n int) {
	for _, r := range recs {
		if r.Partition == p {
			n++
		}
	}
	return n
}

// A paused pipeline does not read; what it has read goes on.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(100, 1, 1)
		src := l.Reader(10, true)
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1}))
		pipeline.To(pipeline.From(p, "log", src), "slow", slow(&got))
		p.Pause()
		if !p.Paused() || !p.Stats().Paused {
			t.Error("not paused")
		}
		done := start(t, p)
		time.Sleep(time.Hour)
		if n := src.Reads(); n != 0 || len(got.All()) != 0 {
			t.Errorf("read %d times, wrote %d", n, len(got.All()))
		}
		p.Resume()
		time.Sleep(1500 * time.Millisecond)
		p.Pause()
		time.Sleep(time.Hour)
		reads, wrote := src.Reads(), len(got.All())
		if wrote == 0 || wrote == 100 || l.Committed("t/0") != int64(wrote) {
			t.Errorf("wrote %d, committed %d", wrote, l.Committed("t/0"))
		}
		time.Sleep(time.Hour)
		if src.Reads() != reads {
			t.Error("read while paused")
		}
		p.Resume()
		time.Sleep(time.Minute)
		p.Pause() // the reader is blocked at the end
		l.Append("t/0", 1, "new")
		time.Sleep(time.Minute)
		if n := len(got.All()); n != 100 {
			t.Errorf("wrote %d, want 100", n)
		}
		p.Drain() // what is in hand is left to be read again
		if err := <-done; err != nil || l.Committed("t/0") != 100 {
			t.Fatalf("err=%v committed=%d", err, l.Committed("t/0"))
		}
	})
}

// The other partitions go on, whether or not the source can be told.
func TestPausePartition(t *testing.T) {
	for _, pauser := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := seed(200, 2, 10)
			reader := l.Reader(10, true)
			var src pipeline.Source[string] = plain{reader}
			if pauser {
				src = reader
			}
			var got pipelinetest.Collector[string]
			p := pipeline.New("test", quiet(pipeline.Config{CommitRecords: 1}))
			pipeline.To(pipeline.From(p, "log", src), "sink", &got)
			p.PausePartition("t/0")
			p.PausePartition("unknown")
			done := start(t, p)
			synctest.Wait()
			if a, b := count(got.All(), "t/0"), count(got.All(), "t/1"); a != 0 || b != 100 {
				t.Errorf("wrote %d and %d, want 0 and 100", a, b)
			}
			st := p.Stats()
			if !slices.Equal(st.PausedPartitions, []pipeline.Partition{"t/0", "unknown"}) || st.Paused {
				t.Errorf("paused %v, all %v", st.PausedPartitions, st.Paused)
			}
			if held := st.Held; held != 100 && !pauser || held != 0 && pauser {
				t.Errorf("held back %d", held)
			}
			p.ResumePartition("t/0")
			synctest.Wait()
			checkOrder(t, got.All())
			if a := count(got.All(), "t/0"); a != 100 || p.Stats().Held != 0 || p.Stats().HeldBytes != 0 {
				t.Errorf("wrote %d, want 100; %d are held back", a, p.Stats().Held)
			}
			time.Sleep(time.Minute)
			p.Drain()
			if err := <-done; err != nil || l.Committed("t/0") != 100 || l.Committed("t/1") != 100 {
				t.Fatalf("err=%v committed=%d, %d", err, l.Committed("t/0"), l.Committed("t/1"))
			}
		})
	}
}

// What is held back is bounded; what comes in the meantime keeps its place.
func TestHeldBackIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(2000, 2, 10)
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{InFlight: 400}))
		pipeline.To(pipeline.From(p, "log", plain{l.Reader(10, true)}), "sink", &got)
		p.PausePartition("t/0")
		done := start(t, p)
		synctest.Wait()
		if st := p.Stats(); st.Held != 100 || st.HeldBytes != 1000 {
			t.Errorf("held back %d records, %d bytes, want a quarter of 400, 1000 bytes", st.Held, st.HeldBytes)
		}
		if n := count(got.All(), "t/1"); n < 100 || n > 120 {
			t.Errorf("wrote %d of the other partition before reading waited", n)
		}
		p.ResumePartition("t/0")
		p.PausePartition("t/1")
		p.ResumePartition("t/1")
		synctest.Wait()
		checkOrder(t, got.All())
		if n := len(got.All()); n != 2000 {
			t.Errorf("wrote %d, want 2000", n)
		}
		p.Drain()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestHeldBackByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(1000, 1, 10)
		p := pipeline.New("test", quiet(pipeline.Config{InFlightBytes: 1000}))
		pipeline.To(pipeline.From(p, "log", plain{l.Reader(10, true)}), "sink", &pipelinetest.Collector[string]{})
		p.PausePartition("t/0")
		done := start(t, p)
		synctest.Wait()
		if st := p.Stats(); st.Held != 20 || st.HeldBytes != 200 {
			t.Errorf("held back %d records, %d bytes", st.Held, st.HeldBytes)
		}
		p.Drain()
		if err := <-done; err != nil || l.Committed("t/0") != 0 {
			t.Fatalf("err=%v committed=%d", err, l.Committed("t/0"))
		}
	})
}

// An exhausted source does not end a pipeline that holds something back.
func TestHeldBackOutlastsTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(200, 2, 10)
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{}))
		pipeline.To(pipeline.From(p, "log", plain{l.Reader(10, false)}), "sink", &got)
		p.PausePartition("t/0")
		done := start(t, p)
		time.Sleep(time.Hour)
		select {
		case err := <-done:
			t.Fatalf("ended with %v", err)
		default:
		}
		p.ResumePartition("t/0")
		if err := <-done; err != nil || l.Committed("t/0") != 100 || len(got.All()) != 200 {
			t.Fatalf("err=%v committed=%d wrote=%d", err, l.Committed("t/0"), len(got.All()))
		}
	})
}

// Held batches of a revoked claim are forgotten, and make room for others.
func TestRevokeForgetsWhatIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := seed(2000, 2, 10)
		reader := l.Reader(10, true)
		reader.Assign = true
		var got pipelinetest.Collector[string]
		p := pipeline.New("test", quiet(pipeline.Config{InFlight: 400}))
		pipeline.To(pipeline.From(p, "log", plain{reader}), "sink", &got)
		p.PausePartition("t/0")
		done := start(t, p)
		synctest.Wait()
		begun := time.Now()
		if marks, err := reader.Lose(t.Context(), "t/0"); err != nil || len(marks) != 0 {
			t.Errorf("marks %v (%v)", marks, err)
		}
		synctest.Wait()
		if n := count(got.All(), "t/1"); n != 1000 || time.Since(begun) != 0 {
			t.Errorf("wrote %d of the other partition, %v after", n, time.Since(begun))
		}
		if err := reader.Take(t.Context(), "t/0"); err != nil {
			t.Fatal(err)
		}
		p.ResumePartition("t/0")
		synctest.Wait()
		checkOrder(t, got.All())
		p.Drain()
		if err := <-done; err != nil || l.Committed("t/0") != 1000 || l.Committed("t/1") != 1000 {
			t.Fatalf("err=%v committed=%d, %d", err, l.Committed("t/0"), l.Committed("t/1"))
		}
	})
}
