package pipeline

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Divert marks err as being about the record rather than the world, and says
// by which outlet the record leaves. Retrying would not help.
func Divert(to Outlet, err error) error { return &divertError{to, err} }

// Permanent is Divert(DeadLetter, err).
func Permanent(err error) error { return Divert(DeadLetter, err) }

// Fatal marks err as a reason to stop the pipeline at once. Nothing unsettled
// is committed, so nothing is lost.
func Fatal(err error) error { return &fatalError{err} }

type divertError struct {
	to  Outlet
	err error
}

func (e *divertError) Error() string { return e.err.Error() }
func (e *divertError) Unwrap() error { return e.err }

type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

// OutletOf reports the outlet err asks for, if it asks for one.
func OutletOf(err error) (Outlet, bool) {
	if d, ok := errors.AsType[*divertError](err); ok {
		return d.to, true
	}
	return "", false
}

// IsFatal reports whether err was marked by [Fatal].
func IsFatal(err error) bool {
	_, ok := errors.AsType[*fatalError](err)
	return ok
}

// aboutWorld reports whether err is neither about records nor fatal, and so a
// reason to wait and try again.
func aboutWorld(err error) bool {
	if err == nil || IsFatal(err) {
		return false
	}
	_, diverts := OutletOf(err)
	_, partly := asFailures(err)
	return !diverts && !partly
}

// ErrDrainTimeout is the cause of a shutdown that had to abandon records. They
// are unsettled, hence uncommitted, and will be read again.
var ErrDrainTimeout = errors.New("drain timed out")

// ErrAbandoned is the cause of a shutdown by [Pipeline.Abandon].
var ErrAbandoned = errors.New("abandoned")

// A StepError says which step of a pipeline failed.
type StepError struct {
	Step string
	Kind Kind
	Err  error
}

func (e *StepError) Error() string {
	if e.Kind == OutletKind {
		return fmt.Sprintf("outlet %s: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Step, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// A PanicError is a panic in a source, stage or sink. It is fatal: what the part
// left behind cannot be trusted, and nothing unsettled is committed.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// caught turns a panic of f into an error.
func caught(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Fatal(&PanicError{v, debug.Stack()})
		}
	}()
	return f()
}
