package pipeline

import (
	"sync/atomic"
	"testing"
)

// What is held back comes out in order, within bounds, and any number of
// heartbeats takes the room of one.
func TestBacklog(t *testing.T) {
	t.Parallel()
	var records, bytes atomic.Int64
	l := backlog[int]{max: cost{10, 100}, records: &records, bytes: &bytes}
	batch := func(p Partition, off int64, n int) Batch[int] {
		return Batch[int]{Through: Mark{Partition: p, Offset: off}, Records: make([]Record[int], n), Bytes: 10 * n}
	}
	for i, tc := range []struct {
		b  Batch[int]
		ok bool
	}{
		{batch("a", 1, 20), true}, // more than all there is room for, alone
		{batch("a", 2, 1), false},
		{batch("a", 3, 0), true},
		{batch("a", 4, 0), true},
		{batch("b", 1, 0), false},
	} {
		if ok := l.add(tc.b); ok != tc.ok {
			t.Errorf("%d: held back: %v, want %v", i, ok, tc.ok)
		}
	}
	if n := len(l.parts["a"]); n != 1 || l.parts["a"][0].Through.Offset != 4 {
		t.Errorf("%d batches are held, want 1 through 4: %+v", n, l.parts["a"])
	}
	paused := &pauseState{parts: map[Partition]struct{}{"a": {}}}
	if _, ok := l.next(paused); ok {
		t.Error("a paused partition's batch came out")
	}
	if b, ok := l.next(&pauseState{}); !ok || b.Through.Offset != 4 || !l.empty() || records.Load() != 0 || bytes.Load() != 0 {
		t.Errorf("got %+v, %v; %d records are left", b, ok, records.Load())
	}
	for off := range int64(3) {
		l.add(batch("a", off, 2))
		l.add(batch("b", off, 1))
	}
	l.prune(func(b *Batch[int]) bool { return b.Through.Partition == "b" || b.Through.Offset == 1 })
	if b, _ := l.next(&pauseState{}); b.Through.Offset != 0 || records.Load() != 2 || bytes.Load() != 20 || len(l.parts) != 1 {
		t.Errorf("got %+v; %d records, %d bytes are left", b.Through, records.Load(), bytes.Load())
	}
}
