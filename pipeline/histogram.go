package pipeline

import (
	"sync/atomic"
	"time"
)

// durationBounds and sizeBounds are the upper bounds of the buckets of every
// [Distribution] in [Stats].
var (
	durationBounds = []time.Duration{
		10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
		10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute,
	}
	sizeBounds = []int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000}
)

// DurationBounds returns the bounds of the buckets in which durations are counted.
func DurationBounds() []time.Duration { return append([]time.Duration(nil), durationBounds...) }

// SizeBounds returns the bounds of the buckets in which batch sizes are counted.
func SizeBounds() []int64 { return append([]int64(nil), sizeBounds...) }

// A Distribution says how often values of each size were seen. Counts[i] counts
// those of at most Bounds[i] and more than the bound before, the last of Counts
// those beyond all bounds. Bounds is shared: do not modify it.
type Distribution[V ~int64] struct {
	Bounds []V
	Counts []uint64
	Count  uint64
	Sum    V
}

// A histogram collects a [Distribution] without locks.
type histogram[V ~int64] struct {
	bounds []V
	counts []atomic.Uint64
	sum    atomic.Int64
}

func newHistogram[V ~int64](bounds []V) histogram[V] {
	return histogram[V]{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

func (h *histogram[V]) observe(v V) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(v))
}

func (h *histogram[V]) snapshot() Distribution[V] {
	d := Distribution[V]{Bounds: h.bounds, Counts: make([]uint64, len(h.counts)), Sum: V(h.sum.Load())}
	for i := range h.counts {
		d.Counts[i] = h.counts[i].Load()
		d.Count += d.Counts[i]
	}
	return d
}
