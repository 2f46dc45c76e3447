package generator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// Options are a [Config] as a pipeline's file has it.
type Options struct {
	Seed       uint64    `yaml:"seed" json:"seed,omitempty" jsonschema:"default=1,description=Seed of the events"`
	Events     uint64    `yaml:"events" json:"events,omitempty" jsonschema:"default=0,description=How many there are; 0 is endless"`
	Rate       float64   `yaml:"rate" json:"rate,omitempty" jsonschema:"default=0,minimum=0,description=Events a second at most; 0 is as many as go"`
	Keys       int       `yaml:"keys" json:"keys,omitempty" jsonschema:"default=0,minimum=0,description=Rows of all tables together; 0 scales with events"`
	Start      time.Time `yaml:"start" json:"start,omitempty" jsonschema:"description=Write time of the first event (RFC 3339); now if not given\\, which a restart does not go on from"`
	Prefix     string    `yaml:"prefix" json:"prefix,omitempty" jsonschema:"default=cdc,description=Prefix of the topics"`
	Malformed  float64   `yaml:"malformed" json:"malformed,omitempty" jsonschema:"default=0.0005,minimum=0,maximum=1,description=Share of malformed events"`
	Duplicates float64   `yaml:"duplicates" json:"duplicates,omitempty" jsonschema:"default=0.05,minimum=0,maximum=1,description=Share of copies"`
	Late       float64   `yaml:"late" json:"late,omitempty" jsonschema:"default=0.05,minimum=0,maximum=1,description=Share of late events"`
}

// DefaultOptions are those of a generator that has none.
func DefaultOptions() Options {
	d := Default()
	return Options{Seed: 1, Prefix: d.Prefix, Malformed: d.Malformed, Duplicates: d.Duplicates, Late: d.Late}
}

// Validate reports everything that is wrong with o.
func (o Options) Validate() error {
	_, err := o.source()
	return err
}

func (o Options) source() (*Source, error) {
	cfg := Default()
	cfg.Seed, cfg.Events, cfg.Keys, cfg.Prefix = o.Seed, o.Events, o.Keys, o.Prefix
	cfg.Malformed, cfg.Duplicates, cfg.Late = o.Malformed, o.Duplicates, o.Late
	if cfg.StartTime = o.Start.UnixMicro(); o.Start.IsZero() {
		cfg.StartTime = time.Now().UnixMicro()
	}
	g, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if o.Rate < 0 {
		return nil, errors.New("rate: must not be negative")
	}
	s, err := NewSource(g, o.Rate)
	if err != nil {
		return nil, fmt.Errorf("rate: %w", err)
	}
	return s, nil
}

// Register adds the source to r. Its tables are known to the catalog once it is
// open, without any schema in the file.
func Register(r *plugin.Registry) {
	plugin.Source(r, "generator", "makes Cassandra changes up, the unpleasant ones among them, for trying things out", DefaultOptions(),
		func(env plugin.Env, o Options) (pipeline.Source[*cdc.Event], error) {
			s, err := o.source()
			if err != nil {
				return nil, err
			}
			return cataloged{s, env.Catalog}, nil
		})
}

// A cataloged source tells the catalog of its tables.
type cataloged struct {
	*Source
	catalog *cdc.Catalog
}

func (c cataloged) Open(ctx context.Context, parts pipeline.Partitions) error {
	c.catalog.Put(c.g.Tables()...)
	return c.Source.Open(ctx, parts)
}
