// Package postgres keeps a replica of Cassandra tables in PostgreSQL, exact
// whatever the order, duplication or replay of changes.
//
// It is the merge order of package cdc in SQL: every cell is kept with its write
// time, every row with its marker and deletion, and what is merged is merged cell by
// cell in one statement per table and batch. Readers use the view of
// Cassandra's own name, which shows exactly what SELECT would.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Sink merges changes into PostgreSQL. It is also the [pipeline.Offsets] of
// record: offsets are kept in the database that holds the data they cover.
type Sink struct {
	cfg      Config
	pipeline string // whose offsets they are
	tables   []*cdc.Table
	types    typeMap
	log      *slog.Logger
	pool     *pgxpool.Pool
	replica  *replica
	recent   *recent
	buffers  sync.Pool // of *buffer
}

var (
	_ pipeline.Sink[*cdc.Change] = (*Sink)(nil)
	_ pipeline.Opener            = (*Sink)(nil)
	_ pipeline.Closer            = (*Sink)(nil)
	_ pipeline.Diverter          = (*Sink)(nil)
	_ pipeline.Offsets           = (*Sink)(nil)
)

// New returns a sink; nothing is dialled until Open. name is the pipeline's: two
// pipelines of one name share their offsets. The tables given are made at
// Open, so that what stands in their way is known before anything is read; any
// other is made when its first change arrives.
func New(cfg Config, name string, tables []*cdc.Table, log *slog.Logger) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	types, err := newTypeMap(cfg.Types)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	s := &Sink{cfg: cfg.withDefaults(), pipeline: name, tables: tables, types: types, log: log, recent: newRecent()}
	s.buffers.New = func() any { return new(buffer) }
	return s, nil
}

// Outlets returns the outlets that the sink uses: invalid for what PostgreSQL
// cannot hold, stale for what lost every cell.
func (s *Sink) Outlets() []pipeline.Outlet {
	if s.cfg.NoAudit {
		return []pipeline.Outlet{pipeline.Invalid}
	}
	return []pipeline.Outlet{pipeline.Invalid, pipeline.Stale}
}

// Open connects, checks that the server will do, and makes the tables.
func (s *Sink) Open(ctx context.Context) error {
	pool, err := connect(ctx, s.cfg, s.cfg.Connections)
	if err != nil {
		return err
	}
	s.pool = pool
	s.replica = newReplica(pool, s.cfg, s.types, s.log)
	if err := migrate(ctx, s.Migrator(), s.log); err != nil {
		return err
	}
	for _, t := range s.tables {
		switch _, err := s.replica.layout(ctx, t); fault.CodeOf(err) {
		case fault.TableRefused, fault.TypeChanged, fault.KeyChanged: // its changes will leave by an outlet, as they do later on
		default:
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Close gives the connections back.
func (s *Sink) Close(context.Context) error {
	if s.pool != nil {
		s.pool.Close()
	}
	return nil
}

// oldest is the least version of PostgreSQL that will do.
const oldest = 140000

// readOnly is the SQLSTATE of a server that takes no changes.
const readOnly = "25006"

// connect opens a pool whose sessions suit the sink, and checks the server.
func connect(ctx context.Context, cfg Config, connections int) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, fault.New(fault.ConfigValue, "dsn: not an address of PostgreSQL")
	}
	pc.MaxConns = int32(connections)
	params := pc.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "cdcpipe"
	}
	params["statement_timeout"] = strconv.FormatInt(cfg.StatementTimeout.Milliseconds(), 10)
	params["lock_timeout"] = strconv.FormatInt(cfg.LockTimeout.Milliseconds(), 10)
	params["idle_in_transaction_session_timeout"] = params["statement_timeout"]
	params["client_encoding"] = "UTF8"
	fatal := pc.ConnConfig.OnPgError
	pc.ConnConfig.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		// Whoever was the primary is not: the next connection looks for the one that is.
		return err.Code != readOnly && fatal(conn, err)
	}
	dial := pc.ConnConfig.DialFunc
	pc.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &silence{Conn: c, longest: 2*cfg.StatementTimeout + cfg.LockTimeout}, nil
	}
	if cfg.Unprepared {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, judge(fmt.Errorf("connect: %w", err))
	}
	if err := checkServer(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func checkServer(ctx context.Context, pool *pgxpool.Pool) error {
	var version int
	var encoding string
	var standby bool
	err := pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery()").
		Scan(&version, &encoding, &standby)
	var refused *fault.Fault
	switch err := judge(err); {
	case errors.As(err, &refused):
		return refused
	case err != nil:
		return fmt.Errorf("ask the server's version: %w", err)
	case version < oldest:
		return fault.New(fault.TargetTooOld, "the server is version %d.%d", version/10000, version%10000)
	case encoding != "UTF8":
		return fault.New(fault.TargetTooOld, "the database's encoding is %s; it must be UTF8, as Cassandra's text is", encoding)
	case standby:
		return fault.New(fault.TargetReadOnly, "the server is a standby")
	}
	return nil
}
