package pipeline

import (
	"context"
	"iter"
	"time"
)

// Hooks observes a pipeline. Counters are read with [Pipeline.Stats] instead.
// Hooks are called by the goroutine that does the work, several at a time, and
// should return quickly.
type Hooks struct {
	// Admit is called for each batch with records that the source has read and the
	// pipeline takes in, before any of them goes on. It returns what follows the
	// batch, or nil.
	Admit func(a Admission) Trace

	// Attempt is called before each call of Process or Write: once per batch
	// and try. The step is called with the context it returns, and the function it
	// returns, if not nil, with the outcome.
	Attempt func(ctx context.Context, a Attempt) (context.Context, func(error))

	// Retry is called when attempt, which counts from 1, has failed and another
	// follows after wait. Its context is of the batch.
	Retry func(ctx context.Context, step string, attempt int, wait time.Duration, err error)

	// Divert is called for each record that leaves by an outlet.
	Divert func(r Reject)

	// Breaker is called when a step's circuit breaker has changed its state. Its
	// context is of the attempt that failed, or of the batch that is tried next.
	Breaker func(ctx context.Context, step string, from, to BreakerState)

	// Commit is called after each commit of marks, which err says has failed.
	Commit func(marks []Mark, took time.Duration, err error)
}

// An Attempt is one call of a step on one batch.
type Attempt struct {
	Step    string
	Kind    Kind
	Number  int // 1 is the first try of these records
	Records int
	Headers iter.Seq[*Header] // of the records; valid until the attempt ends
	Rejects []Record[Reject]  // the records themselves, if Kind is OutletKind; valid as long
}

// An Admission is a source batch that is taken in.
type Admission struct {
	Step    string // the source
	Mark    Mark   // that may be committed once it has settled
	Read    time.Time
	Records int
	Headers iter.Seq[*Header] // of the records; valid until Admit returns
}
