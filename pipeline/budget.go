package pipeline

import (
	"context"
	"sync"
)

// A cost is what a batch takes of a [budget].
type cost struct{ records, bytes int64 }

// A budget bounds what is in flight. One goroutine acquires; any may release.
type budget struct {
	mu        sync.Mutex
	max, used cost
	freed     chan struct{} // of capacity 1
}

func newBudget(limit cost) *budget { return &budget{max: limit, freed: make(chan struct{}, 1)} }

// acquire waits until c fits, or ctx ends. What exceeds the whole budget fits
// when nothing else is in flight.
func (b *budget) acquire(ctx context.Context, c cost) error {
	for !b.try(c) {
		select {
		case <-b.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (b *budget) try(c cost) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := cost{b.used.records + c.records, b.used.bytes + c.bytes}
	if b.used != (cost{}) && (next.records > b.max.records || next.bytes > b.max.bytes) {
		return false // Guarantee 4: what does not fit is not taken
	}
	b.used = next
	return true
}

func (b *budget) release(c cost) {
	b.mu.Lock()
	b.used.records -= c.records
	b.used.bytes -= c.bytes
	b.mu.Unlock()
	select {
	case b.freed <- struct{}{}:
	default:
	}
}

func (b *budget) inUse() cost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
