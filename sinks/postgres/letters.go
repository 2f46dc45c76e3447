package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
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
}

// Validate reports everything that is wrong with c.
func (c LettersConfig) Validate() error { return Config{DSN: c.DSN, Schema: c.Schema}.Validate() }

// Letters keeps what leaves by an outlet in a table, one row per record of the
// source: a record that leaves again, after a replay, updates its row.
type Letters struct {
	cfg  Config
	pool *pgxpool.Pool
}

var (
	_ pipeline.Sink[pipeline.Reject] = (*Letters)(nil)
	_ pipeline.Opener                = (*Letters)(nil)
	_ pipeline.Closer                = (*Letters)(nil)
)

// NewLetters returns the sink of an outlet; nothing is dialled until Open.
func NewLetters(cfg LettersConfig) (*Letters, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Letters{cfg: Config{DSN: cfg.DSN, Schema: cfg.Schema}.withDefaults()}, nil
}

// Open connects and makes the tables.
func (l *Letters) Open(ctx context.Context) (err error) {
	if l.pool, err = connect(ctx, l.cfg, 2); err != nil {
		return err
	}
	r := newReplica(l.pool, l.cfg, nil, nil)
	return r.exclusive(ctx, l.cfg.Schema, func(tx pgx.Tx) error {
		if err := createSchema(ctx, tx, l.cfg.Schema); err != nil {
			return err
		}
		for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
			if _, err := tx.Exec(ctx, l.create(o)); err != nil {
				return fmt.Errorf("make table %s: %w", LetterTable(o), err)
			}
		}
		return nil
	})
}

// Close gives the connections back.
func (l *Letters) Close(context.Context) error {
	if l.pool != nil {
		l.pool.Close()
	}
	return nil
}

func (l *Letters) table(o pipeline.Outlet) string {
	return quote(l.cfg.Schema) + "." + quote(LetterTable(o))
}

func (l *Letters) create(o pipeline.Outlet) string {
	return "CREATE TABLE IF NOT EXISTS " + l.table(o) + ` (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		topic text NOT NULL, partition int NOT NULL, "offset" bigint NOT NULL,
		key bytea, value bytea, headers jsonb NOT NULL, recorded_at timestamptz,
		code text NOT NULL, title text NOT NULL, detail text NOT NULL, fix text NOT NULL, step text NOT NULL,
		attempts int NOT NULL, first_failed_at timestamptz NOT NULL, last_failed_at timestamptz NOT NULL,
		UNIQUE (topic, partition, "offset"))`
}

// Write keeps recs, each in the table of its outlet.
func (l *Letters) Write(ctx context.Context, recs []pipeline.Record[pipeline.Reject]) error {
	byTable := map[pipeline.Outlet]*letterColumns{}
	for _, r := range recs {
		c := byTable[r.Value.Outlet]
		if c == nil {
			c = &letterColumns{}
			byTable[r.Value.Outlet] = c
		}
		if err := c.add(letter.Of(r)); err != nil {
			return err
		}
	}
	for o, c := range byTable {
		if err := l.insert(ctx, o, c); err != nil {
			if undefined(err) { // an outlet of the user's own, or a table that was dropped
				if _, err := l.pool.Exec(ctx, l.create(o)); err != nil {
					return fault.Wrap(fault.OutletDown, fmt.Errorf("make table %s: %w", LetterTable(o), err))
				}
				err = l.insert(ctx, o, c)
			}
			if err != nil {
				return fault.Wrap(fault.OutletDown, err)
			}
		}
	}
	return nil
}

func (l *Letters) insert(ctx context.Context, o pipeline.Outlet, c *letterColumns) error {
	_, err := l.pool.Exec(ctx, "INSERT INTO "+l.table(o)+` AS l (topic, partition, "offset", key, value, headers, recorded_at, code, title, detail, fix, step, attempts, first_failed_at, last_failed_at)
		SELECT DISTINCT ON (topic, partition, o) * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::bytea[], $6::jsonb[], $7::timestamptz[], $8::text[], $9::text[], $10::text[],
			$11::text[], $12::text[], $13::int[], $14::timestamptz[], $15::timestamptz[])
			AS v(topic, partition, o, key, value, headers, recorded_at, code, title, detail, fix, step, attempts, first_failed_at, last_failed_at)
		ON CONFLICT (topic, partition, "offset") DO UPDATE SET code = EXCLUDED.code, title = EXCLUDED.title, detail = EXCLUDED.detail, fix = EXCLUDED.fix,
			step = EXCLUDED.step, attempts = l.attempts + EXCLUDED.attempts, last_failed_at = EXCLUDED.last_failed_at`,
		c.topic, c.partition, c.offset, c.key, c.value, c.headers, c.recorded, c.code, c.title, c.detail, c.fix, c.step, c.attempts, c.first, c.last)
	if err != nil {
		return fmt.Errorf("write to %s: %w", LetterTable(o), err)
	}
	return nil
}

// letterColumns are letters column by column.
type letterColumns struct {
	topic, code, title, detail, fix, step []string
	partition, attempts                   []int32
	offset                                []int64
	key, value                            [][]byte
	headers                               []string
	recorded                              []*time.Time
	first, last                           []time.Time
}

func (c *letterColumns) add(l letter.Letter) error {
	e := l.Event
	headers := make([][2]any, len(e.Headers)) // name and value, which JSON has in base64
	for i, h := range e.Headers {
		headers[i] = [2]any{plain(h.Key), h.Value}
	}
	raw, err := json.Marshal(headers)
	if err != nil {
		return fmt.Errorf("write headers as JSON: %w", err)
	}
	var recorded *time.Time
	if !e.Time.IsZero() {
		recorded = &e.Time
	}
	c.topic, c.partition, c.offset = append(c.topic, plain(e.Topic)), append(c.partition, e.Partition), append(c.offset, e.Offset)
	c.key, c.value, c.headers = append(c.key, e.Key), append(c.value, e.Value), append(c.headers, string(raw))
	c.recorded = append(c.recorded, recorded)
	c.code, c.title, c.detail = append(c.code, string(l.Code)), append(c.title, l.Title), append(c.detail, plain(l.Detail))
	c.fix, c.step = append(c.fix, l.Fix), append(c.step, l.Step)
	c.attempts, c.first, c.last = append(c.attempts, int32(l.Attempts)), append(c.first, l.First), append(c.last, l.Last)
	return nil
}

// plain returns s as text that PostgreSQL can hold.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
