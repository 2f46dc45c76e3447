package kafka

import (
	"errors"
	"time"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/plugin"
)

// Config says where records go. It is that of [Letters] and of [Events].
type Config struct {
	Brokers        []string       `yaml:"brokers" json:"brokers" jsonschema:"required,description=Addresses to begin with: host:port"`
	ClientID       string         `yaml:"client_id" json:"client_id,omitempty" jsonschema:"default=cdcpipe,description=Name in the brokers' logs and quotas"`
	ConnectTimeout time.Duration  `yaml:"connect_timeout" json:"connect_timeout,omitempty" jsonschema:"default=30s,description=How long to wait for a broker at the start"`
	TLS            plugin.TLS     `yaml:"tls" json:"tls,omitzero" jsonschema:"description=Encryption"`
	SASL           kafkaconn.SASL `yaml:"sasl" json:"sasl,omitzero" jsonschema:"description=Authentication"`

	// Topic takes everything. If it is empty letters go to the topic of their outlet
	// (see [TopicOf]) and events to their own.
	Topic string `yaml:"topic" json:"topic,omitempty" jsonschema:"description=Topic to write to; by default one for each outlet"`

	Create      *bool `yaml:"create" json:"create,omitempty" jsonschema:"default=true,description=Create topics that do not exist"`
	Partitions  int   `yaml:"partitions" json:"partitions,omitempty" jsonschema:"default=1,minimum=1,description=Partitions of a topic that is created"`
	Replication int   `yaml:"replication" json:"replication,omitempty" jsonschema:"description=Replicas of a topic that is created; as many as the brokers' default if 0"`

	MaxMessageBytes plugin.Size   `yaml:"max_message_bytes" json:"max_message_bytes,omitempty" jsonschema:"default=16MiB,description=Greatest size of a record; a topic that is created gets it as max.message.bytes"`
	DeliveryTimeout time.Duration `yaml:"delivery_timeout" json:"delivery_timeout,omitempty" jsonschema:"default=30s,description=A write that the brokers have not confirmed by then has failed and is tried again"`
}

// DefaultConfig returns the configuration that the zero values stand for.
func DefaultConfig() Config {
	create := true
	return Config{
		ClientID: "cdcpipe", ConnectTimeout: 30 * time.Second, Create: &create, Partitions: 1,
		MaxMessageBytes: 16 << 20, DeliveryTimeout: 30 * time.Second,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.ClientID == "" {
		c.ClientID = d.ClientID
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = d.ConnectTimeout
	}
	if c.Create == nil {
		c.Create = d.Create
	}
	if c.Partitions == 0 {
		c.Partitions = d.Partitions
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = d.MaxMessageBytes
	}
	if c.DeliveryTimeout == 0 {
		c.DeliveryTimeout = d.DeliveryTimeout
	}
	return c
}

func (c Config) connection() kafkaconn.Config {
	return kafkaconn.Config{Brokers: c.Brokers, ClientID: c.ClientID, ConnectTimeout: c.ConnectTimeout, TLS: c.TLS, SASL: c.SASL}
}

// Validate reports everything that is wrong with c. It does no I/O.
func (c Config) Validate() error {
	c = c.withDefaults()
	errs := []error{c.connection().Validate()}
	if c.Partitions < 1 || c.Partitions > 1<<15 {
		errs = append(errs, errors.New("partitions: must be within 1 and 32768"))
	}
	if c.Replication < 0 || c.Replication > 1<<10 {
		errs = append(errs, errors.New("replication: must be within 0 and 1024"))
	}
	if c.MaxMessageBytes < 1<<16 || c.MaxMessageBytes > 1<<26 {
		errs = append(errs, errors.New("max_message_bytes: must be within 64 KiB and 64 MiB"))
	}
	if c.DeliveryTimeout < time.Second {
		errs = append(errs, errors.New("delivery_timeout: must be at least 1s"))
	}
	return errors.Join(errs...)
}
