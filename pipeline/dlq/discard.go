package dlq

import (
	"context"
	"fmt"
	"strings"

	"cdcpipe/pipeline/fault"
)

// discardStep is how many letters a statement changes, so that none holds locks for
// long.
const discardStep = 1000

// Discard makes the letters that f names discarded, at most f.Limit of them if that is
// not 0, and returns how many. The reason is required, and stands as the letter's note
// and in the audit. From then on nothing sends them but a [Resubmitter] that is told
// to; they are purged as what was dealt with. Those that are being sent it waits for.
func (s *Store) Discard(ctx context.Context, f Filter, actor, reason string) (n int64, err error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return 0, fault.New(fault.ConfigUsage, "discard letters: say why, by a reason")
	}
	return s.decide(ctx, f, decision{actor, "discard", Discarded, reason, reason, "l.status <> 'discarded'"})
}

// Discardable counts what [Store.Discard] would change.
func (s *Store) Discardable(ctx context.Context, f Filter) (int64, error) {
	where, args := f.where()
	return s.matching(ctx, f, where+" AND l.status <> 'discarded'", args)
}

// Restore undoes [Store.Discard]: of the letters that f names those that are discarded
// are open again, and due.
func (s *Store) Restore(ctx context.Context, f Filter, actor, reason string) (n int64, err error) {
	reason = strings.TrimSpace(reason)
	return s.decide(ctx, f, decision{actor, "restore", Open, strings.TrimSuffix("it was discarded, which was undone: "+reason, ": "), reason, "l.status = 'discarded'"})
}

// Restorable counts what [Store.Restore] would change.
func (s *Store) Restorable(ctx context.Context, f Filter) (int64, error) {
	where, args := f.where()
	return s.matching(ctx, f, where+" AND l.status = 'discarded'", args)
}

// A decision is what somebody decided about letters, without sending any.
type decision struct {
	actor, action string
	state         State
	note, reason  string
	only          string // SQL: the condition of those that it changes; after it they do not meet it
}

func (s *Store) decide(ctx context.Context, f Filter, d decision) (n int64, err error) {
	where, args := f.where()
	t, o, at := s.table(f.outlet()), f.outlet(), len(args)
	for {
		step := int64(discardStep)
		if f.Limit > 0 {
			step = min(step, int64(f.Limit)-n)
		}
		if step <= 0 {
			return n, nil
		}
		tag, err := s.pool.Exec(ctx, fmt.Sprintf(`WITH was AS (
				SELECT l.id, l.status FROM %[1]s AS l WHERE %[2]s AND %[3]s ORDER BY l.id LIMIT $%[4]d FOR UPDATE
			), is_now AS (
				UPDATE %[1]s AS l SET status = $%[5]d, status_at = now(), status_by = $%[6]d, note = $%[7]d, due_at = CASE $%[5]d WHEN 'open' THEN now() ELSE 'infinity' END
				FROM was WHERE l.id = was.id
				RETURNING l.id, l.pipeline, l.topic, l.partition, l."offset", l.code, was.status, l.status AS became
			)
			INSERT INTO %[8]s (actor, action, letters, letter_id, pipeline, topic, partition, "offset", code, was, became, detail)
			SELECT $%[6]d, $%[9]d, $%[10]d, *, jsonb_strip_nulls(jsonb_build_object('reason', nullif($%[11]d, ''))) FROM is_now`,
			t, where, d.only, at+1, at+2, at+3, at+4, s.audit(), at+5, at+6, at+7),
			append(args[:at:at], step, string(d.state), d.actor, d.note, d.action, tableName(o), d.reason)...)
		if err != nil {
			return n, failed(d.action+" letters", o, err)
		}
		if tag.RowsAffected() == 0 {
			return n, nil
		}
		n += tag.RowsAffected()
	}
}
