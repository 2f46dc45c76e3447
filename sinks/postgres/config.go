package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the replica is kept and how.
type Config struct {
	// DSN is the address, as libpq takes it: a URL or key=value pairs.
	DSN string `yaml:"dsn" json:"dsn" jsonschema:"required,format=password,description=Address of the database: postgres://user:password@host:port/database?sslmode=verify-full"`

	// Schema is cdcpipe's own schema, for offsets and what it knows of the replica.
	Schema string `yaml:"schema" json:"schema,omitempty" jsonschema:"default=cdcpipe,description=Schema for cdcpipe's own tables"`

	// Types chooses PostgreSQL types by CQL type, where there is a choice; see
	// [TypeNames].
	Types map[string]string `yaml:"types" json:"types,omitempty" jsonschema:"description=PostgreSQL type by CQL type where there is a choice (docs/reference/types.md)"`

	// Connections bounds the pool. It should be at least the number of lanes.
	Connections int `yaml:"connections" json:"connections,omitempty" jsonschema:"default=8,minimum=1,description=Greatest number of connections; at least the sink's lanes"`

	// StatementTimeout ends a statement that takes longer, LockTimeout one that
	// waits longer for a lock. Both are tried again. A server that says nothing for
	// twice the first and once the second is taken for lost.
	StatementTimeout time.Duration `yaml:"statement_timeout" json:"statement_timeout,omitempty" jsonschema:"default=60s,description=A statement that takes longer is ended and tried again; a server that is silent for twice as long (and lock_timeout) is given up"`
	LockTimeout      time.Duration `yaml:"lock_timeout" json:"lock_timeout,omitempty" jsonschema:"default=10s,description=A statement that waits longer for a lock is ended and tried again"`

	// Unprepared sends statements whole every time, for poolers that cannot keep
	// prepared ones.
	Unprepared bool `yaml:"unprepared" json:"unprepared,omitempty" jsonschema:"default=false,description=Do not prepare statements\\, for a pooler that cannot keep them"`

	// NoAudit leaves out the search for changes that lost every cell.
	NoAudit bool `yaml:"no_audit" json:"no_audit,omitempty" jsonschema:"default=false,description=Do not report changes whose every cell lost to newer ones"`
}

// DefaultConfig returns the configuration that the zero values stand for.
func DefaultConfig() Config {
	return Config{Schema: "cdcpipe", Connections: 8, StatementTimeout: time.Minute, LockTimeout: 10 * time.Second}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.Schema = cmp.Or(c.Schema, d.Schema)
	c.Connections = cmp.Or(c.Connections, d.Connections)
	c.StatementTimeout = cmp.Or(c.StatementTimeout, d.StatementTimeout)
	c.LockTimeout = cmp.Or(c.LockTimeout, d.LockTimeout)
	return c
}

// Validate reports everything that is wrong with c. It never quotes the DSN,
// which may hold a password.
func (c Config) Validate() error {
	var errs []error
	if c.DSN == "" {
		errs = append(errs, errors.New("dsn: is required"))
	} else if _, err := pgxpool.ParseConfig(c.DSN); err != nil {
		errs = append(errs, errors.New("dsn: not an address of PostgreSQL"))
	}
	if len(c.Schema) > maxName {
		errs = append(errs, fmt.Errorf("schema: longer than %d bytes", maxName))
	}
	if c.Connections < 0 {
		errs = append(errs, errors.New("connections: must be positive"))
	}
	if c.StatementTimeout < 0 || c.LockTimeout < 0 {
		errs = append(errs, errors.New("timeouts must not be negative"))
	}
	if _, err := newTypeMap(c.Types); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
