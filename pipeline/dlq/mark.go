package dlq

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
)

// A Change is what is done with a letter.
type Change struct {
	ID     int64
	State  State  // that it has from now on
	Note   string // why; empty leaves the one that it has
	Sent   bool   // it was resubmitted once more
	Value  []byte // with this value instead of its own; nil if with that
	Detail any    // what the audit says besides, as a JSON object; may be nil
	If     State  // only if it has this state until then; empty for any
}

// Mark changes the state of letters, and notes in the audit who did so and what. It is
// all or nothing. What is no more in the table, or has another state than it is to
// have, is left out.
func (s *Store) Mark(ctx context.Context, o pipeline.Outlet, actor, action string, cs ...Change) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.mark(ctx, tx, o, actor, action, cs...) })
	if err != nil {
		return failed(action+" letters", o, err)
	}
	return nil
}

func (s *Store) mark(ctx context.Context, tx pgx.Tx, o pipeline.Outlet, actor, action string, cs ...Change) error {
	if len(cs) == 0 {
		return nil
	}
	n := len(cs)
	ids, states, conditions, notes, details := make([]int64, n), make([]string, n), make([]string, n), make([]*string, n), make([]string, n)
	sent, values := make([]int32, n), make([][]byte, n)
	for i, c := range cs {
		ids[i], states[i], conditions[i], values[i], details[i] = c.ID, string(c.State), string(c.If), c.Value, "{}"
		if c.Note != "" {
			notes[i] = &cs[i].Note
		}
		if c.Sent {
			sent[i] = 1
		}
		if c.Detail != nil {
			b, err := json.Marshal(c.Detail)
			if err != nil {
				return fmt.Errorf("write the audit's detail as JSON: %w", err)
			}
			details[i] = string(b)
		}
	}
	t := s.table(o)
	_, err := tx.Exec(ctx, `WITH c AS (
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::bytea[], $6::jsonb[], $7::text[]) AS c(id, state, note, sent, value, detail, only_if)
		), was AS (
			SELECT l.id, l.status FROM `+t+` AS l JOIN c USING (id) WHERE c.only_if IN ('', l.status) ORDER BY l.id FOR UPDATE OF l
		), is_now AS (
			UPDATE `+t+` AS l SET status = c.state, status_at = now(), status_by = $8, note = coalesce(c.note, l.note), due_at = CASE c.state WHEN 'open' THEN l.due_at ELSE 'infinity' END,
				corrected = coalesce(c.value, l.corrected), resubmissions = l.resubmissions + c.sent
			FROM c JOIN was USING (id) WHERE l.id = c.id
			RETURNING l.id, l.pipeline, l.topic, l.partition, l."offset", l.code, was.status, l.status AS became, c.detail
		)
		INSERT INTO `+s.audit()+` (actor, action, letters, letter_id, pipeline, topic, partition, "offset", code, was, became, detail)
		SELECT $8, $9, $10, * FROM is_now`,
		ids, states, notes, sent, values, details, conditions, actor, action, tableName(o))
	return err
}

// hold locks letters until tx ends, and returns those of them that are as they were
// when they were read. The others were dealt with since, or somebody holds them.
func (s *Store) hold(ctx context.Context, tx pgx.Tx, o pipeline.Outlet, ls []*Letter) (map[int64]bool, error) {
	ids, states, since := make([]int64, len(ls)), make([]string, len(ls)), make([]*time.Time, len(ls))
	for i, l := range ls {
		ids[i], states[i] = l.ID, string(l.State)
		if !l.StateAt.IsZero() {
			since[i] = &l.StateAt
		}
	}
	rows, err := tx.Query(ctx, `SELECT l.id FROM `+s.table(o)+` AS l JOIN unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS c(id, state, since) USING (id)
		WHERE l.status = c.state AND l.status_at IS NOT DISTINCT FROM c.since ORDER BY l.id FOR UPDATE OF l SKIP LOCKED`, ids, states, since)
	if err != nil {
		return nil, err
	}
	same, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	held := make(map[int64]bool, len(same))
	for _, id := range same {
		held[id] = true
	}
	return held, err
}
