// Package fault gives every error that an operator may see a stable code, a
// title and a sentence that says what to do.
//
// The catalogue is one table, so that the command line, the headers of dead
// letters, the logs and docs/reference/errors.md cannot disagree.
package fault

import (
	"errors"
	"fmt"
)

// A Code names a kind of fault. Codes are stable: they are never reused and
// their meaning does not change.
type Code string

// A Fault is an error with a code.
type Fault struct {
	Code Code
	Err  error // what happened, with names and positions; never nil
}

// New returns a fault of kind c whose detail is formatted as by [fmt.Errorf].
// The catalogue must know c.
func New(c Code, format string, args ...any) *Fault {
	return &Fault{Code: c, Err: fmt.Errorf(format, args...)}
}

// Wrap gives err the code c. It returns nil if err is nil.
func Wrap(c Code, err error) error {
	if err == nil {
		return nil
	}
	return &Fault{Code: c, Err: err}
}

// Error returns the code and the detail. What to do is in [Fault.Fix].
func (f *Fault) Error() string { return string(f.Code) + " " + f.Err.Error() }

// Unwrap returns the detail.
func (f *Fault) Unwrap() error { return f.Err }

// Title says in a few words what kind of fault it is.
func (f *Fault) Title() string { return Describe(f.Code).Title }

// Fix says what to do about it.
func (f *Fault) Fix() string { return Describe(f.Code).Fix }

// CodeOf returns the code of the outermost fault in err's chain, or [Unknown]
// if there is none.
func CodeOf(err error) Code {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Code
	}
	return Unknown
}

// Is reports whether err's outermost fault has code c.
func Is(err error, c Code) bool { return CodeOf(err) == c }
