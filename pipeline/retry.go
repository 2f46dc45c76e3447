package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Retry says how often, and how patiently, a failed batch is tried again. Zero
// fields take the defaults.
type Retry struct {
	// Attempts bounds the tries of a batch, the first included. When they are
	// used up the pipeline stops: an outage is no fault of the records. Waiting for
	// a circuit breaker is no attempt. Zero tries for ever.
	Attempts int

	// Alone bounds the tries of a record that fails while its neighbours succeed
	// (see [Failures]), the first included; then it leaves by [DeadLetter].
	// Defaults to 10.
	Alone int

	// Min is the wait after the first failure, which grows by Factor up to Max.
	// They default to 1s, 2 and 1m.
	Min, Max time.Duration
	Factor   float64

	// Jitter is the part of a wait by which it is randomly made shorter or longer,
	// less than 1. It never exceeds Max. Defaults to 0.2.
	Jitter float64
}

func (r Retry) withDefaults() Retry {
	orDefault(&r.Alone, 10)
	orDefault(&r.Min, time.Second)
	orDefault(&r.Max, max(r.Min, time.Minute))
	orDefault(&r.Factor, 2)
	orDefault(&r.Jitter, 0.2)
	return r
}

// validate refuses what the policy builder would accept without a word.
func (r Retry) validate() error {
	if r.Attempts < 0 || r.Alone < 0 {
		return errors.New("retry attempts must not be negative")
	}
	if r.Min < 0 || r.Max < r.Min && r.Max != 0 {
		return fmt.Errorf("retry waits of %v to %v make no sense", r.Min, r.Max)
	}
	if r.Factor != 0 && !(r.Factor >= 1 && r.Factor < 1e6) || !(r.Jitter >= 0 && r.Jitter < 1) {
		return fmt.Errorf("retry factor %v must be at least 1, and jitter %v below 1", r.Factor, r.Jitter)
	}
	return nil
}

// build makes the policy of a step. scheduled is called before each wait.
func (r Retry) build(scheduled func(failsafe.ExecutionScheduledEvent[any])) failsafe.Executor[any] {
	tries := -1
	if r.Attempts > 0 {
		tries = r.Attempts
	}
	longest := time.Duration(float64(r.Max) / (1 + r.Jitter)) // jitter is added after the cap
	return failsafe.With(retrypolicy.NewBuilder[any]().
		WithMaxAttempts(tries).
		WithBackoffFactor(max(1, min(r.Min, longest)), max(1, longest), r.Factor).
		WithJitterFactor(r.Jitter).
		HandleIf(func(_ any, err error) bool { return retryable(err) }).
		ReturnLastFailure().
		OnRetryScheduled(scheduled).
		Build())
}

// retryable reports whether another attempt may help: the world may have
// recovered, or the records that failed alone may succeed.
func retryable(err error) bool {
	if err == nil || IsFatal(err) {
		return false
	}
	_, partly := asFailures(err)
	return partly || aboutWorld(err)
}

// persist calls call until it succeeds or trying again is of no use. It returns
// an error about the records to be dealt with, or one that stops the pipeline.
//
// The policy is entered only after a first failure, which it takes for its first
// attempt: one execution per batch that fails, none per batch that does not.
func (s *step) persist(ctx context.Context, call func() error) (about, stop error) {
	err := call()
	if retryable(err) && ctx.Err() == nil {
		known, failed := true, err
		err = s.retries.WithContext(ctx).Run(func() error {
			if known {
				known = false
				return failed
			}
			return call()
		})
	}
	_, diverts := OutletOf(err)
	_, partly := asFailures(err)
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case IsFatal(err), diverts && s.kind == OutletKind: // an outlet has no outlet
		return nil, s.failed(err)
	case diverts, partly:
		return err, nil
	default:
		return nil, s.failed(fmt.Errorf("gave up after %d attempts: %w", s.retry.Attempts, err))
	}
}
