package stages

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"

	"cdcpipe/pipeline/cdc"
)

// An entry is a [TableTransform] whose expressions are compiled and whose types
// are parsed. Whether it fits a table is for [newPlan] to find.
type entry struct {
	TableTransform
	match   match
	filter  *expression
	derived []derivation
}

// A derivation is a column that is computed.
type derivation struct {
	name string
	typ  *cdc.Type
	expr *expression
}

func newEntry(c TableTransform) (*entry, error) {
	e := &entry{TableTransform: c}
	var errs []error
	fail := func(at string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	var err error
	e.match, err = newMatch(c.Match)
	fail("match", err)
	if f := c.Filter; f != nil {
		e.filter, err = newExpression(f.Expr, expr.AsBool())
		fail("filter.expr", err)
		if f.Partial != "" && f.Partial != "keep" && f.Partial != "drop" {
			fail("filter.partial", fmt.Errorf("%q is neither keep nor drop", f.Partial))
		}
	}
	for i, d := range c.Derive {
		at := fmt.Sprintf("derive[%d]", i)
		x := derivation{name: d.Column}
		if d.Column == "" {
			fail(at+".column", errors.New("is required"))
		}
		if x.typ, err = cdc.ParseType(d.Type, nil); err == nil && !x.typ.Kind.Scalar() {
			err = fmt.Errorf("%s is not a scalar type", d.Type)
		}
		fail(at+".type", err)
		x.expr, err = newExpression(d.Expr)
		fail(at+".expr", err)
		e.derived = append(e.derived, x)
	}
	if h := c.Hash; h != nil && h.Key == "" {
		fail("hash.key", errors.New("is required: a hash without a key is undone by trying values"))
	}
	for from, to := range c.Rename {
		if to == "" {
			fail("rename", fmt.Errorf("%q has no new name", from))
		}
	}
	return e, errors.Join(errs...)
}
