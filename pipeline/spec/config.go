package spec

import (
	"regexp"
	"strings"
	"time"

	"cdcpipe/pipeline/plugin"
)

// Version is the version of the format that this package reads.
const Version = 1

// A Config is a pipeline as a file describes it.
type Config struct {
	Version int              `yaml:"version" jsonschema:"required,enum=1,description=Version of this format"`
	Name    string           `yaml:"name" jsonschema:"required,pattern=^[a-z0-9_-]+$,description=Name of the pipeline: lower-case letters\\, digits\\, _ and -"`
	Schema  Schema           `yaml:"schema" jsonschema:"description=Where table definitions come from"`
	Source  Step             `yaml:"source" jsonschema:"required,description=Where records come from"`
	Stages  []Step           `yaml:"stages" jsonschema:"description=What happens to them\\, in this order"`
	Sink    Step             `yaml:"sink" jsonschema:"required,description=Where they go"`
	Outlets map[string]*Step `yaml:"outlets" jsonschema:"description=Where records go that cannot go on\\, by outlet: dead_letter\\, invalid\\, stale"`
	Limits  Limits           `yaml:"limits" jsonschema:"description=Bounds of memory and time"`
	Commit  Commit           `yaml:"commit" jsonschema:"description=When progress is kept\\, whichever comes first"`
	Retry   Retry            `yaml:"retry" jsonschema:"description=How failed batches are tried again"`
	Breaker Breaker          `yaml:"breaker" jsonschema:"description=When a step that keeps failing is left alone"`
	Admin   Admin            `yaml:"admin" jsonschema:"description=The admin API\\, health and metrics"`
	Redis   *Redis           `yaml:"redis" jsonschema:"description=Redis\\, where workers know of one another"`
	Canary  *Canary          `yaml:"canary" jsonschema:"description=A row of cdcpipe's own\\, by which it is noticed that changes no longer arrive; off unless this is given"`
	Tracing *Tracing         `yaml:"tracing" jsonschema:"description=Traces for an OpenTelemetry collector; off unless this is given or the environment asks for them (docs/reference/tracing.md)"`
	Log     Log              `yaml:"log" jsonschema:"description=The log\\, on standard error"`
}

// A Step is one part at work.
type Step struct {
	Use     string   `yaml:"use" jsonschema:"required,description=Name of the part"`
	ID      string   `yaml:"id" jsonschema:"pattern=^[a-z0-9_-]+$,description=Name of the step in metrics and logs; that of the part if not given"`
	Workers int      `yaml:"workers" jsonschema:"minimum=1,description=Batches handled at a time; order is kept"`
	Lanes   int      `yaml:"lanes" jsonschema:"minimum=1,description=Lanes among which records are split by key; order is kept within a key"`
	Buffer  *int     `yaml:"buffer" jsonschema:"minimum=0,default=2,description=Batches that may wait in front of the step"`
	Retry   *Retry   `yaml:"retry" jsonschema:"description=Replaces options of the pipeline's retry for this step"`
	Breaker *Breaker `yaml:"breaker" jsonschema:"description=Replaces options of the pipeline's breaker for this step"`

	// With is a pointer to the configuration of the part.
	With any `yaml:"with" jsonschema:"description=Options of the part"`
}

// Schema says where table definitions come from. Those of Cassandra are newer than
// those of files, which are newer than what events say of themselves.
type Schema struct {
	CQL       []string   `yaml:"cql" jsonschema:"description=Files with CREATE TABLE and CREATE TYPE statements; relative to this file"`
	Cassandra *Cassandra `yaml:"cassandra" jsonschema:"description=The cluster to read system_schema of"`
	Inexact   string     `yaml:"inexact" jsonschema:"enum=approximate,enum=refuse,description=What happens to tables with columns that events do not carry exactly"`
}

// Cassandra says how a cluster is reached.
type Cassandra struct {
	Hosts       []string      `yaml:"hosts" jsonschema:"required,description=Addresses to begin with"`
	Port        int           `yaml:"port" jsonschema:"default=9042,minimum=1,maximum=65535,description=Native protocol port"`
	Username    string        `yaml:"username" jsonschema:"description=Role to log in as"`
	Password    plugin.Secret `yaml:"password" jsonschema:"description=Its password"`
	LocalDC     string        `yaml:"local_dc" jsonschema:"description=Datacenter whose nodes are asked"`
	TLS         plugin.TLS    `yaml:"tls" jsonschema:"description=Encryption"`
	Consistency string        `yaml:"consistency" jsonschema:"enum=one,enum=local_one,enum=two,enum=three,enum=quorum,enum=local_quorum,enum=all,default=local_quorum,description=How many replicas must answer when rows are read"`
	Keyspaces   []string      `yaml:"keyspaces" jsonschema:"description=Keyspaces to read at the start; others are read when an event names them"`
}

// Limits are those of [pipeline.Config].
type Limits struct {
	InFlight      int           `yaml:"in_flight" jsonschema:"minimum=1,description=Records read and not yet settled"`
	InFlightBytes plugin.Size   `yaml:"in_flight_bytes" jsonschema:"description=Their size"`
	DrainTimeout  time.Duration `yaml:"drain_timeout" jsonschema:"description=Time to finish what is in flight when asked to stop"`
}

// Commit is that of [pipeline.Config].
type Commit struct {
	Every   time.Duration `yaml:"every" jsonschema:"description=Time since the first record that is settled and not committed"`
	Records int           `yaml:"records" jsonschema:"minimum=1,description=Records settled since the last commit"`
}

// Retry is a [pipeline.Retry].
type Retry struct {
	Attempts int           `yaml:"attempts" jsonschema:"minimum=0,description=Tries of a batch before the pipeline stops; 0 tries for ever"`
	Alone    int           `yaml:"alone" jsonschema:"minimum=1,description=Tries of a record that fails while its neighbours succeed; then it leaves as a dead letter"`
	Min      time.Duration `yaml:"min" jsonschema:"description=Wait after the first failure"`
	Max      time.Duration `yaml:"max" jsonschema:"description=Longest wait"`
	Factor   float64       `yaml:"factor" jsonschema:"minimum=1,description=By which the wait grows"`
	Jitter   float64       `yaml:"jitter" jsonschema:"minimum=0,exclusiveMaximum=1,description=Part of a wait by which it varies"`
}

// Breaker is a [pipeline.Breaker].
type Breaker struct {
	Failures int           `yaml:"failures" jsonschema:"minimum=0,description=Failures in a row that open it; 0 for no breaker"`
	Delay    time.Duration `yaml:"delay" jsonschema:"description=How long it stays open"`
}

// Admin says where the admin API listens.
type Admin struct {
	Listen string        `yaml:"listen" jsonschema:"description=host:port; empty for none"`
	Token  plugin.Secret `yaml:"token" jsonschema:"description=Bearer token that requests must carry"`
}

// Redis says how Redis is reached: at an address, or at the one that sentinels name.
type Redis struct {
	Address          string        `yaml:"address" jsonschema:"description=host:port of the server"`
	Sentinels        []string      `yaml:"sentinels" jsonschema:"description=host:port of each Sentinel\\, which are asked for the server instead"`
	MasterSet        string        `yaml:"master_set" jsonschema:"description=Name of the set of servers that the sentinels watch"`
	Username         string        `yaml:"username" jsonschema:"description=User to log in as"`
	Password         plugin.Secret `yaml:"password" jsonschema:"description=Its password"`
	SentinelUsername string        `yaml:"sentinel_username" jsonschema:"description=User to log in to the sentinels as; they do not know those of the servers"`
	SentinelPassword plugin.Secret `yaml:"sentinel_password" jsonschema:"description=Its password"`
	Database         int           `yaml:"database" jsonschema:"minimum=0,description=Number of the database"`
	TLS              plugin.TLS    `yaml:"tls" jsonschema:"description=Encryption\\, of sentinels too"`
}

// Where names the server, for people.
func (r Redis) Where() string {
	if r.MasterSet == "" {
		return r.Address
	}
	return r.MasterSet + " of the sentinels " + strings.Join(r.Sentinels, ", ")
}

// Canary says what is written to Cassandra to be looked for in PostgreSQL. It takes
// schema.cassandra, a postgres sink, and a source that reads the topic of its table.
type Canary struct {
	Keyspace string        `yaml:"keyspace" jsonschema:"default=cdcpipe,description=Keyspace of the table; made if it does not exist"`
	Table    string        `yaml:"table" jsonschema:"default=canary,description=Its name; made if it does not exist"`
	Every    time.Duration `yaml:"every" jsonschema:"description=Time between writes; 5s if not given"`
	Silence  time.Duration `yaml:"silence" jsonschema:"description=Age of the newest row in PostgreSQL at which the log has an error; 1m if not given"`
}

// Tracing says where traces go. What it does not say OpenTelemetry's variables do.
type Tracing struct {
	Endpoint string   `yaml:"endpoint" jsonschema:"description=URL of the collector\\, with the port; OTEL_EXPORTER_OTLP_ENDPOINT if not given"`
	Protocol string   `yaml:"protocol" jsonschema:"enum=http/protobuf,enum=grpc,description=Protocol that it speaks; OTEL_EXPORTER_OTLP_PROTOCOL if not given\\, or else http/protobuf"`
	Ratio    *float64 `yaml:"ratio" jsonschema:"minimum=0,maximum=1,description=Share of the batches that are traced; OTEL_TRACES_SAMPLER if not given\\, or else all"`
}

// Log says what the log looks like.
type Log struct {
	Level  string `yaml:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error,description=Least level"`
	Format string `yaml:"format" jsonschema:"enum=json,enum=text,description=One JSON object a line\\, or text"`
}

// Default returns the configuration that a file begins from.
func Default() Config {
	return Config{
		Schema:  Schema{Inexact: "approximate"},
		Limits:  Limits{InFlight: 50_000, InFlightBytes: 64 << 20, DrainTimeout: 30 * time.Second},
		Commit:  Commit{Every: 10 * time.Second, Records: 1000},
		Retry:   Retry{Alone: 10, Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.2},
		Breaker: Breaker{Failures: 5, Delay: 30 * time.Second},
		Admin:   Admin{Listen: "127.0.0.1:9464"},
		Log:     Log{Level: "info", Format: "json"},
	}
}

// Defaults of what is not there unless it is given.
const (
	defaultCassandraPort = 9042
	defaultConsistency   = "local_quorum"

	defaultCanaryKeyspace = "cdcpipe"
	defaultCanaryTable    = "canary"
	defaultCanaryEvery    = 5 * time.Second
	defaultCanarySilence  = time.Minute
)

var consistencies = []string{"one", "local_one", "two", "three", "quorum", "local_quorum", "all"}

var wellFormed = regexp.MustCompile(`^[a-z0-9_-]+$`)
