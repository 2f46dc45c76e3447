package stages

import (
	"errors"
	"fmt"

	"cdcpipe/pipeline/fault"
)

// A Severity says what becomes of a change that breaks a rule.
type Severity string

// The severities.
const (
	SeverityError Severity = "error" // it leaves by the outlet invalid
	SeverityWarn  Severity = "warn"  // it is counted and goes on
)

func (s Severity) check() error {
	switch s {
	case "", SeverityError, SeverityWarn:
		return nil
	}
	return fmt.Errorf("severity: %q is neither error nor warn", string(s))
}

// orError returns s, error if it is not set.
func (s Severity) orError() Severity {
	if s == "" {
		return SeverityError
	}
	return s
}

// A broken rule is an error that says which rule a change breaks, and in which
// column; what is kept of the change has both apart.
type broken struct {
	rule, column string
	err          error
}

func (b *broken) Error() string               { return b.err.Error() }
func (b *broken) Unwrap() error               { return b.err }
func (b *broken) Rule() (name, column string) { return b.rule, b.column }

// A finding is a rule that a change breaks.
type finding struct {
	rule     string
	severity Severity
	err      error
}

// Findings are all of one change.
type findings struct{ all []finding }

func (f *findings) reset() { f.all = f.all[:0] }

// broke notes a rule of severity error. Formats quote no values.
func (f *findings) broke(code fault.Code, rule, column, format string, args ...any) {
	f.note(SeverityError, code, rule, column, fmt.Errorf(format, args...))
}

func (f *findings) note(s Severity, code fault.Code, rule, column string, err error) {
	f.all = append(f.all, finding{rule, s, fault.New(code, "%w", &broken{rule, column, err})})
}

// errors joins those that keep the change from going on.
func (f *findings) errors() error {
	var errs []error
	for _, x := range f.all {
		if x.severity == SeverityError {
			errs = append(errs, x.err)
		}
	}
	return errors.Join(errs...)
}
