package dlq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

// A Store is the letters in PostgreSQL. Its errors have codes. It may be used by
// several goroutines.
type Store struct {
	cfg  postgres.LettersConfig
	pool *pgxpool.Pool
}

// OpenStore connects to the letters of cfg, and brings their tables up to date.
func OpenStore(ctx context.Context, cfg postgres.LettersConfig, log *slog.Logger) (*Store, error) {
	pool, err := postgres.Connect(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	return &Store{cfg, pool}, nil
}

// Close gives the connections back.
func (s *Store) Close() { s.pool.Close() }

func (s *Store) table(o pipeline.Outlet) string { return s.cfg.LetterRelation(o) }

// failed says what was being done, and which fault it is. That there is no table is
// said in terms of the outlet.
func failed(what string, o pipeline.Outlet, err error) error {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok && pe.Code == "42P01" {
		return fault.New(fault.LetterMissing, "%s: no letter has left by the outlet %s", what, o)
	}
	return fmt.Errorf("%s: %w", what, postgres.Judge(err))
}

// columns are those of a [Letter], in the order in which scan takes them.
const columns = `l.id, l.pipeline, l.received_at, l.status, l.status_at, coalesce(l.status_by, ''), coalesce(l.note, ''), coalesce(l.keyspace_name, ''), coalesce(l.table_name, ''),
	l.code, l.title, l.detail, l.fix, l.step, l.failures, l.attempts, l.first_failed_at, l.last_failed_at, l.record, coalesce(l.trace_id, ''),
	l.topic, l.partition, l."offset", l.key, l.value, l.headers, l.recorded_at, l.corrected, l.resubmissions, coalesce(l.exported_to, ''), nullif(l.due_at, 'infinity')`

func scan(o pipeline.Outlet, rows pgx.Rows) (*Letter, error) {
	l := &Letter{Outlet: o}
	var stateAt, recorded, due *time.Time
	var failures, headers []byte
	e := &l.Event
	err := rows.Scan(&l.ID, &l.Pipeline, &l.Received, &l.State, &stateAt, &l.StateBy, &l.Note, &l.Keyspace, &l.Table,
		&l.Code, &l.Title, &l.Detail, &l.Fix, &l.Step, &failures, &l.Attempts, &l.FirstFailed, &l.Failed, &l.Record, &l.Trace,
		&e.Topic, &e.Partition, &e.Offset, &e.Key, &e.Value, &headers, &recorded, &l.Corrected, &l.Resubmissions, &l.ExportedTo, &due)
	if err != nil {
		return nil, err
	}
	for _, t := range []struct {
		to   *time.Time
		from *time.Time
	}{{&l.StateAt, stateAt}, {&e.Time, recorded}, {&l.Due, due}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	if err := json.Unmarshal(failures, &l.Failures); err != nil {
		return nil, fmt.Errorf("failures of letter %d: %w", l.ID, err)
	}
	var pairs [][2]json.RawMessage
	if err := json.Unmarshal(headers, &pairs); err != nil {
		return nil, fmt.Errorf("headers of letter %d: %w", l.ID, err)
	}
	for _, p := range pairs {
		var h cdc.EventHeader
		if err := errors.Join(json.Unmarshal(p[0], &h.Key), json.Unmarshal(p[1], &h.Value)); err != nil {
			return nil, fmt.Errorf("headers of letter %d: %w", l.ID, err)
		}
		e.Headers = append(e.Headers, h)
	}
	return l, nil
}

// MaxPage is how many letters a page has at most, and PageBytes how large their keys
// and values are before it ends.
const (
	MaxPage   = 1000
	PageBytes = 32 << 20
)

// Page returns the letters that f names by their id, at most f.Limit or [MaxPage] of
// them and no more than [PageBytes], but for a single one. The next page is that
// after the last id.
func (s *Store) Page(ctx context.Context, f Filter) ([]*Letter, error) {
	limit := f.Limit
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	where, args := f.where()
	sql := fmt.Sprintf(`SELECT %s FROM %s AS l JOIN (
			SELECT id, sum(coalesce(octet_length(key), 0) + coalesce(octet_length(value), 0)) OVER (ORDER BY id) AS bytes, row_number() OVER (ORDER BY id) AS nr
			FROM (SELECT id, key, value FROM %s AS l WHERE %s ORDER BY id LIMIT %d) AS few
		) AS page USING (id) WHERE page.bytes <= %d OR page.nr = 1 ORDER BY l.id`, columns, s.table(f.outlet()), s.table(f.outlet()), where, limit, PageBytes)
	return s.letters(ctx, "read letters", f.outlet(), sql, args...)
}

func (s *Store) letters(ctx context.Context, what string, o pipeline.Outlet, sql string, args ...any) ([]*Letter, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, failed(what, o, err)
	}
	defer rows.Close()
	var ls []*Letter
	for rows.Next() {
		l, err := scan(o, rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		ls = append(ls, l)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(what, o, err)
	}
	return ls, nil
}

// Each calls f with every letter that the filter names, page by page, at most
// f.Limit, until it returns an error.
func (s *Store) Each(ctx context.Context, f Filter, do func([]*Letter) error) error {
	left := f.Limit
	for {
		f.Limit = left
		page, err := s.Page(ctx, f)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := do(page); err != nil {
			return err
		}
		f.After = page[len(page)-1].ID
		if left > 0 {
			if left -= len(page); left <= 0 {
				return nil
			}
		}
	}
}

// Get returns one letter.
func (s *Store) Get(ctx context.Context, o pipeline.Outlet, id int64) (*Letter, error) {
	ls, err := s.Page(ctx, Filter{Outlet: o, IDs: []int64{id}})
	if err == nil && len(ls) == 0 {
		err = fault.New(fault.LetterMissing, "there is no letter %d of the outlet %s", id, Filter{Outlet: o}.outlet())
	}
	if err != nil {
		return nil, err
	}
	return ls[0], nil
}
