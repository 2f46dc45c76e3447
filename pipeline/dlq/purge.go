package dlq

import (
	"context"
	"fmt"
	"time"
)

// purgeStep is how many letters a statement removes, so that none holds locks for
// long.
const purgeStep = 1000

// Purge removes the letters that f names, at most f.Limit if that is not 0, and
// returns how many. The audit keeps who removed them. It needs the right DELETE.
func (s *Store) Purge(ctx context.Context, f Filter, actor string) (n int64, err error) {
	where, args := f.where()
	return s.purge(ctx, f, where, args, actor)
}

// Expire purges what was dealt with before a time: letters that are open stay,
// however old.
func (s *Store) Expire(ctx context.Context, f Filter, before time.Time, actor string) (n int64, err error) {
	where, args := f.expired(before)
	return s.purge(ctx, f, where, args, actor)
}

func (f Filter) expired(before time.Time) (sql string, args []any) {
	sql, args = f.where()
	args = append(args, before)
	return fmt.Sprintf("%s AND l.status <> 'open' AND l.status_at < $%d", sql, len(args)), args
}

func (s *Store) purge(ctx context.Context, f Filter, where string, args []any, actor string) (n int64, err error) {
	t, o := s.table(f.outlet()), f.outlet()
	at := len(args)
	for {
		step := int64(purgeStep)
		if f.Limit > 0 {
			step = min(step, int64(f.Limit)-n)
		}
		if step <= 0 {
			return n, nil
		}
		tag, err := s.pool.Exec(ctx, fmt.Sprintf(`WITH gone AS (
				DELETE FROM %s AS l USING (SELECT id FROM %s AS l WHERE %s ORDER BY id LIMIT $%d FOR UPDATE SKIP LOCKED) AS few WHERE l.id = few.id
				RETURNING l.id, l.pipeline, l.topic, l.partition, l."offset", l.code, l.status
			)
			INSERT INTO %s (actor, action, letters, letter_id, pipeline, topic, partition, "offset", code, was) SELECT $%d, 'purge', $%d, * FROM gone`,
			t, t, where, at+1, s.audit(), at+2, at+3), append(args[:at:at], step, actor, tableName(o))...)
		if err != nil {
			return n, failed("purge letters", o, err)
		}
		if n += tag.RowsAffected(); tag.RowsAffected() < step {
			return n, nil
		}
	}
}
