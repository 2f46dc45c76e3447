package stages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

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

	// Alert says when too many changes are invalid.
	Alert AlertConfig `yaml:"alert" json:"alert,omitzero" jsonschema:"description=When too many changes are invalid; the pipeline goes on"`

	// Tables has rules by table.
	Tables []TableRules `yaml:"tables" json:"tables,omitempty" jsonschema:"description=Rules by table; a table satisfies all entries that match it"`
}

// AlertConfig says when too many changes are invalid: then a measure is 1 and a line
// is logged, and another once it is over.
type AlertConfig struct {
	Threshold float64       `yaml:"threshold" json:"threshold,omitempty" jsonschema:"default=0.05,minimum=0,maximum=1,description=Share of invalid changes above which an alert is raised; 1 raises none"`
	Window    time.Duration `yaml:"window" json:"window,omitempty" jsonschema:"default=1m,description=Time over which the share is taken; 1m if not given"`
	Changes   int           `yaml:"changes" json:"changes,omitempty" jsonschema:"default=100,minimum=1,description=Changes within the window below which no alert is raised"`
}

// DefaultValidate is the configuration of a validate stage that has none.
func DefaultValidate() ValidateConfig {
	return ValidateConfig{MaxValueBytes: 64 << 20, MaxElements: 1 << 16, Alert: AlertConfig{Threshold: 0.05, Window: time.Minute, Changes: 100}}
}

// Validate reports everything that is wrong with c.
func (c ValidateConfig) Validate() error {
	_, err := NewValidate(c, nil)
	return err
}

// A Validate stage diverts changes that break a rule to [pipeline.Invalid], naming
// every rule broken. Rules whose severity is warn are counted and divert nothing.
type Validate struct {
	cfg          ValidateConfig
	rules        []rules
	plans        sync.Map // of *rulePlan by *cdc.Table
	environments sync.Pool
	counts       ruleCounts
	window       *errorWindow
	log          *slog.Logger
}

// NewValidate returns the stage.
func NewValidate(cfg ValidateConfig, log *slog.Logger) (*Validate, error) {
	var errs []error
	if cfg.MaxValueBytes < 1 {
		errs = append(errs, errors.New("max_value_bytes: must be positive"))
	}
	if cfg.MaxElements < 1 {
		errs = append(errs, errors.New("max_elements: must be positive"))
	}
	if a := cfg.Alert; a.Threshold < 0 || a.Threshold > 1 {
		errs = append(errs, errors.New("alert.threshold: must be within 0 and 1"))
	} else if a.Window < time.Second {
		errs = append(errs, errors.New("alert.window: must be at least 1s"))
	} else if a.Changes < 1 {
		errs = append(errs, errors.New("alert.changes: must be positive"))
	}
	if log == nil {
		log = slog.Default()
	}
	v := &Validate{cfg: cfg, log: log}
	for i, t := range cfg.Tables {
		rs, err := newRules(t, fmt.Sprintf("tables[%d]", i))
		errs = append(errs, err)
		v.rules = append(v.rules, rs)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	v.environments.New = func() any { return environment{} }
	v.window = newErrorWindow(cfg.Alert, log)
	return v, nil
}

// Fits reports rules that cannot be applied to the definitions given: a range of a
// column that is no number, a pattern of a list. It logs those that name a column
// which a table that they are for does not have, since it may be added later.
func (v *Validate) Fits(tables []*cdc.Table) error {
	var errs []error
	for _, t := range tables {
		errs = append(errs, v.plan(t).unfit...)
	}
	return errors.Join(errs...)
}

// Outlets returns the outlet that the stage uses.
func (v *Validate) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

// Process passes on what is valid.
func (v *Validate) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	env := v.environments.Get().(environment)
	defer v.environments.Put(env)
	var invalid int64
	var f findings
	var p *rulePlan
	var of *cdc.Table
	for i := range in {
		c := in[i].Value
		f.reset()
		if c.Table != of {
			of, p = c.Table, v.plan(c.Table)
		}
		v.values(c, &f)
		p.check(c, env, &f)
		v.counts.note(p.counts, c.Table, &f)
		if err := f.errors(); err != nil {
			invalid++
			out.Divert(i, pipeline.Invalid, err)
			continue
		}
		out.Emit(i, c)
	}
	v.window.add(int64(len(in)), invalid)
	return nil
}

// values checks what holds for every table.
func (v *Validate) values(c *cdc.Change, f *findings) {
	for i, x := range c.Key {
		v.value(&c.Table.Columns[i], x, f)
	}
	for i := range c.Cells {
		v.value(&c.Table.Columns[c.Cells[i].Column], c.Cells[i].Value, f)
	}
}

func (v *Validate) value(col *cdc.Column, x cdc.Value, f *findings) {
	if len(x) > int(v.cfg.MaxValueBytes) {
		f.broke(fault.ValueTooLarge, "max_value_bytes", col.Name, "column %q has %d bytes, more than %d", col.Name, len(x), v.cfg.MaxValueBytes)
		return
	}
	if n := col.Type.Len(x); n > v.cfg.MaxElements {
		f.broke(fault.TooManyCells, "max_elements", col.Name, "column %q has %d elements, more than %d", col.Name, n, v.cfg.MaxElements)
		return
	}
	if !v.cfg.AllowNUL && col.Type.HasNUL(x) {
		f.broke(fault.NulInText, "nul", col.Name, "column %q holds U+0000", col.Name)
	}
}
