package pipeline

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func numbered(from, n int) []Record[int] {
	recs := make([]Record[int], n)
	for i := range recs {
		recs[i] = Record[int]{&Header{Size: 1 + (from+i)%7, Key: uint64(from+i) % 5}, from + i}
	}
	return recs
}

// Gathered batches hold what came, in order, within the limits; inputs are left as
// they were.
func TestGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := limit{
			records: rapid.IntRange(0, 20).Draw(t, "records"),
			bytes:   rapid.IntRange(0, 40).Draw(t, "bytes"),
			linger:  rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "linger"),
		}
		sizes := rapid.SliceOf(rapid.IntRange(1, 30)).Draw(t, "sizes")
		in := make(chan []Record[int], len(sizes))
		var sent [][]Record[int]
		n := 0
		for _, k := range sizes {
			recs := numbered(n, k)
			n += k
			in <- recs
			sent = append(sent, recs)
		}
		close(in)
		next := 0
		var last []Record[int]
		for recs := range gather(t.Context(), in, lim) {
			bytes := 0
			for _, r := range recs {
				if r.Value != next {
					t.Fatalf("got %d, want %d", r.Value, next)
				}
				next++
				bytes += r.Size
			}
			if len(recs) == 0 || lim.records > 0 && len(recs) > lim.records || lim.bytes > 0 && bytes > lim.bytes && len(recs) > 1 {
				t.Fatalf("batch of %d records, %d bytes", len(recs), bytes)
			}
			if last != nil && lim.records > 0 && lim.bytes == 0 && len(last) != lim.records {
				t.Fatalf("batch of %d was not full", len(last))
			}
			last = recs
			_ = append(recs, Record[int]{Value: -1}) // must not write into what others hold
		}
		if next != n {
			t.Fatalf("got %d of %d", next, n)
		}
		for i, recs := range sent {
			for k, r := range recs {
				if r.Value < 0 {
					t.Fatalf("record %d of input %d was overwritten", k, i)
				}
			}
		}
	})
}

func TestGatherLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(chan []Record[int])
		go func() {
			for range 5 {
				in <- numbered(0, 2)
				time.Sleep(time.Second)
			}
			close(in)
		}()
		begun := time.Now()
		var sizes []int
		var at []time.Duration
		for recs := range gather(t.Context(), in, limit{records: 100, linger: 1500 * time.Millisecond}) {
			sizes, at = append(sizes, len(recs)), append(at, time.Since(begun))
		}
		ms := time.Millisecond
		if !slices.Equal(sizes, []int{4, 4, 2}) || !slices.Equal(at, []time.Duration{1500 * ms, 3500 * ms, 5000 * ms}) {
			t.Errorf("batches of %v at %v", sizes, at)
		}
	})
}

// Without linger a batch is what has arrived.
func TestGatherWithoutLinger(t *testing.T) {
	t.Parallel()
	in := make(chan []Record[int], 3)
	for i := range 3 {
		in <- numbered(i, 1)
	}
	for recs := range gather(t.Context(), in, limit{records: 100}) {
		if len(recs) != 3 {
			t.Fatalf("got %d records, want 3", len(recs))
		}
		break
	}
}

// Dealing keeps every record, its order within its lane, and the lane of its key.
func TestDeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := dealer[int]{n: rapid.IntRange(1, 9).Draw(t, "lanes")}
		d.parts = make([][]Record[int], d.n)
		laneOfKey := map[uint64]int{}
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			recs := numbered(rapid.IntRange(0, 100).Draw(t, "from"), rapid.IntRange(1, 60).Draw(t, "n"))
			seen := 0
			for lane, part := range d.deal(recs) {
				seen += len(part)
				for i, r := range part {
					if i > 0 && part[i-1].Value >= r.Value {
						t.Fatalf("%d before %d", part[i-1].Value, r.Value)
					}
					if l, ok := laneOfKey[r.Key]; ok && l != lane && r.Key != 0 {
						t.Fatalf("key %d is in lanes %d and %d", r.Key, l, lane)
					}
					laneOfKey[r.Key] = lane
				}
				if len(part) > 0 && cap(part) > len(part) && len(part) < len(recs) {
					t.Fatal("appending to a part would overwrite the next")
				}
			}
			if seen != len(recs) {
				t.Fatalf("dealt %d of %d", seen, len(recs))
			}
		}
	})
}

// A batch of one lane is passed on without a copy; without a key the partition
// decides.
func TestDealPassesOn(t *testing.T) {
	t.Parallel()
	d := dealer[int]{n: 4, parts: make([][]Record[int], 4)}
	lanes := map[int]bool{}
	for _, p := range []Partition{"", "a", "b", "c", "d", "e", "f"} {
		recs := numbered(0, 10)
		for i := range recs {
			recs[i].Header = &Header{Partition: p}
		}
		for lane, part := range d.deal(recs) {
			if len(part) > 0 {
				lanes[lane] = true
				if &part[0] != &recs[0] || len(part) != len(recs) {
					t.Errorf("%q was copied or split", p)
				}
			}
		}
	}
	if len(lanes) < 2 {
		t.Error("all partitions are in one lane")
	}
}
