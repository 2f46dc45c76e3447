package realstack

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"cdcpipe/pipeline/fault"
)

// Config says what to run, and where. Its zero value but for Dir is a good one.
type Config struct {
	// Dir holds all data, configurations and logs. It is made if it does not exist; a
	// stack that ran there goes on from what is there, at the same ports if they are
	// free. PostgreSQL's user must be able to enter it where root starts the stack.
	Dir string

	// Cache is where the programs are kept; empty means [DefaultCache].
	Cache string

	// Parts are what [Start] starts; nil means all. A test that makes its tables first
	// leaves out the agent, which does not see tables that are made together with
	// their keyspace while it runs, and starts it by its component.
	Parts []Part

	// Version is Cassandra's line, the first of [Lines] if empty.
	Version string

	// Partitions is how many a new topic has, 3 if 0.
	Partitions int

	// Kafka are properties that are added to the broker's.
	Kafka map[string]string

	// SyncPeriod is Cassandra's commitlog_sync_period, 1 s if 0. The agent sees a write
	// at the first sync after it.
	SyncPeriod time.Duration

	// SegmentMiB is Cassandra's commitlog_segment_size, 4 if 0. A mutation may have
	// half of it.
	SegmentMiB int

	// Compression is the class of Cassandra's commitlog_compression, none if empty.
	Compression string

	// Options are added to those of cassandra.yaml, or take their place. Where they have
	// Cassandra ask who connects, the stack is the superuser that Cassandra makes at
	// first, cassandra, whose password is the same.
	Options map[string]any

	// Agent is how Debezium's agent is set up.
	Agent AgentConfig

	// Runner runs the servers, nil for programs of this machine. With one, neither Java
	// nor Maven nor PostgreSQL's programs are needed here, and Cache is not used.
	Runner Runner

	// Log is told what is being done; nil for nobody.
	Log *slog.Logger
}

// AgentConfig is what of the agent's properties can be chosen.
type AgentConfig struct {
	// TopicPrefix is the first part of every topic's name, "cdc" if empty.
	TopicPrefix string

	// Poll is how often the agent looks for more of the commit log, 200 ms if 0.
	Poll time.Duration

	// Queue is how long at most an event waits for others before it is sent, the
	// property poll.interval.ms; 50 ms if 0. The agent's own default is 1 s.
	Queue time.Duration

	// Schemas has every event carry its schema.
	Schemas bool

	// Properties are added to the others, or take their place.
	Properties map[string]string
}

// A release is what belongs to one line of Cassandra.
type release struct {
	line             string
	cassandra, agent library
}

func releases() []release {
	return []release{
		{"5.0", cassandraLibrary("5.0.6"), agentLibrary("5", "3.4.1.Final")},
		{"4.1", cassandraLibrary("4.1.10"), agentLibrary("4", "3.4.0.Final")},
	}
}

// Lines returns the lines of Cassandra that there are, the default first.
func Lines() (lines []string) {
	for _, r := range releases() {
		lines = append(lines, r.line)
	}
	return lines
}

// withDefaults checks a configuration and fills it in.
func (c Config) withDefaults() (Config, release, error) {
	if c.Dir == "" {
		return c, release{}, fault.New(fault.DataDirectory, "no directory is given")
	}
	if c.Parts == nil {
		c.Parts = Parts()
	}
	for _, p := range c.Parts {
		if !slices.Contains(Parts(), p) {
			return c, release{}, fault.New(fault.ConfigUsage, "no server is called %q", p)
		}
	}
	if c.Version == "" {
		c.Version = Lines()[0]
	}
	if c.Partitions == 0 {
		c.Partitions = 3
	}
	if c.SyncPeriod == 0 {
		c.SyncPeriod = time.Second
	}
	if c.SegmentMiB == 0 {
		c.SegmentMiB = 4
	}
	if c.SyncPeriod < time.Millisecond || c.SegmentMiB < 1 || c.SegmentMiB > 1023 || c.Partitions < 1 {
		return c, release{}, fault.New(fault.ConfigUsage, "sync period %v, segment size %d MiB, %d partitions: out of range", c.SyncPeriod, c.SegmentMiB, c.Partitions)
	}
	if c.Agent.TopicPrefix == "" {
		c.Agent.TopicPrefix = "cdc"
	}
	if c.Agent.Poll == 0 {
		c.Agent.Poll = 200 * time.Millisecond
	}
	if c.Agent.Queue == 0 {
		c.Agent.Queue = 50 * time.Millisecond
	}
	if c.Cache == "" {
		var err error
		if c.Cache, err = DefaultCache(); err != nil {
			return c, release{}, err
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, r := range releases() {
		if r.line == c.Version {
			return c, r, nil
		}
	}
	return c, release{}, fault.New(fault.ConfigUsage, "Cassandra %s is not one of %s", c.Version, strings.Join(Lines(), ", "))
}
