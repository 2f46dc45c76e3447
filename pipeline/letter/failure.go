package letter

import (
	"errors"
	"fmt"
	"time"

	"cdcpipe/pipeline/fault"
)

// A Failure is one of the reasons why a record left. A stage that checks rules
// reports every one that the record breaks.
type Failure struct {
	Code   fault.Code `json:"code"`
	Rule   string     `json:"rule,omitempty"`   // broken, if it has a name
	Column string     `json:"column,omitempty"` // that it is about, if it is about one
	Detail string     `json:"detail"`
}

// A ruled error says which rule a record breaks, and in which column.
type ruled interface {
	error
	Rule() (name, column string)
}

// failures appends what err joins, a failure each.
func failures(fs []Failure, err error) []Failure {
	f, isFault := err.(*fault.Fault) //nolint:errorlint // what it wraps is its detail
	if !isFault {
		switch u := err.(type) { //nolint:errorlint // the tree is walked by hand
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				fs = failures(fs, e)
			}
			return fs
		case interface{ Unwrap() error }:
			if _, ok := errors.AsType[*fault.Fault](u.Unwrap()); ok {
				return failures(fs, u.Unwrap())
			}
		}
		return append(fs, Failure{Code: fault.Unknown, Detail: err.Error()})
	}
	one := Failure{Code: f.Code, Detail: f.Err.Error()}
	if r, ok := errors.AsType[ruled](f.Err); ok {
		one.Rule, one.Column = r.Rule()
	}
	return append(fs, one)
}

// A Late error says how late a change is. Times are microseconds since 1970.
type Late struct {
	Written int64 // when the change was written

	// Winner is the greatest write time among what it lost to. It is 0 for a change
	// that was refused for its age, unmerged; Limit then is what it is older than.
	Winner, Limit int64
}

func (e *Late) Error() string {
	if e.Limit != 0 {
		return fmt.Sprintf("written at %s, before %s", instant(e.Written), instant(e.Limit))
	}
	return fmt.Sprintf("written at %d, and the replica has %d", e.Written, e.Winner)
}

func instant(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339) }
