package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/stages/debezium"
)

// DecodeConfig says how change events are decoded.
type DecodeConfig struct {
	// MaxBytes bounds one event, and one value in it.
	MaxBytes plugin.Size `yaml:"max_bytes" json:"max_bytes,omitempty" jsonschema:"default=64MiB,description=Greatest size of an event and of a value in it"`

	// MaxDepth bounds how deeply an event nests.
	MaxDepth int `yaml:"max_depth" json:"max_depth,omitempty" jsonschema:"default=64,minimum=8,maximum=10000,description=Levels to which an event may nest"`

	// UnknownColumns says what becomes of events with a column that the table's
	// definition lacks, after that was asked for anew.
	UnknownColumns string `yaml:"unknown_columns" json:"unknown_columns,omitempty" jsonschema:"enum=refuse,enum=ignore,default=refuse,description=Events with a column that the definition lacks: refuse sends them to the invalid outlet; ignore leaves the column out"`

	// Collections says what becomes of collections that are not frozen.
	Collections string `yaml:"collections" json:"collections,omitempty" jsonschema:"enum=approximate,enum=refuse,default=approximate,description=Collections that are not frozen (docs/reference/fidelity.md): approximate takes the event's elements for the whole value; refuse sends the event to the invalid outlet"`

	// Varint says how varints are written that are strings.
	Varint string `yaml:"varint" json:"varint,omitempty" jsonschema:"enum=digits,enum=base64,default=digits,description=Text of varints in events without a schema; base64 is for an agent with varint.handling.mode=precise"`

	// Registry is where the schemas of Avro events are.
	Registry RegistryConfig `yaml:"registry" json:"registry,omitzero" jsonschema:"description=Schema registry for events in Avro"`
}

// RegistryConfig says how a schema registry is reached.
type RegistryConfig struct {
	URLs     []string      `yaml:"urls" json:"urls,omitempty" jsonschema:"description=Addresses of the registry; without one there is no Avro"`
	Username string        `yaml:"username" json:"username,omitempty"`
	Password plugin.Secret `yaml:"password" json:"password,omitempty" jsonschema:"format=password"`
	Token    plugin.Secret `yaml:"token" json:"token,omitempty" jsonschema:"format=password,description=Bearer token instead of a user name and password"`
}

// DefaultDecode is the configuration of a decode stage that has none.
func DefaultDecode() DecodeConfig {
	return DecodeConfig{
		MaxBytes: 64 << 20, MaxDepth: 64,
		UnknownColumns: string(debezium.Refuse), Collections: string(debezium.Approximate), Varint: string(debezium.Digits),
	}
}

// Validate reports everything that is wrong with c.
func (c DecodeConfig) Validate() error {
	_, err := NewDecode(c, cdc.NewCatalog(nil))
	return err
}

// A Decode turns change events into changes. What is no change event leaves by
// [pipeline.DeadLetter], and one that does not fit its table by [pipeline.Invalid].
// Kafka tombstones are dropped.
type Decode struct{ decoder *debezium.Decoder }

// NewDecode returns the stage. It looks up tables in catalog, and puts those into
// it that only the events define.
func NewDecode(cfg DecodeConfig, catalog *cdc.Catalog) (*Decode, error) {
	registry, err := cfg.Registry.open()
	d, err2 := debezium.New(debezium.Config{
		Catalog: catalog, Registry: registry, MaxBytes: int(cfg.MaxBytes), MaxDepth: cfg.MaxDepth,
		UnknownColumns: debezium.Policy(cfg.UnknownColumns), Collections: debezium.Policy(cfg.Collections), Varint: debezium.Encoding(cfg.Varint),
	})
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return &Decode{d}, nil
}

// open returns a client of the registry, which connects when it is asked, or nil
// if there is no registry.
func (c RegistryConfig) open() (debezium.Registry, error) {
	if len(c.URLs) == 0 {
		return nil, nil
	}
	opts := []sr.ClientOpt{sr.URLs(append([]string(nil), c.URLs...)...), sr.UserAgent("cdcpipe")}
	switch {
	case c.Token != "" && c.Username != "":
		return nil, errors.New("registry: give a token or a username, not both")
	case c.Token != "":
		opts = append(opts, sr.BearerToken(string(c.Token)))
	case c.Username != "":
		opts = append(opts, sr.BasicAuth(c.Username, string(c.Password)))
	}
	for _, u := range c.URLs {
		if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
			return nil, fmt.Errorf("registry.urls: %q does not begin with http:// or https://", u)
		}
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return debezium.NewRegistry(client), nil
}

// Form returns the schema that a message in Avro was written with, from the registry
// that the stage decodes with, for whoever corrects the message.
func (d *Decode) Form(ctx context.Context, message []byte) (*debezium.Form, error) {
	return d.decoder.Form(ctx, message)
}

// Outlets returns the outlets that the stage uses.
func (*Decode) Outlets() []pipeline.Outlet {
	return []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid}
}

// Process decodes events. While the source of definitions or the registry does not
// answer, the batch is tried again.
func (d *Decode) Process(ctx context.Context, in []pipeline.Record[*cdc.Event], out *pipeline.Outbox[*cdc.Change]) error {
	slab := debezium.NewSlab(len(in))
	for i := range in {
		c, err := d.decoder.Decode(ctx, in[i].Value, slab)
		switch f, bad := err.(*fault.Fault); { //nolint:errorlint // a fault around or within another error is not about the event
		case bad:
			out.Divert(i, outletOf(f.Code), f)
		case err != nil:
			return err
		case c == nil:
			out.Drop(i, "tombstone")
		default:
			out.EmitKeyed(i, c.Hash(), c)
		}
	}
	return nil
}

// outletOf returns where an event with that fault goes: what cannot be read to the
// dead letters, what can and does not fit to the invalid ones.
func outletOf(c fault.Code) pipeline.Outlet {
	switch c {
	case fault.MalformedJSON, fault.NotUTF8, fault.EventTooLarge, fault.TooDeep, fault.NotAnEnvelope, fault.UnknownOp,
		fault.MalformedAvro, fault.AvroSchema, fault.DuplicateField:
		return pipeline.DeadLetter
	}
	return pipeline.Invalid
}
