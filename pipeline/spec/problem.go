package spec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"cdcpipe/pipeline/fault"
)

// A Position says where something is written.
type Position struct {
	File         string // or what else it stands in: "environment variable CDCPIPE_NAME"
	Line, Column int    // from 1; 0 if it does not stand in a file
}

// String returns file:line:column, or the name alone.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

func (p Position) compare(q Position) int {
	inFile := func(p Position) int {
		if p.Line == 0 {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(inFile(p), inFile(q)), cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// A Problem is one thing that is wrong with a configuration. It never quotes what a
// reference stands for, nor a secret.
type Problem struct {
	At   Position
	Path string // of the value: "stages[1].with.rules"; empty for the file as a whole
	What string // what was found and what was expected
	Fix  string // what to do about it; may be empty
}

func (p *Problem) Error() string {
	s := p.At.String() + ": "
	if p.Path != "" {
		s += p.Path + ": "
	}
	s += p.What
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// Problems returns the problems in an error of this package, in the order of their
// positions, each with its code.
func Problems(err error) []*fault.Fault {
	var all []*fault.Fault
	for _, e := range flatten(err) {
		if f, ok := errors.AsType[*fault.Fault](e); ok {
			all = append(all, f)
		}
	}
	return all
}

// flatten returns the errors that err joins.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range j.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

// problems collects what is wrong.
type problems struct {
	found  []*fault.Fault
	secret redactor
}

func (ps *problems) add(code fault.Code, at Position, path, what, fix string) {
	ps.found = append(ps.found, fault.Wrap(code, &Problem{at, path, what, fix}).(*fault.Fault))
}

// err joins what was found, sorted by position, with all that must not be printed
// redacted. Two problems of one place and code are one.
func (ps *problems) err() error {
	problem := func(f *fault.Fault) *Problem { return f.Err.(*Problem) }
	for _, f := range ps.found {
		p := problem(f)
		p.What, p.Fix = ps.secret.hide(p.What), ps.secret.hide(p.Fix)
	}
	slices.SortFunc(ps.found, func(a, b *fault.Fault) int {
		p, q := problem(a), problem(b)
		return cmp.Or(p.At.compare(q.At), cmp.Compare(p.Path, q.Path), cmp.Compare(p.What, q.What))
	})
	found := slices.CompactFunc(ps.found, func(a, b *fault.Fault) bool { return a.Code == b.Code && *problem(a) == *problem(b) })
	errs := make([]error, len(found))
	for i, f := range found {
		errs[i] = f
	}
	return errors.Join(errs...)
}
