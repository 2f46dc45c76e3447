package kafka

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/plugin"
)

// Config says what to read, from where and as whom. Zero values stand for the
// defaults, which suit a process of 200 MB.
type Config struct {
	Brokers        []string       `yaml:"brokers" json:"brokers" jsonschema:"required,description=Addresses to begin with: host:port"`
	ClientID       string         `yaml:"client_id" json:"client_id,omitempty" jsonschema:"default=cdcpipe,description=Name in the brokers' logs and quotas"`
	ConnectTimeout time.Duration  `yaml:"connect_timeout" json:"connect_timeout,omitempty" jsonschema:"default=30s,description=How long to wait for a broker at the start"`
	TLS            plugin.TLS     `yaml:"tls" json:"tls,omitzero" jsonschema:"description=Encryption"`
	SASL           kafkaconn.SASL `yaml:"sasl" json:"sasl,omitzero" jsonschema:"description=Authentication"`

	Topics          []string      `yaml:"topics" json:"topics,omitempty" jsonschema:"description=Topics to read; they must exist"`
	TopicPatterns   []string      `yaml:"topic_patterns" json:"topic_patterns,omitempty" jsonschema:"description=Regular expressions that match whole names of topics to read; new topics are picked up"`
	ExcludePatterns []string      `yaml:"exclude_patterns" json:"exclude_patterns,omitempty" jsonschema:"description=Regular expressions that match whole names of topics not to read"`
	WaitForTopics   bool          `yaml:"wait_for_topics" json:"wait_for_topics,omitempty" jsonschema:"default=false,description=Go on without topics that do not exist and read them once they do"`
	MetadataMaxAge  time.Duration `yaml:"metadata_max_age" json:"metadata_max_age,omitempty" jsonschema:"default=15s,description=How soon new topics and partitions are noticed"`

	Group          string        `yaml:"group" json:"group" jsonschema:"required,description=Consumer group: the workers of one pipeline share it"`
	GroupProtocol  string        `yaml:"group_protocol" json:"group_protocol,omitempty" jsonschema:"default=classic,enum=classic,enum=consumer,description=How the group divides partitions; consumer (KIP-848) takes Kafka 4.3 or newer"`
	InstanceID     string        `yaml:"instance_id" json:"instance_id,omitempty" jsonschema:"description=Makes the worker a static member: a restart within session_timeout moves no partitions"`
	SessionTimeout time.Duration `yaml:"session_timeout" json:"session_timeout,omitempty" jsonschema:"default=20s,description=A worker not heard of for so long loses its partitions"`
	RevokeWait     time.Duration `yaml:"revoke_wait" json:"revoke_wait,omitempty" jsonschema:"default=20s,description=How long partitions that move to another worker wait for what is in flight"`

	Start        string `yaml:"start" json:"start,omitempty" jsonschema:"default=earliest,enum=earliest,enum=latest,description=Where to begin in a partition that has no offset on record; latest skips what is there when it is first seen"`
	OnLostOffset string `yaml:"on_lost_offset" json:"on_lost_offset,omitempty" jsonschema:"default=fail,enum=fail,enum=earliest,enum=latest,description=What to do when the next record is no longer in the topic"`
	Isolation    string `yaml:"isolation" json:"isolation,omitempty" jsonschema:"default=read_committed,enum=read_committed,enum=read_uncommitted,description=Whether records of open and aborted transactions are left out"`

	BatchRecords           int           `yaml:"batch_records" json:"batch_records,omitempty" jsonschema:"default=5000,minimum=1,description=Greatest number of records in a batch"`
	FetchMaxBytes          plugin.Size   `yaml:"fetch_max_bytes" json:"fetch_max_bytes,omitempty" jsonschema:"default=8MiB,description=Greatest size of a fetch from one broker as it is on the wire"`
	FetchMaxPartitionBytes plugin.Size   `yaml:"fetch_max_partition_bytes" json:"fetch_max_partition_bytes,omitempty" jsonschema:"default=1MiB,description=Greatest part of a fetch from one partition"`
	ConcurrentFetches      int           `yaml:"concurrent_fetches" json:"concurrent_fetches,omitempty" jsonschema:"default=4,minimum=1,description=Greatest number of brokers fetched from at a time"`
	FetchMaxWait           time.Duration `yaml:"fetch_max_wait" json:"fetch_max_wait,omitempty" jsonschema:"default=500ms,description=How long a broker holds a fetch back that has nothing to return"`
	MaxBatchBytes          plugin.Size   `yaml:"max_batch_bytes" json:"max_batch_bytes,omitempty" jsonschema:"default=64MiB,description=Greatest size that a compressed batch may unpack to"`
}

const (
	classic         = "classic"
	consumer        = "consumer"
	earliest        = "earliest"
	latest          = "latest"
	fail            = "fail"
	readCommitted   = "read_committed"
	readUncommitted = "read_uncommitted"
)

// DefaultConfig returns the configuration that the zero values stand for.
func DefaultConfig() Config {
	return Config{
		ClientID: "cdcpipe", ConnectTimeout: 30 * time.Second, MetadataMaxAge: 15 * time.Second,
		GroupProtocol: classic, SessionTimeout: 20 * time.Second, RevokeWait: 20 * time.Second,
		Start: earliest, OnLostOffset: fail, Isolation: readCommitted,
		BatchRecords: 5000, FetchMaxBytes: 8 << 20, FetchMaxPartitionBytes: 1 << 20, ConcurrentFetches: 4,
		FetchMaxWait: 500 * time.Millisecond, MaxBatchBytes: 64 << 20,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	fill(&c.ClientID, d.ClientID)
	fill(&c.ConnectTimeout, d.ConnectTimeout)
	fill(&c.MetadataMaxAge, d.MetadataMaxAge)
	fill(&c.GroupProtocol, d.GroupProtocol)
	fill(&c.SessionTimeout, d.SessionTimeout)
	fill(&c.RevokeWait, d.RevokeWait)
	fill(&c.Start, d.Start)
	fill(&c.OnLostOffset, d.OnLostOffset)
	fill(&c.Isolation, d.Isolation)
	fill(&c.BatchRecords, d.BatchRecords)
	fill(&c.FetchMaxBytes, d.FetchMaxBytes)
	fill(&c.FetchMaxPartitionBytes, d.FetchMaxPartitionBytes)
	fill(&c.ConcurrentFetches, d.ConcurrentFetches)
	fill(&c.FetchMaxWait, d.FetchMaxWait)
	fill(&c.MaxBatchBytes, d.MaxBatchBytes)
	return c
}

func fill[T comparable](v *T, with T) {
	var zero T
	if *v == zero {
		*v = with
	}
}

func (c Config) connection() kafkaconn.Config {
	return kafkaconn.Config{Brokers: c.Brokers, ClientID: c.ClientID, ConnectTimeout: c.ConnectTimeout, TLS: c.TLS, SASL: c.SASL}
}

// Validate reports everything that is wrong with c. It does no I/O.
func (c Config) Validate() error {
	c = c.withDefaults()
	errs := []error{c.connection().Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Topics)+len(c.TopicPatterns) == 0 {
		bad("topics: topics or topic_patterns are required")
	}
	if slices.Contains(c.Topics, "") {
		bad("topics: a name is empty")
	}
	for _, l := range []struct {
		name     string
		patterns []string
	}{{"topic_patterns", c.TopicPatterns}, {"exclude_patterns", c.ExcludePatterns}} {
		for _, p := range l.patterns {
			if _, err := regexp.Compile(p); err != nil || p == "" {
				bad("%s: %q is not a regular expression", l.name, p)
			}
		}
	}
	if c.Group == "" {
		bad("group: is required")
	}
	for _, o := range []struct {
		name, value string
		allowed     []string
	}{
		{"group_protocol", c.GroupProtocol, []string{classic, consumer}},
		{"start", c.Start, []string{earliest, latest}},
		{"on_lost_offset", c.OnLostOffset, []string{fail, earliest, latest}},
		{"isolation", c.Isolation, []string{readCommitted, readUncommitted}},
	} {
		if !slices.Contains(o.allowed, o.value) {
			bad("%s: %q is none of %v", o.name, o.value, o.allowed)
		}
	}
	for _, d := range []struct {
		name        string
		value, from time.Duration
	}{
		{"metadata_max_age", c.MetadataMaxAge, time.Second},
		{"session_timeout", c.SessionTimeout, time.Second},
		{"revoke_wait", c.RevokeWait, 0},
		{"fetch_max_wait", c.FetchMaxWait, time.Millisecond},
	} {
		if d.value < d.from {
			bad("%s: must be at least %v, is %v", d.name, d.from, d.value)
		}
	}
	for _, n := range []struct {
		name       string
		value, max int64
	}{
		{"batch_records", int64(c.BatchRecords), 1 << 20},
		{"fetch_max_bytes", int64(c.FetchMaxBytes), 64 << 20},
		{"fetch_max_partition_bytes", int64(c.FetchMaxPartitionBytes), 64 << 20},
		{"concurrent_fetches", int64(c.ConcurrentFetches), 1 << 10},
		{"max_batch_bytes", int64(c.MaxBatchBytes), 1 << 30},
	} {
		if n.value < 1 || n.value > n.max {
			bad("%s: must be within 1 and %d, is %d", n.name, n.max, n.value)
		}
	}
	if c.FetchMaxPartitionBytes > c.FetchMaxBytes {
		bad("fetch_max_partition_bytes: must not exceed fetch_max_bytes")
	}
	return errors.Join(errs...)
}
