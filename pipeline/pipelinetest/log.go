package pipelinetest

import (
	"slices"
	"sync"

	"cdcpipe/pipeline"
)

// A Log is a partitioned log that outlives the pipelines reading it, like a
// topic does: a second pipeline resumes after what the first committed. The zero
// value is an empty log.
type Log[T any] struct {
	mu        sync.Mutex
	parts     map[pipeline.Partition][]pipeline.Record[T]
	order     []pipeline.Partition
	committed map[pipeline.Partition]int64
	changed   chan struct{} // closed when there may be something to read
}

// Append adds a record and returns its offset. Offsets start at 1.
func (l *Log[T]) Append(p pipeline.Partition, key uint64, v T) int64 {
	return l.Add(pipeline.Header{Partition: p, Key: key}, v)
}

// Add is Append with a whole header, of which the offset is set.
func (l *Log[T]) Add(h pipeline.Header, v T) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parts == nil {
		l.parts, l.committed = map[pipeline.Partition][]pipeline.Record[T]{}, map[pipeline.Partition]int64{}
	}
	recs, ok := l.parts[h.Partition]
	if !ok {
		l.order = append(l.order, h.Partition)
	}
	h.Offset = int64(len(recs) + 1)
	l.parts[h.Partition] = append(recs, pipeline.Record[T]{Header: &h, Value: v})
	l.wake()
	return h.Offset
}

// Partitions returns the partitions of the log, in the order they appeared.
func (l *Log[T]) Partitions() []pipeline.Partition {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.order)
}

// End returns the offset of the last record of p.
func (l *Log[T]) End(p pipeline.Partition) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.parts[p]))
}

// Committed returns the offset committed for p.
func (l *Log[T]) Committed(p pipeline.Partition) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed[p]
}

// Values returns the values of p up to and including offset.
func (l *Log[T]) Values(p pipeline.Partition, offset int64) []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	vs := make([]T, offset)
	for i, r := range l.parts[p][:offset] {
		vs[i] = r.Value
	}
	return vs
}

// wake wakes blocked readers. l.mu is held.
func (l *Log[T]) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// wait returns what is closed at the next wake. l.mu is held.
func (l *Log[T]) wait() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}
