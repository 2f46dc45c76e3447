package pipelinetest

import (
	"context"
	"slices"
	"sync"

	"cdcpipe/pipeline"
)

// A Collector is a sink that keeps what it is given. The zero value is empty. It
// uses no outlets.
type Collector[T any] struct {
	mu      sync.Mutex
	recs    []pipeline.Record[T]
	batches int
}

var _ pipeline.Sink[int] = (*Collector[int])(nil)

// Write keeps recs.
func (c *Collector[T]) Write(_ context.Context, recs []pipeline.Record[T]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recs = append(c.recs, recs...)
	c.batches++
	return nil
}

// Outlets returns none.
func (c *Collector[T]) Outlets() []pipeline.Outlet { return nil }

// All returns what was written so far.
func (c *Collector[T]) All() []pipeline.Record[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.recs)
}

// Values returns the values written so far.
func (c *Collector[T]) Values() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	vs := make([]T, len(c.recs))
	for i, r := range c.recs {
		vs[i] = r.Value
	}
	return vs
}

// Batches returns how many batches were written so far.
func (c *Collector[T]) Batches() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batches
}
