package pipeline

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// A meter counts what a step does, by batch.
type meter struct {
	in, out, bytes    atomic.Int64
	attempts, retries atomic.Int64
	waiting           atomic.Int64 // records sent to the step that it has not begun
	took              histogram[time.Duration]
	sizes             histogram[int64]
	dropped           tally[string]
	diverted          tally[Outlet]
}

// maxReasons bounds how many names a tally keeps apart.
const maxReasons = 64

// A tally counts by name. Names beyond [maxReasons] are counted as "other", since
// a stage might make them up from its data.
type tally[K ~string] struct {
	mu sync.Mutex
	n  map[K]int64
}

func (t *tally[K]) add(k K, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[K]int64{}
	}
	if _, known := t.n[k]; !known && len(t.n) >= maxReasons {
		k = "other"
	}
	t.n[k] += n
}

func (t *tally[K]) snapshot() map[K]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}
