package pipelinetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"cdcpipe/pipeline"
)

// Errors that [Faults] return. They are about the world, so the engine tries again.
var (
	ErrBefore = errors.New("pipelinetest: refused, nothing was written")
	ErrDuring = errors.New("pipelinetest: broke off, a part was written")
	ErrAfter  = errors.New("pipelinetest: no answer, all was written")
)

// Faults is a sink that passes writes to another and fails at random: before
// anything is written, in the middle, or after all of it is written, as when the
// answer of a database is lost. What it does is determined by the seed and the
// order of calls.
//
// It opens, closes and uses the outlets of the sink it wraps.
type Faults[T any] struct {
	sink                  pipeline.Sink[T]
	before, during, after float64

	mu     sync.Mutex
	rng    *rand.Rand
	faults int
}

// NewFaults wraps sink. The other arguments but the seed are probabilities.
func NewFaults[T any](sink pipeline.Sink[T], seed uint64, before, during, after float64) *Faults[T] {
	return &Faults[T]{
		sink: sink, before: before, during: during, after: after,
		rng: rand.New(rand.NewPCG(seed, 0)),
	}
}

// Write writes recs, a part of them or none.
func (f *Faults[T]) Write(ctx context.Context, recs []pipeline.Record[T]) error {
	part, kind := f.roll(len(recs))
	if errors.Is(kind, ErrBefore) || part == 0 {
		return kind
	}
	err := f.sink.Write(ctx, recs[:part])
	if kind != nil {
		return kind
	}
	return err
}

func (f *Faults[T]) roll(n int) (part int, kind error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dice := f.rng.Float64()
	for _, k := range []struct {
		err  error
		rate float64
	}{{ErrBefore, f.before}, {ErrDuring, f.during}, {ErrAfter, f.after}} {
		if dice < k.rate {
			f.faults++
			if errors.Is(k.err, ErrDuring) {
				return f.rng.IntN(n), k.err
			}
			return n, k.err
		}
		dice -= k.rate
	}
	return n, nil
}

// Count returns how often it has failed.
func (f *Faults[T]) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults
}

// Outlets returns those of the wrapped sink.
func (f *Faults[T]) Outlets() []pipeline.Outlet { return outletsOf(f.sink) }

// Open opens the wrapped sink.
func (f *Faults[T]) Open(ctx context.Context) error { return open(ctx, f.sink) }

// Close closes the wrapped sink.
func (f *Faults[T]) Close(ctx context.Context) error { return closePart(ctx, f.sink) }
