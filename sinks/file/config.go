package file

import (
	"errors"

	"cdcpipe/pipeline/plugin"
)

// Config says where letters are kept. Zero values stand for the defaults.
type Config struct {
	Directory string      `yaml:"directory" json:"directory" jsonschema:"required,description=Directory of one worker's files: one for each outlet; made if it does not exist"`
	MaxBytes  plugin.Size `yaml:"max_bytes" json:"max_bytes,omitempty" jsonschema:"default=64MiB,description=A file of this size is put aside and another begun"`
}

// DefaultConfig returns the configuration that the zero values stand for.
func DefaultConfig() Config { return Config{MaxBytes: 64 << 20} }

func (c Config) withDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultConfig().MaxBytes
	}
	return c
}

// Validate reports everything that is wrong with c. It does no I/O.
func (c Config) Validate() error {
	var errs []error
	if c.Directory == "" {
		errs = append(errs, errors.New("directory: is required"))
	}
	if c = c.withDefaults(); c.MaxBytes < 1<<10 {
		errs = append(errs, errors.New("max_bytes: must be at least 1 KiB"))
	}
	return errors.Join(errs...)
}
