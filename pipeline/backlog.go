package pipeline

import "sync/atomic"

// A backlog holds batches of paused partitions back, in order. It belongs to the
// reader; its size may be read by anybody.
type backlog[T any] struct {
	max     cost
	parts   map[Partition][]Batch[T]
	records *atomic.Int64
	bytes   *atomic.Int64
}

func costOf[T any](b *Batch[T]) cost {
	return cost{int64(len(b.Records)), int64(max(0, b.Bytes))}
}

// add holds b back, or reports that there is no room.
func (l *backlog[T]) add(b Batch[T]) bool {
	c, p := costOf(&b), b.Through.Partition
	if held := l.parts[p]; len(held) > 0 && len(b.Records) == 0 && held[len(held)-1].Claim == b.Claim {
		held[len(held)-1].Through = b.Through // heartbeats do not pile up
		return true
	}
	records, bytes := l.records.Load()+c.records, l.bytes.Load()+c.bytes
	if len(l.parts) > 0 && (records > l.max.records || bytes > l.max.bytes) {
		return false // Guarantee 4: what is held back is bounded
	}
	if l.parts == nil {
		l.parts = map[Partition][]Batch[T]{}
	}
	l.records.Store(records)
	l.bytes.Store(bytes)
	l.parts[p] = append(l.parts[p], b)
	return true
}

// next removes and returns the oldest batch of some partition that is not paused.
func (l *backlog[T]) next(s *pauseState) (b Batch[T], ok bool) {
	for p, bs := range l.parts {
		if s.paused(p) {
			continue
		}
		b = bs[0]
		l.keep(p, bs[1:])
		l.forget(&b)
		return b, true
	}
	return b, false
}

// prune removes the batches that gone reports.
func (l *backlog[T]) prune(gone func(*Batch[T]) bool) {
	for p, bs := range l.parts {
		var kept []Batch[T]
		for i := range bs {
			if gone(&bs[i]) {
				l.forget(&bs[i])
			} else {
				kept = append(kept, bs[i])
			}
		}
		l.keep(p, kept)
	}
}

func (l *backlog[T]) keep(p Partition, bs []Batch[T]) {
	if len(bs) == 0 {
		delete(l.parts, p)
	} else {
		l.parts[p] = bs
	}
}

func (l *backlog[T]) forget(b *Batch[T]) {
	c := costOf(b)
	l.records.Add(-c.records)
	l.bytes.Add(-c.bytes)
}

func (l *backlog[T]) empty() bool { return len(l.parts) == 0 }
