package stages

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/expr-lang/expr"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// ValidateConfig says what a change must satisfy.
type ValidateConfig struct {
	// MaxValueBytes bounds every single value.
	MaxValueBytes plugin.Size `yaml:"max_value_bytes" json:"max_value_bytes,omitempty" jsonschema:"default=64MiB,description=Greatest size of one value"`

	// MaxElements bounds every collection.
	MaxElements int `yaml:"max_elements" json:"max_elements,omitempty" jsonschema:"default=65536,minimum=1,description=Greatest number of elements of a collection"`

	// AllowNUL lets text hold U+0000, which PostgreSQL's text cannot.
	AllowNUL bool `yaml:"allow_nul" json:"allow_nul,omitempty" jsonschema:"default=false,description=Let text hold U+0000; only for targets that can keep it"`

	// Tables has rules by table.
	Tables []TableRules `yaml:"tables" json:"tables,omitempty" jsonschema:"description=Rules by table"`
}

// TableRules are the rules of the tables that Match names.
type TableRules struct {
	Match    string   `yaml:"match" json:"match" jsonschema:"required,description=keyspace.table; * stands for any keyspace or table"`
	Required []string `yaml:"required" json:"required,omitempty" jsonschema:"description=Columns that must not be null: an insert must carry them and nothing may delete them"`
	Rules    []Rule   `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Expressions that must be true"`
}

// A Rule is an expression that must be true of every change which carries all
// the columns that it names.
type Rule struct {
	Name string `yaml:"name" json:"name" jsonschema:"required,description=Name of the rule in reports"`
	Expr string `yaml:"expr" json:"expr" jsonschema:"required,description=Expression over the columns; true means valid"`
}

// DefaultValidate is the configuration of a validate stage that has none.
func DefaultValidate() ValidateConfig {
	return ValidateConfig{MaxValueBytes: 64 << 20, MaxElements: 1 << 16}
}

// Validate reports everything that is wrong with c.
func (c ValidateConfig) Validate() error {
	_, err := NewValidate(c)
	return err
}

// NewValidate returns the stage that diverts changes which break a rule to
// [pipeline.Invalid], naming every rule broken.
func NewValidate(cfg ValidateConfig) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
	var errs []error
	if cfg.MaxValueBytes < 1 {
		errs = append(errs, errors.New("max_value_bytes: must be positive"))
	}
	if cfg.MaxElements < 1 {
		errs = append(errs, errors.New("max_elements: must be positive"))
	}
	v := &validate{cfg: cfg}
	for i, t := range cfg.Tables {
		rs := rules{required: t.Required}
		var err error
		if rs.match, err = newMatch(t.Match); err != nil {
			errs = append(errs, fmt.Errorf("tables[%d].match: %w", i, err))
		}
		for j, r := range t.Rules {
			e, err := newExpression(r.Expr, expr.AsBool())
			if r.Name == "" {
				err = errors.Join(err, errors.New("rule has no name"))
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("tables[%d].rules[%d]: %w", i, j, err))
			}
			rs.checks = append(rs.checks, check{r.Name, e})
		}
		v.rules = append(v.rules, rs)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	v.environments.New = func() any { return environment{} }
	return v, nil
}

type validate struct {
	cfg          ValidateConfig
	rules        []rules
	environments sync.Pool
}

type rules struct {
	match    match
	required []string
	checks   []check
}

type check struct {
	name string
	expr *expression
}

// Outlets returns the outlet that the stage uses.
func (v *validate) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

// Process passes on what is valid.
func (v *validate) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	env := v.environments.Get().(environment)
	defer v.environments.Put(env)
	for i := range in {
		c := in[i].Value
		err := v.values(c)
		for j := range v.rules {
			if v.rules[j].match.table(c.Table) {
				err = errors.Join(err, v.rules[j].broken(c, env))
			}
		}
		if err != nil {
			out.Divert(i, pipeline.Invalid, err)
			continue
		}
		out.Emit(i, c)
	}
	return nil
}

// values checks what holds for every table.
func (v *validate) values(c *cdc.Change) (err error) {
	for i, x := range c.Key {
		err = errors.Join(err, v.value(&c.Table.Columns[i], x))
	}
	for i := range c.Cells {
		if e := v.value(&c.Table.Columns[c.Cells[i].Column], c.Cells[i].Value); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (v *validate) value(col *cdc.Column, x cdc.Value) error {
	if len(x) > int(v.cfg.MaxValueBytes) {
		return fault.New(fault.ValueTooLarge, "column %q has %d bytes, more than %d", col.Name, len(x), v.cfg.MaxValueBytes)
	}
	if n := col.Type.Len(x); n > v.cfg.MaxElements {
		return fault.New(fault.TooManyCells, "column %q has %d elements, more than %d", col.Name, n, v.cfg.MaxElements)
	}
	if !v.cfg.AllowNUL && col.Type.HasNUL(x) {
		return fault.New(fault.NulInText, "column %q holds U+0000", col.Name)
	}
	return nil
}

// broken returns a fault for every rule that c breaks.
func (r *rules) broken(c *cdc.Change, env environment) (err error) {
	for _, name := range r.required {
		if e := missing(c, name); e != nil {
			err = errors.Join(err, e)
		}
	}
	if len(r.checks) == 0 || c.Op > cdc.Update {
		return err
	}
	env.fill(c)
	for _, k := range r.checks {
		if !env.carries(k.expr) {
			continue
		}
		switch ok, e := env.test(k.expr); {
		case e != nil:
			err = errors.Join(err, fault.New(fault.RuleFailed, "rule %s: %w", k.name, e))
		case !ok:
			err = errors.Join(err, fault.New(fault.RuleFailed, "rule %s: %q is false", k.name, k.expr.source))
		}
	}
	return err
}

// missing reports that c leaves a required column without a value.
func missing(c *cdc.Change, name string) error {
	if c.Op > cdc.Update {
		return nil // what deletes a row need not name its columns
	}
	i, ok := c.Table.Column(name)
	if !ok {
		return fault.New(fault.RequiredColumn, "table %s has no column %q", c.Table, name)
	}
	if i < c.Table.Key {
		return nil
	}
	for j := range c.Cells {
		if int(c.Cells[j].Column) == i {
			if c.Cells[j].Value == nil {
				return fault.New(fault.RequiredColumn, "column %q is null", name)
			}
			return nil
		}
	}
	if c.Op == cdc.Insert && !c.Snapshot {
		return fault.New(fault.RequiredColumn, "column %q is missing", name)
	}
	return nil
}
