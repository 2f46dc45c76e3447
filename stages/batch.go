package stages

import (
	"context"
	"errors"
	"time"

	"cdcpipe/pipeline"
)

// BatchConfig says how large batches for the sink are.
type BatchConfig struct {
	// Records and Bytes end a batch.
	Records int `yaml:"records" json:"records,omitempty" jsonschema:"default=2000,minimum=1,description=Greatest number of records in a batch"`
	Bytes   int `yaml:"bytes" json:"bytes,omitempty" jsonschema:"default=8388608,minimum=1,description=Greatest size of a batch in bytes as read"`

	// Every ends a batch whose first record has waited so long.
	Every time.Duration `yaml:"every" json:"every,omitempty" jsonschema:"default=200ms,description=Longest that a record waits for its batch to fill"`
}

// DefaultBatch is the configuration of a batch stage that has none.
func DefaultBatch() BatchConfig {
	return BatchConfig{Records: 2000, Bytes: 8 << 20, Every: 200 * time.Millisecond}
}

// Validate reports everything that is wrong with c.
func (c BatchConfig) Validate() error {
	var errs []error
	if c.Records < 1 {
		errs = append(errs, errors.New("records: must be positive"))
	}
	if c.Bytes < 1 {
		errs = append(errs, errors.New("bytes: must be positive"))
	}
	if c.Every < 0 {
		errs = append(errs, errors.New("every: must not be negative"))
	}
	return errors.Join(errs...)
}

// A Batch regroups records of any type for the sink behind it; it changes none.
type Batch[T any] struct{ cfg BatchConfig }

var (
	_ pipeline.Stage[int, int] = Batch[int]{}
	_ pipeline.Gatherer        = Batch[int]{}
	_ pipeline.Diverter        = Batch[int]{}
)

// NewBatch returns the stage.
func NewBatch[T any](cfg BatchConfig) (Batch[T], error) { return Batch[T]{cfg}, cfg.Validate() }

// Gather says how large a batch is.
func (b Batch[T]) Gather() (records, bytes int, linger time.Duration) {
	return b.cfg.Records, b.cfg.Bytes, b.cfg.Every
}

// Outlets returns none.
func (b Batch[T]) Outlets() []pipeline.Outlet { return nil }

// Process passes everything on.
func (b Batch[T]) Process(_ context.Context, in []pipeline.Record[T], out *pipeline.Outbox[T]) error {
	for i := range in {
		out.Emit(i, in[i].Value)
	}
	return nil
}
