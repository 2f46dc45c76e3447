package pipeline

import (
	"context"
	"errors"
)

// A Judge decides by header alone, and so serves flows of any type: sampling,
// staleness by time, throttling. It may be a [Diverter].
type Judge interface {
	// Judge returns nil to pass the record on, or an error that is about the
	// record unless it is marked [Fatal].
	Judge(h *Header) error
}

// JudgeFunc adapts a function to a [Judge].
type JudgeFunc func(h *Header) error

// Judge calls f.
func (f JudgeFunc) Judge(h *Header) error { return f(h) }

// Judged adds a judge to a flow of any type.
func Judged(f AnyFlow, name string, j Judge, opts ...Option) AnyFlow {
	return f.judged(name, j, opts)
}

func (f *Flow[T]) judged(name string, j Judge, opts []Option) AnyFlow {
	if j == nil {
		f.p.fail(errors.New(name + ": judge is nil"))
		return f
	}
	return Then(f, name, judging[T]{j}, opts...)
}

// A judging is the stage that a judge decides for.
type judging[T any] struct{ judge Judge }

func (b judging[T]) Process(_ context.Context, in []Record[T], out *Outbox[T]) error {
	for i := range in {
		switch err := b.judge.Judge(in[i].Header); {
		case err == nil:
			out.Emit(i, in[i].Value)
		case IsFatal(err):
			return err
		default:
			out.Fail(i, err)
		}
	}
	return nil
}

func (b judging[T]) Outlets() []Outlet { return outletsOf(b.judge) }
