package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Breaker says when a step that keeps failing is left alone. All lanes of a step
// share one circuit breaker; an error about records does not count, since the
// target has answered. Zero fields take the defaults.
type Breaker struct {
	// Failures in a row open the breaker. Defaults to 5; a negative number means
	// that there is none.
	Failures int

	// Delay is how long it stays open, before one attempt decides whether it
	// closes or opens again. Defaults to 30s.
	Delay time.Duration
}

func (b Breaker) withDefaults() Breaker {
	orDefault(&b.Failures, 5)
	orDefault(&b.Delay, 30*time.Second)
	return b
}

func (b Breaker) validate() error {
	if b.Delay < 0 {
		return fmt.Errorf("breaker delay %v must not be negative", b.Delay)
	}
	return nil
}

// A BreakerState is the state of a step's circuit breaker.
type BreakerState string

// The states of a circuit breaker. A step without one has none.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerHalfOpen BreakerState = "half_open"
	BreakerOpen     BreakerState = "open"
)

func breakerState(s circuitbreaker.State) BreakerState {
	switch s {
	case circuitbreaker.OpenState:
		return BreakerOpen
	case circuitbreaker.HalfOpenState:
		return BreakerHalfOpen
	default:
		return BreakerClosed
	}
}

// A guard makes attempts wait while the circuit is open. It waits inside the
// attempt, before anything is called, so that an open breaker uses up no retries
// and nothing overtakes what waits.
type guard struct {
	cb circuitbreaker.CircuitBreaker[any]

	// mu is held whenever the state may change, so that changes are reported in
	// the order they happen: the breaker itself reports them unlocked.
	mu      sync.Mutex
	changed chan struct{}   // closed when the state changes, then replaced
	by      context.Context // of whoever changes the state
}

// build returns the breaker of a step, or nil if it is to have none.
func (b Breaker) build(onChange func(ctx context.Context, from, to BreakerState)) *guard {
	if b.Failures < 0 {
		return nil
	}
	g := &guard{changed: make(chan struct{})}
	g.cb = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(b.Failures)).
		WithSuccessThreshold(1).
		WithDelay(b.Delay).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) { // g.mu is held
			close(g.changed)
			g.changed = make(chan struct{})
			onChange(g.by, breakerState(e.OldState), breakerState(e.NewState))
		}).
		Build()
	return g
}

// enter waits until an attempt is allowed, or ctx ends.
func (g *guard) enter(ctx context.Context) error {
	if g == nil {
		return nil
	}
	for {
		allowed, changed, wait := g.try(ctx)
		if allowed {
			return nil
		}
		var due <-chan time.Time
		if wait >= 0 {
			due = time.After(wait)
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try asks for an attempt. If it is not allowed it says what to wait for; a breaker
// that is half open has no time, since the one attempt under way decides.
func (g *guard) try(ctx context.Context) (allowed bool, changed <-chan struct{}, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = ctx
	if g.cb.TryAcquirePermit() {
		return true, nil, 0
	}
	if g.cb.IsOpen() {
		return false, g.changed, g.cb.RemainingDelay()
	}
	return false, g.changed, -1
}

// leave reports how an attempt went.
func (g *guard) leave(ctx context.Context, err error) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = ctx
	if aboutWorld(err) {
		g.cb.RecordFailure()
	} else {
		g.cb.RecordSuccess()
	}
}

func (g *guard) state() BreakerState {
	if g == nil {
		return ""
	}
	return breakerState(g.cb.State())
}
