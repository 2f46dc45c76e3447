package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// Policies of [StaleCheckConfig].
const (
	StaleAudit  = "audit"
	StaleRefuse = "refuse"
)

// StaleCheckConfig says what happens to old changes.
type StaleCheckConfig struct {
	// Policy is [StaleAudit] or [StaleRefuse].
	Policy string `yaml:"policy" json:"policy,omitempty" jsonschema:"enum=audit,enum=refuse,default=audit,description=audit: the merge decides and the replica stays exact; refuse: changes older than the threshold leave by the stale outlet unmerged"`

	// Threshold is the age from which a change is refused.
	Threshold time.Duration `yaml:"threshold" json:"threshold,omitempty" jsonschema:"default=168h,description=Age from which a change is refused"`

	// Backfill lifts the refusal, while old data is loaded on purpose.
	Backfill bool `yaml:"backfill" json:"backfill,omitempty" jsonschema:"default=false,description=Refuse nothing while old data is loaded on purpose; POST /v1/backfill switches it while the pipeline runs (docs/reference/outlets.md)"`

	// Tables has exceptions.
	Tables []TableStale `yaml:"tables" json:"tables,omitempty" jsonschema:"description=Exceptions by table; the first entry that matches counts"`
}

// TableStale is what holds for the tables that Match names. What it leaves out is
// as for all.
type TableStale struct {
	Match     string        `yaml:"match" json:"match" jsonschema:"required,description=keyspace.table; * stands for any keyspace or table"`
	Policy    string        `yaml:"policy" json:"policy,omitempty" jsonschema:"enum=audit,enum=refuse,description=As above"`
	Threshold time.Duration `yaml:"threshold" json:"threshold,omitempty" jsonschema:"description=As above"`
}

// DefaultStaleCheck is the configuration of a stale_check stage that has none.
func DefaultStaleCheck() StaleCheckConfig {
	return StaleCheckConfig{Policy: StaleAudit, Threshold: 7 * 24 * time.Hour}
}

// Validate reports everything that is wrong with c.
func (c StaleCheckConfig) Validate() error {
	_, err := c.tables()
	return err
}

// tables compiles the exceptions, and reports everything that is wrong with c.
func (c StaleCheckConfig) tables() (list []staleTable, err error) {
	var errs []error
	if c.Policy != StaleAudit && c.Policy != StaleRefuse {
		errs = append(errs, fmt.Errorf("policy: %q is neither audit nor refuse", c.Policy))
	}
	if c.Threshold <= 0 {
		errs = append(errs, errors.New("threshold: must be positive"))
	}
	for i, t := range c.Tables {
		m, err := newMatch(t.Match)
		if err != nil {
			errs = append(errs, fmt.Errorf("tables[%d].match: %w", i, err))
		}
		policy := cmp.Or(t.Policy, c.Policy)
		if policy != StaleAudit && policy != StaleRefuse {
			errs = append(errs, fmt.Errorf("tables[%d].policy: %q is neither audit nor refuse", i, t.Policy))
		}
		if t.Threshold < 0 {
			errs = append(errs, fmt.Errorf("tables[%d].threshold: must be positive", i))
		}
		list = append(list, staleTable{m, policy == StaleRefuse, cmp.Or(t.Threshold, c.Threshold)})
	}
	rest := staleTable{match{"*", "*"}, c.Policy == StaleRefuse, c.Threshold}
	return append(list, rest), errors.Join(errs...)
}

// A staleTable says from which age changes of tables are refused, if they are.
type staleTable struct {
	match  match
	refuse bool
	age    time.Duration
}

// A StaleCheck refuses old changes, if that is its policy. Otherwise it passes
// everything on: out of order or not, the merge gives every change its due, and
// the sink reports those that lost every cell.
//
// Refusing gives up exactness: a change that is refused may have won cells.
type StaleCheck struct {
	tables   []staleTable // the last one is for all
	now      func() time.Time
	backfill atomic.Bool
}

// NewStaleCheck returns the stage. now tells the time; nil means [time.Now].
func NewStaleCheck(cfg StaleCheckConfig, now func() time.Time) (*StaleCheck, error) {
	tables, err := cfg.tables()
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	s := &StaleCheck{tables: tables, now: now}
	s.backfill.Store(cfg.Backfill)
	return s, nil
}

// SetBackfill lifts the refusal, or puts it in force again, while the stage runs. It
// returns what was set before.
func (s *StaleCheck) SetBackfill(on bool) (was bool) { return s.backfill.Swap(on) }

// Backfill reports whether the refusal is lifted.
func (s *StaleCheck) Backfill() bool { return s.backfill.Load() }

// Refuses reports whether the stage refuses changes of any table, while no backfill
// is on.
func (s *StaleCheck) Refuses() bool {
	return slices.ContainsFunc(s.tables, func(t staleTable) bool { return t.refuse })
}

// Measures returns whether a backfill is on.
func (s *StaleCheck) Measures() []pipeline.Measure {
	on := 0.0
	if s.Backfill() {
		on = 1
	}
	return []pipeline.Measure{{Name: "stale_backfill", Help: "Whether old changes are let through on purpose: 1 if they are.", Value: on}}
}

// Outlets returns the outlet that the stage uses.
func (s *StaleCheck) Outlets() []pipeline.Outlet {
	if s.Refuses() {
		return []pipeline.Outlet{pipeline.Stale}
	}
	return nil
}

// Process passes on what is young enough.
func (s *StaleCheck) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	var table *cdc.Table
	limit, now, lifted := int64(cdc.NoTime), s.now(), s.Backfill()
	for i := range in {
		c := in[i].Value
		if c.Table != table && !lifted {
			table, limit = c.Table, s.limit(c.Table, now)
		}
		if c.Time < limit && !c.Snapshot { // a snapshot's rows have no write time of their own
			out.Divert(i, pipeline.Stale, fault.New(fault.StaleTooOld, "table %s: %w", c.Table, &letter.Late{Written: c.Time, Limit: limit}))
			continue
		}
		out.Emit(i, c)
	}
	return nil
}

// limit returns the write time below which changes of t are refused.
func (s *StaleCheck) limit(t *cdc.Table, now time.Time) int64 {
	for i := range s.tables {
		if x := &s.tables[i]; x.match.table(t) {
			if x.refuse {
				return now.Add(-x.age).UnixMicro()
			}
			break
		}
	}
	return cdc.NoTime
}
