package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"cdcpipe/pipeline/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// versionTable is where goose notes what was applied.
const versionTable = "_cdc_versions"

// A Migrator makes cdcpipe's own schema and brings its tables up to date, by
// migrations that are part of the program. The replica's tables are none of its
// business: their columns follow Cassandra's.
//
// Only what is pending is applied, each migration in a transaction of its own, by
// one process at a time: others that come meanwhile wait, and find nothing to do.
type Migrator struct{ cfg Config }

// NewMigrator returns a migrator of a schema, cdcpipe if none is named. Nothing is
// dialled.
func NewMigrator(cfg LettersConfig) (*Migrator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Migrator{cfg.config().withDefaults()}, nil
}

// Migrator returns the migrator of the schema that the sink keeps its offsets in.
func (s *Sink) Migrator() *Migrator { return &Migrator{s.cfg} }

// Migrator returns the migrator of the schema that the letters are kept in.
func (l *Letters) Migrator() *Migrator { return &Migrator{l.cfg} }

// Where names the schema and the server, for people; it has no secrets.
func (m *Migrator) Where() string {
	pc, err := pgx.ParseConfig(m.cfg.DSN)
	if err != nil {
		return m.cfg.Schema
	}
	return fmt.Sprintf("schema %s of %s at %s:%d", m.cfg.Schema, pc.Database, pc.Host, pc.Port)
}

// A Migration is one step from a version of the schema to the next.
type Migration struct {
	Version int64      `json:"version"`
	Name    string     `json:"name"`
	Applied *time.Time `json:"applied_at"` // nil if it is pending
}

// deadlocks is how often a migration is tried that meets readers of several tables in
// a circle: the server ends one of them, after deadlock_timeout.
const deadlocks = 5

// Up applies what is pending, and returns it. Its errors have codes.
func (m *Migrator) Up(ctx context.Context) (applied []Migration, err error) {
	switch done, err := m.upToDate(ctx); {
	case err != nil:
		return nil, err
	case done:
		return nil, nil
	}
	for range deadlocks {
		err = m.locked(ctx, func(p *goose.Provider) error {
			results, err := p.Up(ctx)
			if pe, ok := errors.AsType[*goose.PartialError](err); ok {
				results = pe.Applied
			}
			now := time.Now()
			for _, r := range results {
				applied = append(applied, Migration{r.Source.Version, path.Base(r.Source.Path), &now})
			}
			return err
		})
		if pe, ok := errors.AsType[*pgconn.PgError](err); !ok || pe.Code != "40P01" {
			break
		}
	}
	return applied, err
}

// Status returns all migrations, in order. It changes nothing.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if there, err := m.versioned(ctx, conn); err != nil || !there {
		return all, err
	}
	rows, err := conn.Query(ctx, "SELECT version_id, max(tstamp) FROM "+versionTable+" WHERE is_applied GROUP BY 1")
	if err != nil {
		return nil, judgeMigration(err)
	}
	defer rows.Close()
	for rows.Next() {
		var version int64
		var at time.Time
		if err := rows.Scan(&version, &at); err != nil {
			return nil, judgeMigration(err)
		}
		for i := range all {
			if all[i].Version == version {
				all[i].Applied = &at
			}
		}
	}
	return all, judgeMigration(rows.Err())
}

// migrations lists those of the program.
func migrations() (all []Migration, err error) {
	files, err := fs.ReadDir(migrationFiles, "migrations")
	for _, f := range files {
		v, err := goose.NumericComponent(f.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, Migration{Version: v, Name: f.Name()})
	}
	return all, err
}

// connect opens one connection whose names are those of the schema.
func (m *Migrator) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, m.session())
	if err != nil {
		return nil, judge(fmt.Errorf("connect: %w", err))
	}
	return conn, nil
}

func (m *Migrator) session() *pgx.ConnConfig {
	pc, err := pgx.ParseConfig(m.cfg.DSN)
	if err != nil { // which the constructors have checked
		pc, _ = pgx.ParseConfig("")
	}
	params := pc.RuntimeParams
	params["application_name"] = cmp.Or(params["application_name"], "cdcpipe")
	params["client_encoding"] = "UTF8"
	params["search_path"] = quote(m.cfg.Schema)
	params["statement_timeout"], params["idle_in_transaction_session_timeout"] = "0", "0" // ctx bounds it
	params["lock_timeout"] = strconv.FormatInt(m.cfg.LockTimeout.Milliseconds(), 10)
	if m.cfg.Unprepared {
		pc.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return pc
}

func (m *Migrator) versioned(ctx context.Context, conn *pgx.Conn) (there bool, err error) {
	err = conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", relation{m.cfg.Schema, versionTable}.sql()).Scan(&there)
	return there, judgeMigration(err)
}

// upToDate reports whether nothing is pending. It asks for no right but to read the
// table of versions, so that a worker whose role may make nothing can start once an
// operator has migrated.
func (m *Migrator) upToDate(ctx context.Context) (bool, error) {
	all, err := migrations()
	if err != nil {
		return false, err
	}
	conn, err := m.connect(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if there, err := m.versioned(ctx, conn); err != nil || !there {
		return false, err
	}
	var version int64
	if err := conn.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable+" WHERE is_applied").Scan(&version); err != nil {
		return false, judgeMigration(err)
	}
	newest := all[len(all)-1].Version
	if version > newest {
		return false, fault.New(fault.LayoutTooNew, "schema %s has version %d, this program knows %d", m.cfg.Schema, version, newest)
	}
	return version == newest, nil
}

// locked calls f while no other process migrates the schema. The lock ends with its
// transaction, or with the connection if the process dies.
func (m *Migrator) locked(ctx context.Context, f func(*goose.Provider) error) error {
	conn, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return judgeMigration(pgx.BeginFunc(ctx, conn, func(lock pgx.Tx) error {
		if _, err := lock.Exec(ctx, "SET LOCAL lock_timeout = 0"); err != nil { // ctx bounds it
			return err
		}
		if _, err := lock.Exec(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", lockClass+2, m.cfg.Schema); err != nil {
			return fmt.Errorf("wait for other workers: %w", err)
		}
		db := stdlib.OpenDB(*m.session())
		defer db.Close()
		if err := m.makeSchema(ctx, db); err != nil {
			return err
		}
		sub, err := fs.Sub(migrationFiles, "migrations")
		if err != nil {
			return err
		}
		p, err := goose.NewProvider(goose.DialectPostgres, db, sub, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return err
		}
		return f(p)
	}))
}

// makeSchema makes the schema unless it is there: IF NOT EXISTS would ask for the
// right to make one all the same.
func (m *Migrator) makeSchema(ctx context.Context, db *sql.DB) error {
	var there bool
	err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", m.cfg.Schema).Scan(&there)
	if err == nil && !there {
		_, err = db.ExecContext(ctx, "CREATE SCHEMA "+quote(m.cfg.Schema))
	}
	if err != nil {
		return fmt.Errorf("make schema %s: %w", quote(m.cfg.Schema), err)
	}
	return nil
}

// judgeMigration gives an error its code: one of the world's where it is that, and
// else that of a migration that cannot be applied.
func judgeMigration(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Fault](err); ok {
		return err
	}
	what := err
	if p, ok := errors.AsType[*goose.PartialError](err); ok {
		what = fmt.Errorf("migration %s: %w", path.Base(p.Failed.Source.Path), p.Err)
	}
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return judge(what)
	}
	switch _, code := classify(pe.Code); code {
	case fault.NoPermission, fault.TargetDown, fault.TargetBusy, fault.TargetReadOnly, fault.NoDatabase:
		return fault.New(code, "%w%s", what, describe(pe))
	}
	return fault.New(fault.MigrationFailed, "%w%s", what, describe(pe))
}
