package stages

import (
	"errors"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/plugin"
)

// BatchConfig says how large batches for the sink are.
type BatchConfig struct {
	// Records and Bytes end a batch.
	Records int         `yaml:"records" json:"records,omitempty" jsonschema:"default=2000,minimum=1,description=Greatest number of records in a batch"`
	Bytes   plugin.Size `yaml:"bytes" json:"bytes,omitempty" jsonschema:"default=8MiB,description=Greatest size of a batch\\, as read"`

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

// A Batch says how the step behind it gathers its records. It is no step itself:
// lanes split what a step sends, so that a stage of its own would make batches
// for all of them together. In Go, [pipeline.Batches] and [pipeline.BatchBytes] on
// the sink say the same.
type Batch struct{ cfg BatchConfig }

var _ pipeline.Gatherer = Batch{}

// NewBatch returns the gatherer.
func NewBatch(cfg BatchConfig) (Batch, error) { return Batch{cfg}, cfg.Validate() }

// Gather says how large a batch is.
func (b Batch) Gather() (records, bytes int, linger time.Duration) {
	return b.cfg.Records, int(b.cfg.Bytes), b.cfg.Every
}
