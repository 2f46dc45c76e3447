package pipeline

import (
	"context"
	"slices"
	"sync"
)

// runLanes deals records to the step's lanes by key, each of which applies do to
// its own in order.
func runLanes[T any](l *life, s *step, in <-chan []Record[T], do func(context.Context, []Record[T]) error) error {
	var wg sync.WaitGroup
	lanes := make([]chan []Record[T], s.lanes)
	for i := range lanes {
		lanes[i] = make(chan []Record[T], s.buffer)
		l.start(&wg, func() error { return runSerial(l, s, lanes[i], do) })
	}
	l.start(&wg, func() error {
		defer func() {
			for _, ch := range lanes {
				close(ch)
			}
		}()
		d := dealer[T]{n: s.lanes, parts: make([][]Record[T], s.lanes)}
		for recs := range gather(l.hard, in, limit{}) {
			for i, part := range d.deal(recs) {
				if len(part) == 0 {
					continue
				}
				select {
				case lanes[i] <- part:
				case <-l.hard.Done():
					return nil
				}
			}
		}
		return nil
	})
	wg.Wait()
	return context.Cause(l.hard)
}

// A dealer splits batches among n lanes. It belongs to one goroutine.
type dealer[T any] struct {
	n     int
	lane  []int // of each record
	ends  []int // where each lane's part ends
	parts [][]Record[T]

	last     Partition // whose hash is cached
	lastHash uint64
}

// deal splits recs by key into slices that share one array. A batch that belongs
// to one lane is passed on as it is. The result is valid until the next call.
func (d *dealer[T]) deal(recs []Record[T]) [][]Record[T] {
	d.lane = slices.Grow(d.lane[:0], len(recs))[:len(recs)]
	d.ends = slices.Grow(d.ends[:0], d.n)[:d.n]
	clear(d.ends)
	clear(d.parts)
	for i := range recs {
		l := d.laneOf(recs[i].Header)
		d.lane[i] = l
		d.ends[l]++
	}
	if only := d.lane[0]; d.ends[only] == len(recs) {
		d.parts[only] = recs
		return d.parts
	}
	start := 0
	for l, n := range d.ends {
		d.ends[l], start = start, start+n // where it begins; the parts move it to its end
	}
	all := make([]Record[T], len(recs))
	for i := range recs {
		l := d.lane[i]
		all[d.ends[l]] = recs[i]
		d.ends[l]++
	}
	start = 0
	for l, end := range d.ends {
		d.parts[l] = all[start:end:end]
		start = end
	}
	return d.parts
}

// laneOf is a function of the key alone. Guarantee 3: a key keeps its lane.
func (d *dealer[T]) laneOf(h *Header) int {
	k := h.Key
	if k == 0 {
		if d.last != h.Partition || d.lastHash == 0 {
			d.last, d.lastHash = h.Partition, hashPartition(h.Partition)
		}
		k = d.lastHash
	}
	return int((k * 0x9E3779B97F4A7C15 >> 32) % uint64(d.n)) // keys need not be spread well
}

// hashPartition is FNV-1a.
func hashPartition(p Partition) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(p) {
		h = (h ^ uint64(p[i])) * 1099511628211
	}
	return h
}
