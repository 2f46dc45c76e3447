package stages

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Policies for columns that change events cannot carry exactly.
const (
	InexactApproximate = "approximate"
	InexactRefuse      = "refuse"
)

// SchemaCheckConfig says which definitions are accepted.
type SchemaCheckConfig struct {
	// Inexact says what happens to a table with columns that change events do not
	// carry exactly: non-frozen collections and UDTs, and static columns. Empty
	// means approximate.
	Inexact string `yaml:"inexact" json:"inexact,omitempty" jsonschema:"enum=approximate,enum=refuse,description=Tables with columns that events do not carry exactly (docs/reference/fidelity.md): approximate takes what the event says; refuse sends their changes to the invalid outlet. That of schema.inexact if not given"`

	// Ignore lists columns to which Inexact does not apply.
	Ignore []string `yaml:"ignore" json:"ignore,omitempty" jsonschema:"description=Columns keyspace.table.column that may be inexact whatever the policy"`
}

// DefaultSchemaCheck is the configuration of a schema_check stage that has none.
func DefaultSchemaCheck() SchemaCheckConfig { return SchemaCheckConfig{} }

// Validate reports everything that is wrong with c.
func (c SchemaCheckConfig) Validate() error {
	if c.Inexact != "" && c.Inexact != InexactApproximate && c.Inexact != InexactRefuse {
		return fmt.Errorf("inexact: %q is neither approximate nor refuse", c.Inexact)
	}
	return nil
}

// A SchemaCheck lets changes pass whose table has a definition that the replica
// can follow. The first definition of a table counts; a later one may add
// columns. What changes a type or the primary key breaks the table: its changes
// leave by [pipeline.Invalid], and those of other tables go on.
type SchemaCheck struct {
	cfg SchemaCheckConfig
	log *slog.Logger

	mu       sync.RWMutex
	current  map[string]*cdc.Table  // by name, the definition that counts
	verdicts map[*cdc.Table]verdict // of every definition seen
}

type verdict struct{ err error }

// NewSchemaCheck returns the stage. It logs every definition that it refuses, and
// every column that cannot be exact, once.
func NewSchemaCheck(cfg SchemaCheckConfig, log *slog.Logger) (*SchemaCheck, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	return &SchemaCheck{cfg: cfg, log: log, current: map[string]*cdc.Table{}, verdicts: map[*cdc.Table]verdict{}}, nil
}

// Outlets returns the outlet that the stage uses.
func (s *SchemaCheck) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

// Process passes on what has a definition that can be followed.
func (s *SchemaCheck) Process(_ context.Context, in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) error {
	var last *cdc.Table
	var err error
	for i := range in {
		if t := in[i].Value.Table; t != last {
			last, err = t, s.judge(t)
		}
		if err != nil {
			out.Divert(i, pipeline.Invalid, err)
			continue
		}
		out.Emit(i, in[i].Value)
	}
	return nil
}

// judge returns why t is refused, or nil.
func (s *SchemaCheck) judge(t *cdc.Table) error {
	s.mu.RLock()
	v, ok := s.verdicts[t]
	s.mu.RUnlock()
	if ok {
		return v.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.verdicts[t]; ok {
		return v.err
	}
	err := s.decide(t)
	if err != nil {
		s.log.Error("definition refused", "table", t.String(), "err", err, "fix", fault.Describe(fault.CodeOf(err)).Fix)
	}
	s.verdicts[t] = verdict{err}
	return err
}

func (s *SchemaCheck) decide(t *cdc.Table) error {
	if t.Counter() {
		return fault.New(fault.TableRefused, "table %s has counters", t)
	}
	if cols := s.inexact(t); len(cols) > 0 && !t.Facts {
		if s.cfg.Inexact == InexactRefuse {
			return fault.New(fault.ColumnNotExact, "table %s: %s", t, strings.Join(cols, ", "))
		}
		s.log.Warn("columns cannot be exact from events", "table", t.String(), "columns", cols, "see", "docs/reference/fidelity.md")
	}
	old := s.current[t.String()]
	if old == nil {
		s.current[t.String()] = t
		return nil
	}
	d := Compare(old, t)
	if err := d.Err(t); err != nil {
		return err
	}
	if len(d.Added)+len(d.Dropped) > 0 {
		s.log.Info("definition changed", "table", t.String(), "change", d.String())
		s.current[t.String()] = t
	}
	return nil
}

// inexact lists the columns of t that events do not carry exactly.
func (s *SchemaCheck) inexact(t *cdc.Table) (cols []string) {
	ignored := map[string]bool{}
	for _, c := range s.cfg.Ignore {
		ignored[c] = true
	}
	for _, c := range t.Inexact() {
		switch {
		case ignored[t.Keyspace+"."+t.Name+"."+c.Name]:
		case c.Type.Multicell():
			cols = append(cols, fmt.Sprintf("%s is a non-frozen %s", cdc.QuoteIdent(c.Name), c.Type.Kind))
		default:
			cols = append(cols, fmt.Sprintf("%s is static", cdc.QuoteIdent(c.Name)))
		}
	}
	return cols
}
