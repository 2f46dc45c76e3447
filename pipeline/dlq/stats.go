package dlq

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

// A Stat counts letters of one table, code and state.
type Stat struct {
	Table    string     `json:"table"` // empty if it is not known
	Code     fault.Code `json:"code"`
	Title    string     `json:"title"`
	Category Category   `json:"category"`
	State    State      `json:"state"`
	Letters  int64      `json:"letters"`
	Oldest   time.Time  `json:"oldest"` // when the first of them was received
	Newest   time.Time  `json:"newest"`
}

// Stats counts the letters that f names; its limit is of no account.
func (s *Store) Stats(ctx context.Context, f Filter) ([]Stat, error) {
	where, args := f.where()
	rows, err := s.pool.Query(ctx, `SELECT CASE WHEN table_name IS NULL THEN '' ELSE keyspace_name || '.' || table_name END, code, status, count(*), min(received_at), max(received_at)
		FROM `+s.table(f.outlet())+` AS l WHERE `+where+` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, args...)
	if err != nil {
		return nil, failed("count letters", f.outlet(), err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (st Stat, err error) {
		err = row.Scan(&st.Table, &st.Code, &st.State, &st.Letters, &st.Oldest, &st.Newest)
		st.Title, st.Category = fault.Describe(st.Code).Title, CategoryOf(st.Code)
		return st, err
	})
	if err != nil {
		return nil, fmt.Errorf("count letters: %w", postgres.Judge(err))
	}
	return all, nil
}

// Matching counts the letters that f names, but no more than its limit.
func (s *Store) Matching(ctx context.Context, f Filter) (n int64, err error) {
	where, args := f.where()
	return s.matching(ctx, f, where, args)
}

// Expirable counts what [Store.Expire] would purge.
func (s *Store) Expirable(ctx context.Context, f Filter, before time.Time) (n int64, err error) {
	where, args := f.expired(before)
	return s.matching(ctx, f, where, args)
}

func (s *Store) matching(ctx context.Context, f Filter, where string, args []any) (n int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT count(*) FROM "+s.table(f.outlet())+" AS l WHERE "+where, args...).Scan(&n)
	if err != nil {
		return 0, failed("count letters", f.outlet(), err)
	}
	if f.Limit > 0 {
		n = min(n, int64(f.Limit))
	}
	return n, nil
}
