package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// letterTables are the tables of the outlets that every pipeline has.
var letterTables = map[pipeline.Outlet]string{
	pipeline.DeadLetter: "dlq_archive",
	pipeline.Invalid:    "validation_errors",
	pipeline.Stale:      "staleness_audit",
}

// LetterTable returns the table, in cdcpipe's own schema, that holds what leaves
// by an outlet.
func LetterTable(o pipeline.Outlet) string {
	if t, ok := letterTables[o]; ok {
		return t
	}
	return suffixed(string(o), "_letters")
}

// LettersConfig says where letters are kept.
type LettersConfig struct {
	// DSN is the address, as libpq takes it.
	DSN string `yaml:"dsn" json:"dsn" jsonschema:"required,format=password,description=Address of the database"`

	// Schema is cdcpipe's own schema.
	Schema string `yaml:"schema" json:"schema,omitempty" jsonschema:"default=cdcpipe,description=Schema for cdcpipe's own tables"`

	// StatementTimeout and LockTimeout are those of [Config], 20 and 5 seconds if 0:
	// a letter is small, and what waits for it is the pipeline.
	StatementTimeout time.Duration `yaml:"statement_timeout" json:"statement_timeout,omitempty" jsonschema:"default=20s,description=A statement that takes longer is ended and tried again; a server that is silent for twice as long (and lock_timeout) is given up"`
	LockTimeout      time.Duration `yaml:"lock_timeout" json:"lock_timeout,omitempty" jsonschema:"default=5s,description=A statement that waits longer for a lock is ended and tried again"`
}

// DefaultLettersConfig returns what an outlet has that is told nothing.
func DefaultLettersConfig() LettersConfig {
	return LettersConfig{Schema: DefaultConfig().Schema, StatementTimeout: 20 * time.Second, LockTimeout: 5 * time.Second}
}

// Validate reports everything that is wrong with c.
func (c LettersConfig) Validate() error { return c.config().Validate() }

func (c LettersConfig) config() Config {
	return Config{DSN: c.DSN, Schema: c.Schema, StatementTimeout: c.StatementTimeout, LockTimeout: c.LockTimeout}
}

// Letters keeps what leaves by an outlet in a table, one row per record of the
// source: a record that leaves again, after a replay, updates its row, but for what
// became of the letter since. Each failure of a dead letter or an invalid record
// stands in error_log besides.
//
// A Write is one transaction, durable when it returns, and may be repeated: what it
// wrote before changes nothing.
type Letters struct {
	cfg      Config
	pipeline string
	log      *slog.Logger
	pool     *pgxpool.Pool
}

var (
	_ pipeline.Sink[pipeline.Reject] = (*Letters)(nil)
	_ pipeline.Opener                = (*Letters)(nil)
	_ pipeline.Closer                = (*Letters)(nil)
)

// NewLetters returns the sink of an outlet of the pipeline of that name; nothing is
// dialled until Open.
func NewLetters(cfg LettersConfig, name string, log *slog.Logger) (*Letters, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	d := DefaultLettersConfig()
	cfg.StatementTimeout, cfg.LockTimeout = cmp.Or(cfg.StatementTimeout, d.StatementTimeout), cmp.Or(cfg.LockTimeout, d.LockTimeout)
	return &Letters{cfg: cfg.config().withDefaults(), pipeline: name, log: log}, nil
}

// Open connects, and brings the tables up to date ([Migrator.Up]).
func (l *Letters) Open(ctx context.Context) (err error) {
	if l.pool, err = connect(ctx, l.cfg, 2); err != nil {
		return err
	}
	return migrate(ctx, l.Migrator(), l.log)
}

// migrate applies what is pending, and says so.
func migrate(ctx context.Context, m *Migrator, log *slog.Logger) error {
	applied, err := m.Up(ctx)
	for _, a := range applied {
		log.Info("migration applied", "schema", m.cfg.Schema, "name", a.Name)
	}
	return err
}

// Close gives the connections back.
func (l *Letters) Close(context.Context) error {
	if l.pool != nil {
		l.pool.Close()
	}
	return nil
}

func (l *Letters) table(o pipeline.Outlet) string { return l.own(LetterTable(o)) }

func (l *Letters) own(table string) string { return relation{l.cfg.Schema, table}.sql() }

// Write keeps recs, each in the table of its outlet.
func (l *Letters) Write(ctx context.Context, recs []pipeline.Record[pipeline.Reject]) error {
	return l.keep(ctx, func(yield func(letter.Letter) bool) {
		for _, r := range recs {
			if !yield(letter.Of(r)) {
				return
			}
		}
	})
}

// Keep is Write of letters that were kept elsewhere, such as those of a topic.
func (l *Letters) Keep(ctx context.Context, ls []letter.Letter) error {
	return l.keep(ctx, slices.Values(ls))
}

func (l *Letters) keep(ctx context.Context, ls iter.Seq[letter.Letter]) error {
	byOutlet, failed, n := map[pipeline.Outlet]*letterColumns{}, &failureColumns{}, 0
	for lt := range ls {
		n++
		c := byOutlet[lt.Outlet]
		if c == nil {
			c = &letterColumns{}
			byOutlet[lt.Outlet] = c
		}
		if err := c.add(&lt); err != nil {
			return err
		}
		if lt.Outlet == pipeline.DeadLetter || lt.Outlet == pipeline.Invalid {
			failed.add(&lt)
		}
	}
	err := l.write(ctx, byOutlet, failed)
	if undefined(err) { // an outlet of the user's own, or a table that was dropped
		for o := range byOutlet {
			if _, err := l.pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+l.table(o)+" (LIKE "+l.table(pipeline.DeadLetter)+" INCLUDING ALL)"); err != nil {
				return fault.Wrap(fault.OutletDown, fmt.Errorf("make table %s: %w", LetterTable(o), err))
			}
		}
		err = l.write(ctx, byOutlet, failed)
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		if about, _ := classify(pe.Code); about == aboutRecord { // the bytes matter, the reading of them is a convenience
			l.log.Warn("letters are kept without their decoded records, which PostgreSQL refuses", "letters", n, "err", err)
			for _, c := range byOutlet {
				clear(c.record)
			}
			err = l.write(ctx, byOutlet, failed)
		}
	}
	if err != nil {
		return fault.Wrap(fault.OutletDown, err)
	}
	return nil
}

// write is one transaction, durable whatever the role's defaults.
func (l *Letters) write(ctx context.Context, byOutlet map[pipeline.Outlet]*letterColumns, failed *failureColumns) (err error) {
	n := 0
	for _, c := range byOutlet {
		n += len(c.topic)
	}
	ctx, end := span(ctx, l.pool, func() (names []string) {
		for o := range byOutlet {
			names = append(names, LetterTable(o))
		}
		return names
	}, n)
	defer func() { end(err) }()
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, durable); err != nil {
			return err
		}
		for _, o := range slices.Sorted(maps.Keys(byOutlet)) { // in one order, so that workers wait for one another in no circle
			if err := l.insert(ctx, tx, o, byOutlet[o]); err != nil {
				return fmt.Errorf("write to %s: %w", LetterTable(o), err)
			}
		}
		if err := l.insertFailures(ctx, tx, failed); err != nil {
			return fmt.Errorf("write to error_log: %w", err)
		}
		return nil
	})
}

func (l *Letters) insert(ctx context.Context, tx pgx.Tx, o pipeline.Outlet, c *letterColumns) error {
	_, err := tx.Exec(ctx, "INSERT INTO "+l.table(o)+` AS l (pipeline, topic, partition, "offset", key, value, headers, recorded_at, keyspace_name, table_name, record, written, winner, trace_id,
			code, title, detail, fix, step, failures, attempts, first_failed_at, last_failed_at)
		SELECT DISTINCT ON (topic, partition, o, key, value) $1, v.* FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bytea[], $6::bytea[], $7::jsonb[], $8::timestamptz[], $9::text[], $10::text[], $11::jsonb[],
			$12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::jsonb[], $21::int[], $22::timestamptz[], $23::timestamptz[])
			AS v(topic, partition, o, key, value, headers, recorded_at, keyspace_name, table_name, record, written, winner, trace_id, code, title, detail, fix, step, failures, attempts, first_failed_at, last_failed_at)
		ORDER BY topic, partition, o, key, value, last_failed_at DESC
		ON CONFLICT (pipeline, topic, partition, "offset", digest) DO UPDATE SET code = EXCLUDED.code, title = EXCLUDED.title, detail = EXCLUDED.detail, fix = EXCLUDED.fix,
			step = EXCLUDED.step, failures = EXCLUDED.failures, record = EXCLUDED.record, keyspace_name = EXCLUDED.keyspace_name, table_name = EXCLUDED.table_name,
			written = EXCLUDED.written, winner = EXCLUDED.winner, attempts = l.attempts + EXCLUDED.attempts, last_failed_at = EXCLUDED.last_failed_at
			WHERE EXCLUDED.last_failed_at > l.last_failed_at`,
		l.pipeline, c.topic, c.partition, c.offset, c.key, c.value, c.headers, c.recorded, c.keyspace, c.table, c.record, c.written, c.winner, c.trace,
		c.code, c.title, c.detail, c.fix, c.step, c.failures, c.attempts, c.first, c.last)
	return err
}

func (l *Letters) insertFailures(ctx context.Context, tx pgx.Tx, c *failureColumns) error {
	if len(c.code) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO "+l.own("error_log")+` (pipeline, failed_at, outlet, step, topic, partition, "offset", keyspace_name, table_name, nr, code, rule, column_name, detail, attempts)
		SELECT $1, * FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::text[], $9::text[], $10::int[], $11::text[], $12::text[], $13::text[], $14::text[], $15::int[])
		ON CONFLICT DO NOTHING`,
		l.pipeline, c.at, c.outlet, c.step, c.topic, c.partition, c.offset, c.keyspace, c.table, c.nr, c.code, c.rule, c.column, c.detail, c.attempts)
	return err
}
