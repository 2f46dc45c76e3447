package cassandra

import (
	"context"
	"errors"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Canary writes to a table of cdcpipe's own, so that somebody may look when the
// change arrives. It connects when it is first asked.
type Canary struct {
	link            *link
	keyspace, table string
	relation        string // as CQL writes it
}

// canaryTTL ends the rows of workers that are no more.
const canaryTTL = 24 * time.Hour

// maxReplicas bounds the replicas of a keyspace that is made for the canary.
const maxReplicas = 3

// NewCanary returns a writer of a table; nothing is dialled before it is asked.
func NewCanary(cfg Config, keyspace, table string) (*Canary, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Canary{newLink(cfg.cluster), keyspace, table, cdc.QuoteIdent(keyspace) + "." + cdc.QuoteIdent(table)}, nil
}

// Close ends the connection.
func (c *Canary) Close() { c.link.close() }

// Prepare makes the keyspace and the table if they are not there, and reports whether
// it has made the table. Where the role may not, or the table is there without CDC, the
// error is [fault.CanaryRefused] and has the statements to execute.
func (c *Canary) Prepare(ctx context.Context) (made bool, err error) {
	session, err := c.link.connect(ctx)
	if err != nil {
		return false, err
	}
	var captured *bool
	err = session.Query("SELECT cdc FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?", c.keyspace, c.table).ScanContext(ctx, &captured)
	switch {
	case err == nil && captured != nil && *captured:
		return false, nil
	case err == nil:
		return false, fault.New(fault.CanaryRefused, "table %s has no CDC; execute: ALTER TABLE %[1]s WITH cdc = true", c.relation)
	case !errors.Is(err, gocql.ErrNotFound):
		return false, unreachable(err)
	}
	statements := c.statements(len(session.GetHosts()))
	var there string
	err = session.Query("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", c.keyspace).ScanContext(ctx, &there)
	switch {
	case err == nil:
		statements = statements[1:]
	case !errors.Is(err, gocql.ErrNotFound):
		return false, unreachable(err)
	}
	for i, stmt := range statements {
		if err := session.Query(stmt).ExecContext(ctx); err != nil {
			return false, c.refused(err, statements[i:])
		}
	}
	return true, nil
}

// statements make the keyspace and the table.
func (c *Canary) statements(hosts int) []string {
	return []string{
		fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': %d}",
			cdc.QuoteIdent(c.keyspace), min(max(hosts, 1), maxReplicas)),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (worker text PRIMARY KEY, seq bigint, sent timestamp) WITH cdc = true", c.relation),
	}
}

// refused says what to execute in place of what the role may not.
func (c *Canary) refused(err error, statements []string) error {
	if request, ok := errors.AsType[gocql.RequestError](err); !ok || request.Code() != gocql.ErrCodeUnauthorized {
		return unreachable(err)
	}
	text := ""
	for _, s := range statements {
		text += "\n" + s + ";"
	}
	return fault.New(fault.CanaryRefused, "%w; execute:%s\nGRANT MODIFY ON %s TO the role", err, text, c.relation)
}

// Write writes the row of a worker: when, in microseconds, is its sequence and its
// write time.
func (c *Canary) Write(ctx context.Context, worker string, when time.Time) error {
	session, err := c.link.connect(ctx)
	if err != nil {
		return err
	}
	err = session.Query("INSERT INTO "+c.relation+" (worker, seq, sent) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?",
		worker, when.UnixMicro(), when, int(canaryTTL.Seconds()), when.UnixMicro()).ExecContext(ctx)
	if err == nil {
		return nil
	}
	if request, ok := errors.AsType[gocql.RequestError](err); ok && request.Code() == gocql.ErrCodeUnauthorized {
		return fault.New(fault.CanaryRefused, "write to %s: %w; execute: GRANT MODIFY ON %[1]s TO the role", c.relation, err)
	}
	return fault.Wrap(fault.CassandraDown, fmt.Errorf("write to %s: %w", c.relation, err))
}
