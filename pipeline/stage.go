package pipeline

import "context"

// A Stage turns records of In into records of Out, a batch at a time.
//
// Process must account for every input by calling Emit, Merge, Drop or Divert
// on out at least once for its index; a record nobody accounts for is a bug and
// stops the pipeline. A batch is never empty. A stage may keep state between
// calls but neither records nor in nor out, and must not modify in, which other
// steps may be reading. With [Workers] or [Lanes] it is called concurrently.
//
// A returned error concerns the whole batch: out is discarded and the batch is
// handled as the error says (see [Divert], [Fatal]), or else tried again. To
// fault a single record, Divert it.
type Stage[In, Out any] interface {
	Process(ctx context.Context, in []Record[In], out *Outbox[Out]) error
}

// StageFunc adapts a function to a [Stage].
type StageFunc[In, Out any] func(ctx context.Context, in []Record[In], out *Outbox[Out]) error

// Process calls f.
func (f StageFunc[In, Out]) Process(ctx context.Context, in []Record[In], out *Outbox[Out]) error {
	return f(ctx, in, out)
}

// Map returns a stage that applies f to each value. An error from f is about
// that record, whatever it is: the record leaves by the outlet the error names,
// or by [DeadLetter]. Only an error marked [Fatal] is about more.
func Map[In, Out any](f func(In) (Out, error)) Stage[In, Out] {
	return StageFunc[In, Out](func(_ context.Context, in []Record[In], out *Outbox[Out]) error {
		for i := range in {
			v, err := f(in[i].Value)
			switch {
			case err == nil:
				out.Emit(i, v)
			case IsFatal(err):
				return err
			default:
				out.Fail(i, err)
			}
		}
		return nil
	})
}

// Expand returns a stage that replaces each value by those f yields; a value for
// which it yields none is dropped as "empty". An error from f is about that
// record, as in [Map]: the record leaves by an outlet, and what was yielded for
// it before goes on.
func Expand[In, Out any](f func(v In, yield func(Out)) error) Stage[In, Out] {
	return StageFunc[In, Out](func(_ context.Context, in []Record[In], out *Outbox[Out]) error {
		i, n := 0, 0
		yield := func(v Out) { n++; out.Emit(i, v) }
		for i = range in {
			n = 0
			err := f(in[i].Value, yield)
			switch {
			case err != nil && IsFatal(err):
				return err
			case err != nil:
				out.Fail(i, err)
			case n == 0:
				out.Drop(i, "empty")
			}
		}
		return nil
	})
}

// Filter returns a stage that drops, under the name why, the values keep refuses.
// It uses no outlet.
func Filter[T any](why string, keep func(T) bool) Stage[T, T] { return filter[T]{why, keep} }

type filter[T any] struct {
	why  string
	keep func(T) bool
}

func (f filter[T]) Process(_ context.Context, in []Record[T], out *Outbox[T]) error {
	for i := range in {
		if f.keep(in[i].Value) {
			out.Emit(i, in[i].Value)
		} else {
			out.Drop(i, f.why)
		}
	}
	return nil
}

func (filter[T]) Outlets() []Outlet { return nil }
