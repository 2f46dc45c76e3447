package pipeline

import (
	"context"
	"errors"
	"fmt"
)

// A Sink makes records durable.
//
// Write returns nil only when every record is durable. A [*Failures] names the
// records that are not; all others are. Any other error says nothing about any
// of them, and the whole batch is tried again, so Write must be idempotent. A
// batch is never empty; neither it nor its records may be kept or modified.
//
// Records with equal keys arrive in order and are never in flight twice at
// once, whatever the number of lanes. With [Lanes], Write is called concurrently,
// as it is when one sink is given to several steps.
type Sink[T any] interface {
	Write(ctx context.Context, recs []Record[T]) error
}

// SinkFunc adapts a function to a [Sink].
type SinkFunc[T any] func(ctx context.Context, recs []Record[T]) error

// Write calls f.
func (f SinkFunc[T]) Write(ctx context.Context, recs []Record[T]) error { return f(ctx, recs) }

// Failures reports a write that partly succeeded. The zero value reports none.
//
// A record whose error asks for an outlet leaves by it. One with an unmarked
// error is written again, alone with what follows it under its key so that the
// newest is the last, up to [Retry.Alone] times; then it leaves by [DeadLetter].
// Failures thus say that the target works. When it does not, return a plain error.
type Failures struct {
	Index []int // ascending positions in the slice given to Write
	Errs  []error
}

// Add reports that record i failed with err. Calls must be in ascending i.
func (f *Failures) Add(i int, err error) {
	f.Index, f.Errs = append(f.Index, i), append(f.Errs, err)
}

// Err returns f, or nil if nothing failed.
func (f *Failures) Err() error {
	if len(f.Index) == 0 {
		return nil
	}
	return f
}

func (f *Failures) Error() string {
	if len(f.Errs) == 0 {
		return "no record failed"
	}
	return fmt.Sprintf("%d records failed, first: %v", len(f.Index), f.Errs[0])
}

// Unwrap returns the individual errors.
func (f *Failures) Unwrap() []error { return f.Errs }

// check reports whether f makes sense for a batch of n records.
func (f *Failures) check(n int) error {
	if len(f.Index) == 0 || len(f.Index) != len(f.Errs) {
		return Fatal(fmt.Errorf("sink reported %d failures with %d errors", len(f.Index), len(f.Errs)))
	}
	last := -1
	for k, i := range f.Index {
		if i <= last || i >= n || f.Errs[k] == nil {
			return Fatal(fmt.Errorf("sink reported failure of record %d after %d, of %d: %v", i, last, n, f.Errs[k])) //nolint:errorlint // may be nil
		}
		last = i
	}
	return nil
}

func asFailures(err error) (*Failures, bool) { return errors.AsType[*Failures](err) }
