package stages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// TransformConfig says how tables differ in the replica.
type TransformConfig struct {
	Tables []TableTransform `yaml:"tables" json:"tables,omitempty" jsonschema:"description=What to do\\, by table; the first entry that matches counts"`
}

// TableTransform is what happens to the tables that Match names. Its parts are
// applied in this order: filter, derive, mask and hash, drop, rename, route.
type TableTransform struct {
	Match  string            `yaml:"match" json:"match" jsonschema:"required,description=keyspace.table; * stands for any keyspace or table"`
	Filter *FilterConfig     `yaml:"filter" json:"filter,omitempty" jsonschema:"description=Which rows are replicated"`
	Derive []DeriveConfig    `yaml:"derive" json:"derive,omitempty" jsonschema:"description=Columns computed from others"`
	Mask   map[string]any    `yaml:"mask" json:"mask,omitempty" jsonschema:"description=Constant by column that stands for every value"`
	Hash   *HashConfig       `yaml:"hash" json:"hash,omitempty" jsonschema:"description=Columns replaced by a keyed hash"`
	Drop   []string          `yaml:"drop" json:"drop,omitempty" jsonschema:"description=Columns that are not replicated"`
	Rename map[string]string `yaml:"rename" json:"rename,omitempty" jsonschema:"description=New name by column"`
	Route  *RouteConfig      `yaml:"route" json:"route,omitempty" jsonschema:"description=Where the table is kept"`
}

// FilterConfig lets pass the rows of which Expr is true. Rows can be told apart
// for certain by their key only; an expression over other columns sees those that
// a change carries, and Partial says what happens when one is missing.
type FilterConfig struct {
	Expr    string `yaml:"expr" json:"expr" jsonschema:"required,description=Expression over the columns; true means replicated"`
	Partial string `yaml:"partial" json:"partial,omitempty" jsonschema:"enum=keep,enum=drop,description=What happens to a change that lacks a column of the expression; needed unless the expression names key columns only"`
}

// DeriveConfig adds a column. Its expression names one column that is not of the
// key, with which the derived one is written, expires and is deleted, and any of
// the key: more would need values that a change does not carry.
type DeriveConfig struct {
	Column string `yaml:"column" json:"column" jsonschema:"required,description=Name of the new column"`
	Type   string `yaml:"type" json:"type" jsonschema:"required,description=CQL type of the new column; a scalar"`
	Expr   string `yaml:"expr" json:"expr" jsonschema:"required,description=Expression over one regular column and any key columns"`
}

// HashConfig replaces values by HMAC-SHA-256, in hexadecimal for text. Equal
// values stay equal, so a hashed partition key still tells partitions apart.
type HashConfig struct {
	Columns []string `yaml:"columns" json:"columns" jsonschema:"required,description=Columns to hash"`
	Key     string   `yaml:"key" json:"key" jsonschema:"required,format=password,description=Secret key of the hash"`
}

// RouteConfig names the table in the replica; an empty part stays as it is.
type RouteConfig struct {
	Keyspace string `yaml:"keyspace" json:"keyspace,omitempty" jsonschema:"description=Schema in the replica"`
	Table    string `yaml:"table" json:"table,omitempty" jsonschema:"description=View in the replica"`
}

// Validate reports everything that is wrong with c.
func (c TransformConfig) Validate() error {
	_, err := NewTransform(c, nil)
	return err
}

// A Transform changes changes on their way to the replica: their names, their
// values, and which there are. Every part of it gives the same result whatever
// the order of changes, so that the replica still converges; of two values
// written to one masked, hashed or derived column at the very same time, the
// replica may keep the other than Cassandra does.
type Transform struct {
	entries []*entry
	log     *slog.Logger
	envs    sync.Pool

	mu    sync.RWMutex
	plans map[*cdc.Table]*plan
}

// NewTransform returns the stage.
func NewTransform(cfg TransformConfig, log *slog.Logger) (*Transform, error) {
	if log == nil {
		log = slog.Default()
	}
	t := &Transform{log: log, plans: map[*cdc.Table]*plan{}}
	t.envs.New = func() any { return environment{} }
	var errs []error
	for i, c := range cfg.Tables {
		e, err := newEntry(c)
		if err != nil {
			errs = append(errs, fmt.Errorf("tables[%d]: %w", i, err))
		}
		t.entries = append(t.entries, e)
	}
	return t, errors.Join(errs...)
}

// Outlets returns the outlet that the stage uses.
func (t *Transform) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

// Process transforms what has an entry and passes on what has none.
func (t *Transform) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	env := t.envs.Get().(environment)
	defer t.envs.Put(env)
	var s transformSlab
	var last *cdc.Table
	var p *plan
	for i := range in {
		c := in[i].Value
		if c.Table != last {
			last, p = c.Table, t.plan(c.Table)
		}
		switch {
		case p == nil:
			out.Emit(i, c)
			continue
		case p.err != nil:
			out.Divert(i, pipeline.Invalid, p.err)
			continue
		}
		keep, err := p.keeps(c, env)
		if err == nil && keep {
			if s.cells == nil {
				s = newTransformSlab(in)
			}
			c, err = p.apply(c, env, &s)
		}
		switch {
		case err != nil:
			out.Divert(i, pipeline.Invalid, fault.New(fault.RuleFailed, "table %s: %w", last, err))
		case !keep:
			out.Drop(i, "filtered")
		default:
			out.EmitKeyed(i, c.Hash(), c)
		}
	}
	return nil
}

// Change returns c transformed, or nil if the filter does not let it pass.
func (t *Transform) Change(c *cdc.Change) (*cdc.Change, error) {
	p := t.plan(c.Table)
	switch {
	case p == nil:
		return c, nil
	case p.err != nil:
		return nil, p.err
	}
	env := t.envs.Get().(environment)
	defer t.envs.Put(env)
	keep, err := p.keeps(c, env)
	if err != nil || !keep {
		return nil, err
	}
	var s transformSlab
	return p.apply(c, env, &s)
}

// MapTables returns the definitions after the transformation, without those that an
// entry does not fit.
func (t *Transform) MapTables(in []*cdc.Table) []*cdc.Table {
	out := make([]*cdc.Table, 0, len(in))
	for _, tbl := range in {
		switch p := t.plan(tbl); {
		case p == nil:
			out = append(out, tbl)
		case p.err == nil:
			out = append(out, p.out)
		}
	}
	return out
}

// plan returns what to do with changes of a definition, nil for nothing.
func (t *Transform) plan(tbl *cdc.Table) *plan {
	t.mu.RLock()
	p, ok := t.plans[tbl]
	t.mu.RUnlock()
	if ok {
		return p
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.entries {
		if e.match.table(tbl) {
			p = newPlan(e, tbl)
			if p.err != nil {
				t.log.Error("transform does not fit", "table", tbl.String(), "err", p.err)
			}
			break
		}
	}
	t.plans[tbl] = p
	return p
}

// A transformSlab holds what one batch is transformed into.
type transformSlab struct {
	changes []cdc.Change
	cells   []cdc.Cell
	bytes   []byte
}

func newTransformSlab(in []pipeline.Record[*cdc.Change]) transformSlab {
	cells := 1
	for i := range in {
		cells += 2 * len(in[i].Value.Cells)
	}
	return transformSlab{make([]cdc.Change, 0, len(in)), make([]cdc.Cell, 0, cells), nil}
}
