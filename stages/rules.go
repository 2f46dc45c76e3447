package stages

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/expr-lang/expr"
)

// TableRules are the rules of the tables that Match names.
type TableRules struct {
	Match    string                 `yaml:"match" json:"match" jsonschema:"required,description=keyspace.table; * stands for any keyspace or table"`
	Required []string               `yaml:"required" json:"required,omitempty" jsonschema:"description=Columns that must not be null: an insert must carry them and nothing may delete them"`
	Columns  map[string]ColumnRules `yaml:"columns" json:"columns,omitempty" jsonschema:"description=Rules by column"`
	Rules    []Rule                 `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Expressions that must be true"`
}

// A Rule is an expression that must be true of every change which carries all
// the columns that it names.
type Rule struct {
	Name     string   `yaml:"name" json:"name" jsonschema:"required,description=Name of the rule in reports"`
	Expr     string   `yaml:"expr" json:"expr" jsonschema:"required,description=Expression over the columns; true means valid"`
	Severity Severity `yaml:"severity" json:"severity,omitempty" jsonschema:"enum=error,enum=warn,description=error: the change leaves by the outlet invalid; warn: it is counted and goes on. error if not given"`
}

// rules are TableRules, compiled as far as goes without a table.
type rules struct {
	match    match
	required []string
	columns  map[string]*columnRules
	order    []string // of columns
	checks   []check
}

type check struct {
	name     string
	severity Severity
	expr     *expression
}

// newRules compiles t; what is wrong with it is reported below path.
func newRules(t TableRules, path string) (rs rules, err error) {
	var errs []error
	rs = rules{required: t.Required, columns: map[string]*columnRules{}, order: slices.Sorted(maps.Keys(t.Columns))}
	if rs.match, err = newMatch(t.Match); err != nil {
		errs = append(errs, fmt.Errorf("%s.match: %w", path, err))
	}
	for _, name := range rs.order {
		c, err := newColumnRules(t.Columns[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.columns.%s: %w", path, name, err))
		}
		rs.columns[name] = c
	}
	for j, r := range t.Rules {
		e, err := newExpression(r.Expr, expr.AsBool())
		if r.Name == "" {
			err = errors.Join(err, errors.New("rule has no name"))
		}
		if err = errors.Join(err, r.Severity.check()); err != nil {
			errs = append(errs, fmt.Errorf("%s.rules[%d]: %w", path, j, err))
		}
		rs.checks = append(rs.checks, check{r.Name, r.Severity.orError(), e})
	}
	return rs, errors.Join(errs...)
}
