package dlq

import (
	"context"
	"encoding/json"
	"fmt"

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
}

// Mark changes the state of letters, and notes in the audit who did so and what. It is
// all or nothing. What is no more in the table is left out.
func (s *Store) Mark(ctx context.Context, o pipeline.Outlet, actor, action string, cs ...Change) error {
	if len(cs) == 0 {
		return nil
	}
	n := len(cs)
	ids, states, notes, details := make([]int64, n), make([]string, n), make([]*string, n), make([]string, n)
	sent, values := make([]int32, n), make([][]byte, n)
	for i, c := range cs {
		ids[i], states[i], values[i], details[i] = c.ID, string(c.State), c.Value, "{}"
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
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `WITH c AS (
				SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::bytea[], $6::jsonb[]) AS c(id, state, note, sent, value, detail)
			), was AS (
				SELECT l.id, l.status FROM `+t+` AS l JOIN c USING (id) ORDER BY l.id FOR UPDATE OF l
			), is_now AS (
				UPDATE `+t+` AS l SET status = c.state, status_at = now(), status_by = $7, note = coalesce(c.note, l.note), due_at = CASE c.state WHEN 'open' THEN l.due_at ELSE 'infinity' END,
					corrected = coalesce(c.value, l.corrected), resubmissions = l.resubmissions + c.sent
				FROM c JOIN was USING (id) WHERE l.id = c.id
				RETURNING l.id, l.pipeline, l.topic, l.partition, l."offset", l.code, was.status, l.status AS became, c.detail
			)
			INSERT INTO `+s.audit()+` (actor, action, letters, letter_id, pipeline, topic, partition, "offset", code, was, became, detail)
			SELECT $7, $8, $9, * FROM is_now`,
			ids, states, notes, sent, values, details, actor, action, tableName(o))
		return err
	})
	if err != nil {
		return failed(action+" letters", o, err)
	}
	return nil
}
