package stages

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Modes of [HydrateConfig].
const (
	HydrateNever      = "never"
	HydrateWhenNeeded = "when_needed"
	HydrateAlways     = "always"
)

// HydrateConfig says what is read back from Cassandra.
type HydrateConfig struct {
	// Mode is [HydrateNever], [HydrateWhenNeeded] or [HydrateAlways], for tables
	// that Tables does not name.
	Mode string `yaml:"mode" json:"mode,omitempty" jsonschema:"enum=never,enum=when_needed,enum=always,default=when_needed,description=when_needed: read back every change of tables with columns that events cannot carry and the deleted rows of others; always: read back every change"`

	// Tables has modes by table; the first that matches counts.
	Tables []HydrateTable `yaml:"tables" json:"tables,omitempty" jsonschema:"description=Modes by table; the first that matches counts"`

	// Concurrency bounds the reads at a time.
	Concurrency int `yaml:"concurrency" json:"concurrency,omitempty" jsonschema:"default=32,minimum=1,description=Greatest number of reads at a time"`

	// MaxRows bounds what is read after one deletion of a partition or a range.
	MaxRows int `yaml:"max_rows" json:"max_rows,omitempty" jsonschema:"default=100000,minimum=1,description=Greatest number of rows read back after the deletion of a partition or a range"`
}

// HydrateTable is the mode of some tables.
type HydrateTable struct {
	Match string `yaml:"match" json:"match" jsonschema:"required,description=keyspace.table; * stands for any keyspace or table"`
	Mode  string `yaml:"mode" json:"mode" jsonschema:"required,enum=never,enum=when_needed,enum=always,description=Mode of these tables"`
}

// DefaultHydrate is the configuration of a hydrate stage that has none.
func DefaultHydrate() HydrateConfig {
	return HydrateConfig{Mode: HydrateWhenNeeded, Concurrency: 32, MaxRows: 100_000}
}

// Validate reports everything that is wrong with c.
func (c HydrateConfig) Validate() error {
	var errs []error
	mode := func(at, m string) {
		if m != HydrateNever && m != HydrateWhenNeeded && m != HydrateAlways {
			errs = append(errs, fmt.Errorf("%s: %q is none of never, when_needed, always", at, m))
		}
	}
	mode("mode", c.Mode)
	for i, t := range c.Tables {
		if _, err := newMatch(t.Match); err != nil {
			errs = append(errs, fmt.Errorf("tables[%d].match: %w", i, err))
		}
		mode(fmt.Sprintf("tables[%d].mode", i), t.Mode)
	}
	if c.Concurrency < 1 {
		errs = append(errs, errors.New("concurrency: must be at least 1"))
	}
	if c.MaxRows < 1 {
		errs = append(errs, errors.New("max_rows: must be at least 1"))
	}
	return errors.Join(errs...)
}

// A Hydrate asks Cassandra what became of the rows that changes are about, where
// change events do not say.
//
// A table that needs it, or all if the mode is always, becomes one of facts: each
// of its changes is replaced with what Cassandra answers, placed at the time of
// asking. Every read begins after the event that asks for it was there to be read,
// so the last one of a row has seen the last write; whatever the order in which
// the answers are merged, it wins. That takes workers' clocks that agree to within
// the time in which a partition moves from one worker to another.
//
// Of other tables, in the mode when_needed, only deleted rows are read: a batch
// that deletes a row and writes it again arrives as the deletion alone. What is
// there still was written after the deletion, which is placed before it.
type Hydrate struct {
	cfg    HydrateConfig
	reader cdc.Reader
	tables *cdc.Catalog
	modes  []hydrateMode
	last   atomic.Int64 // the place given last

	mu    sync.RWMutex
	plans map[*cdc.Table]hydratePlan
	facts map[string]bool // names of the tables of facts
}

type hydrateMode struct {
	match match
	mode  string
}

// A hydratePlan is what happens to the changes of one definition of a table.
type hydratePlan struct {
	facts   *cdc.Table // replaces the definition if every change is read back
	deletes bool       // deleted rows are read back
}

// NewHydrate returns the stage, which asks reader. It looks up newer definitions in
// tables when one turns out to be old.
func NewHydrate(cfg HydrateConfig, reader cdc.Reader, tables *cdc.Catalog) (*Hydrate, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Hydrate{cfg: cfg, reader: reader, tables: tables, plans: map[*cdc.Table]hydratePlan{}, facts: map[string]bool{}}
	used := cfg.Mode != HydrateNever
	for _, t := range cfg.Tables {
		m, err := newMatch(t.Match)
		if err != nil {
			return nil, err
		}
		h.modes = append(h.modes, hydrateMode{m, t.Mode})
		used = used || t.Mode != HydrateNever
	}
	if used && reader == nil {
		return nil, errors.New("schema.cassandra is required: there is no Cassandra to ask")
	}
	return h, nil
}

// Outlets returns the outlet that the stage uses.
func (h *Hydrate) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

// MapTables returns the definitions that changes have after the stage.
func (h *Hydrate) MapTables(in []*cdc.Table) []*cdc.Table {
	out := make([]*cdc.Table, len(in))
	for i, t := range in {
		if out[i] = t; h.plan(t).facts != nil {
			out[i] = h.plan(t).facts
		}
	}
	return out
}

// mode returns the mode of a table.
func (h *Hydrate) mode(t *cdc.Table) string {
	for _, m := range h.modes {
		if m.match.table(t) {
			return m.mode
		}
	}
	return h.cfg.Mode
}

// maxPlans bounds the definitions remembered. There is one for each version.
const maxPlans = 10_000

func (h *Hydrate) plan(t *cdc.Table) hydratePlan {
	h.mu.RLock()
	p, ok := h.plans[t]
	h.mu.RUnlock()
	if ok {
		return p
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p, ok := h.plans[t]; ok {
		return p
	}
	mode := h.mode(t)
	switch {
	case mode == HydrateNever || t.Counter():
	case mode == HydrateAlways || len(t.Inexact()) > 0 || h.facts[t.String()]:
		// A column that made it so may be dropped; what was read stays.
		p.facts, h.facts[t.String()] = t.OfFacts(), true
	default:
		p.deletes = true
	}
	if len(h.plans) >= maxPlans {
		clear(h.plans)
	}
	h.plans[t] = p
	return p
}

// place returns the time of now, in microseconds, later than any returned before
// by at least two: the one between them is for what a deletion supersedes.
func (h *Hydrate) place() int64 {
	for {
		last := h.last.Load()
		next := max(last+2, time.Now().UnixMicro())
		if h.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Process passes changes on, those that need it as Cassandra answers.
func (h *Hydrate) Process(ctx context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	asked := h.questions(in, out)
	if len(asked) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(h.cfg.Concurrency)
	for _, q := range asked {
		q.at = h.place()
		g.Go(func() error { return q.ask(ctx, h, in) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, q := range asked {
		q.answer(in, out)
	}
	return nil
}

// about reports whether err is about the table that was asked for, and not about
// the world.
func about(err error) bool {
	switch fault.CodeOf(err) {
	case fault.CassandraTable, fault.CassandraDiffers, fault.CassandraUnread, fault.TableRefused, fault.ReadTooLarge, fault.KeyChanged:
		return true
	}
	return false
}
