package canary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Replica reads the view of the canary's table in PostgreSQL. It is a [Reader].
type Replica struct {
	pool *pgxpool.Pool
	sql  string
}

// NewReplica returns a reader of a table's view; nothing is dialled before it is asked.
// The error does not quote the DSN, which may hold a password.
func NewReplica(ctx context.Context, dsn, keyspace, table string) (*Replica, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("dsn: not an address of PostgreSQL")
	}
	cfg.MaxConns = 1
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // poolers may not keep prepared statements
	cfg.ConnConfig.RuntimeParams["application_name"] = "cdcpipe-canary"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("set up a connection to PostgreSQL: %w", err)
	}
	return &Replica{pool, "SELECT seq FROM " + pgx.Identifier{keyspace, table}.Sanitize() + " WHERE worker = $1"}, nil
}

// Close ends the connection.
func (r *Replica) Close() { r.pool.Close() }

// notThere are the SQLSTATEs of a schema and a view that are not there: the sink makes
// them for the first change.
var notThere = []string{"3F000", "42P01"}

// Newest returns what the row of a worker says.
func (r *Replica) Newest(ctx context.Context, worker string) (time.Time, error) {
	var seq *int64
	err := r.pool.QueryRow(ctx, r.sql, worker).Scan(&seq)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && slices.Contains(notThere, e.Code) || errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the canary: %w", err)
	}
	if seq == nil {
		return time.Time{}, nil
	}
	return time.UnixMicro(*seq), nil
}
