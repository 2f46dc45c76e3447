package stages

import (
	"fmt"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A rulePlan is what one definition of a table must satisfy.
type rulePlan struct {
	required []requirement
	byColumn [][]valueCheck // by position of the column
	checks   []check
	unfit    []error // rules that cannot be applied to it
	counts   *tableCounts
}

// A requirement is a column that must have a value.
type requirement struct {
	name     string
	column   int // -1 if there is none
	severity Severity
}

// A valueCheck is a rule about the values of one column.
type valueCheck struct {
	rule     string
	severity Severity
	ok       func(v cdc.Value) bool // v is not null
	says     string                 // what is wrong with what is not ok
}

// plan returns what applies to t, made once for each definition.
func (v *Validate) plan(t *cdc.Table) *rulePlan {
	if p, ok := v.plans.Load(t); ok {
		return p.(*rulePlan)
	}
	p := &rulePlan{byColumn: make([][]valueCheck, len(t.Columns)), counts: v.counts.of(t)}
	for i := range v.rules {
		if v.rules[i].match.table(t) {
			p.add(t, &v.rules[i])
		}
	}
	kept, loaded := v.plans.LoadOrStore(t, p)
	if !loaded {
		for _, name := range v.absent(t) {
			v.log.Warn("validate: rules are for a column that the table does not have", "table", t.String(), "column", name)
		}
	}
	return kept.(*rulePlan)
}

// absent lists columns that entries for t alone have rules for, and t lacks.
func (v *Validate) absent(t *cdc.Table) (names []string) {
	for i := range v.rules {
		if m := v.rules[i].match; m.keyspace != t.Keyspace || m.name != t.Name {
			continue
		}
		for _, name := range v.rules[i].order {
			if _, ok := t.Column(name); !ok {
				names = append(names, name)
			}
		}
	}
	return names
}

func (p *rulePlan) add(t *cdc.Table, rs *rules) {
	need := func(name string, s Severity) {
		i, ok := t.Column(name)
		if !ok {
			i = -1
		}
		p.required = append(p.required, requirement{name, i, s})
	}
	for _, name := range rs.required {
		need(name, SeverityError)
	}
	for _, name := range rs.order {
		c := rs.columns[name]
		if c.cfg.Required {
			need(name, c.severity)
		}
		i, ok := t.Column(name)
		if !ok {
			continue
		}
		checks, errs := c.checks(name, t.Columns[i].Type)
		p.byColumn[i] = append(p.byColumn[i], checks...)
		for _, err := range errs {
			err = fmt.Errorf("table %s: %w", t, err)
			p.unfit = append(p.unfit, err)
			p.byColumn[i] = append(p.byColumn[i], valueCheck{name + ".type", c.severity, func(cdc.Value) bool { return false }, err.Error()})
		}
	}
	p.checks = append(p.checks, rs.checks...)
}

// check notes every rule that c breaks. What deletes a row need not satisfy any.
func (p *rulePlan) check(c *cdc.Change, env environment, f *findings) {
	if c.Op > cdc.Update {
		return
	}
	for _, r := range p.required {
		if err := r.missing(c); err != nil {
			f.note(r.severity, fault.RequiredColumn, r.name+".required", r.name, err)
		}
	}
	for i, v := range c.Key {
		p.value(c.Table, i, v, f)
	}
	for i := range c.Cells {
		p.value(c.Table, int(c.Cells[i].Column), c.Cells[i].Value, f)
	}
	if len(p.checks) == 0 {
		return
	}
	env.fill(c)
	for _, k := range p.checks {
		if !env.carries(k.expr) {
			continue
		}
		switch ok, err := env.test(k.expr); {
		case err != nil:
			f.note(k.severity, fault.RuleFailed, k.name, "", fmt.Errorf("rule %s: %w", k.name, err))
		case !ok:
			f.note(k.severity, fault.RuleFailed, k.name, "", fmt.Errorf("rule %s: %q is false", k.name, k.expr.source))
		}
	}
}

func (p *rulePlan) value(t *cdc.Table, column int, v cdc.Value, f *findings) {
	if v == nil {
		return
	}
	for i := range p.byColumn[column] {
		if k := &p.byColumn[column][i]; !k.ok(v) {
			name := t.Columns[column].Name
			f.note(k.severity, fault.RuleFailed, k.rule, name, fmt.Errorf("rule %s: column %q %s", k.rule, name, k.says))
		}
	}
}

// missing reports that c leaves a required column without a value.
func (r *requirement) missing(c *cdc.Change) error {
	if r.column < 0 {
		return fmt.Errorf("table %s has no column %q", c.Table, r.name)
	}
	if r.column < c.Table.Key {
		return nil
	}
	for j := range c.Cells {
		if int(c.Cells[j].Column) == r.column {
			if c.Cells[j].Value == nil {
				return fmt.Errorf("column %q is null", r.name)
			}
			return nil
		}
	}
	if c.Op == cdc.Insert && !c.Snapshot {
		return fmt.Errorf("column %q is missing", r.name)
	}
	return nil
}
