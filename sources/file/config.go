package file

import (
	"errors"
	"fmt"
	"path/filepath"

	"cdcpipe/pipeline/plugin"
)

// Config says which captures are replayed. Zero values stand for the defaults.
type Config struct {
	// Path is a file, or a pattern as [filepath.Match] has it, whose files are read
	// in the order of their names.
	Path string `yaml:"path" json:"path" jsonschema:"required,description=File of captured events (JSON lines; gzip is recognised) or a pattern such as captures/*.jsonl"`

	Malformed    string      `yaml:"malformed" json:"malformed,omitempty" jsonschema:"default=fail,enum=fail,enum=dead_letter,description=What to do with a line that is not an event; dead_letter takes the stage malformed_lines before decode"`
	MaxLineBytes plugin.Size `yaml:"max_line_bytes" json:"max_line_bytes,omitempty" jsonschema:"default=16MiB,description=Greatest length of a line"`
	BatchRecords int         `yaml:"batch_records" json:"batch_records,omitempty" jsonschema:"default=1000,minimum=1,description=Greatest number of records in a batch"`
}

const (
	fail       = "fail"
	deadLetter = "dead_letter"
)

// maxBatchBytes ends a batch, so that long lines do not make large batches.
const maxBatchBytes = 1 << 20

// DefaultConfig returns the configuration that the zero values stand for.
func DefaultConfig() Config {
	return Config{Malformed: fail, MaxLineBytes: 16 << 20, BatchRecords: 1000}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Malformed == "" {
		c.Malformed = d.Malformed
	}
	if c.MaxLineBytes == 0 {
		c.MaxLineBytes = d.MaxLineBytes
	}
	if c.BatchRecords == 0 {
		c.BatchRecords = d.BatchRecords
	}
	return c
}

// Validate reports everything that is wrong with c. It does no I/O.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("path: is required"))
	} else if _, err := filepath.Match(c.Path, ""); err != nil {
		errs = append(errs, fmt.Errorf("path: %q is not a pattern", c.Path))
	}
	if c.Malformed != fail && c.Malformed != deadLetter {
		errs = append(errs, fmt.Errorf("malformed: %q is none of fail, dead_letter", c.Malformed))
	}
	if c.MaxLineBytes < 1<<10 || c.MaxLineBytes > 1<<30 {
		errs = append(errs, errors.New("max_line_bytes: must be within 1 KiB and 1 GiB"))
	}
	if c.BatchRecords < 1 {
		errs = append(errs, errors.New("batch_records: must be positive"))
	}
	return errors.Join(errs...)
}
