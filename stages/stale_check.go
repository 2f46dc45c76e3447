package stages

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
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
	Backfill bool `yaml:"backfill" json:"backfill,omitempty" jsonschema:"default=false,description=Refuse nothing while old data is loaded on purpose"`
}

// DefaultStaleCheck is the configuration of a stale_check stage that has none.
func DefaultStaleCheck() StaleCheckConfig {
	return StaleCheckConfig{Policy: StaleAudit, Threshold: 7 * 24 * time.Hour}
}

// Validate reports everything that is wrong with c.
func (c StaleCheckConfig) Validate() error {
	var errs []error
	if c.Policy != StaleAudit && c.Policy != StaleRefuse {
		errs = append(errs, fmt.Errorf("policy: %q is neither audit nor refuse", c.Policy))
	}
	if c.Threshold <= 0 {
		errs = append(errs, errors.New("threshold: must be positive"))
	}
	return errors.Join(errs...)
}

// A StaleCheck refuses old changes, if that is its policy. Otherwise it passes
// everything on: out of order or not, the merge gives every change its due, and
// the sink reports those that lost every cell.
//
// Refusing gives up exactness: a change that is refused may have won cells.
type StaleCheck struct {
	cfg      StaleCheckConfig
	now      func() time.Time
	backfill atomic.Bool
}

// NewStaleCheck returns the stage. now tells the time; nil means [time.Now].
func NewStaleCheck(cfg StaleCheckConfig, now func() time.Time) (*StaleCheck, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	s := &StaleCheck{cfg: cfg, now: now}
	s.backfill.Store(cfg.Backfill)
	return s, nil
}

// SetBackfill lifts the refusal, or puts it in force again, while the stage runs.
func (s *StaleCheck) SetBackfill(on bool) { s.backfill.Store(on) }

// Outlets returns the outlet that the stage uses.
func (s *StaleCheck) Outlets() []pipeline.Outlet {
	if s.cfg.Policy == StaleAudit {
		return nil
	}
	return []pipeline.Outlet{pipeline.Stale}
}

// Process passes on what is young enough.
func (s *StaleCheck) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	limit := int64(cdc.NoTime)
	if s.cfg.Policy == StaleRefuse && !s.backfill.Load() {
		limit = s.now().Add(-s.cfg.Threshold).UnixMicro()
	}
	for i := range in {
		c := in[i].Value
		if c.Time < limit && !c.Snapshot { // a snapshot's rows have no write time of their own
			out.Divert(i, pipeline.Stale, fault.New(fault.StaleTooOld, "table %s: written at %s, before %s",
				c.Table, instant(c.Time), instant(limit)))
			continue
		}
		out.Emit(i, c)
	}
	return nil
}

func instant(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339) }
