package dlq

import (
	"context"
	"fmt"
	"time"

	"cdcpipe/pipeline"
)

// Claim returns letters that are open and due, for whoever calls alone: they are not
// due again before the lease ends, which is when another takes what this one was
// killed with. The order is that in which they fell due.
func (s *Store) Claim(ctx context.Context, f Filter, lease time.Duration) ([]*Letter, error) {
	f.State = Open
	limit := f.Limit
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	where, args := f.where()
	t := s.table(f.outlet())
	args = append(args, lease)
	sql := fmt.Sprintf(`WITH due AS (
			SELECT l.id, l.due_at, coalesce(octet_length(l.key), 0) + coalesce(octet_length(l.value), 0) AS size FROM %s AS l
			WHERE %s AND l.due_at <= now() ORDER BY l.due_at, l.id LIMIT %d FOR UPDATE SKIP LOCKED
		), few AS (
			SELECT id FROM (SELECT id, sum(size) OVER w AS bytes, row_number() OVER w AS nr FROM due WINDOW w AS (ORDER BY due_at, id)) AS page WHERE bytes <= %d OR nr = 1
		)
		UPDATE %s AS l SET due_at = now() + $%d::interval FROM few WHERE l.id = few.id RETURNING %s`, t, where, limit, PageBytes, t, len(args), columns)
	return s.letters(ctx, "claim letters", f.outlet(), sql, args...)
}

// Postpone makes letters that are open fall due at a time; the zero time stands for
// never.
func (s *Store) Postpone(ctx context.Context, o pipeline.Outlet, until map[int64]time.Time) error {
	if len(until) == 0 {
		return nil
	}
	var ids []int64
	var times []*time.Time
	for id, t := range until {
		ids = append(ids, id)
		if t.IsZero() {
			times = append(times, nil)
		} else {
			times = append(times, &t)
		}
	}
	_, err := s.pool.Exec(ctx, "UPDATE "+s.table(o)+` AS l SET due_at = coalesce(u.at, 'infinity') FROM unnest($1::bigint[], $2::timestamptz[]) AS u(id, at)
		WHERE l.id = u.id AND l.status = 'open'`, ids, times)
	if err != nil {
		return failed("postpone letters", o, err)
	}
	return nil
}
