package dlq

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
	"cdcpipe/sinks/postgres"
)

// An Entry of the audit says who did what with a letter.
type Entry struct {
	At     time.Time       `json:"at"`
	Actor  string          `json:"actor"`
	Action string          `json:"action"`
	Was    State           `json:"was"`
	Became State           `json:"became,omitempty"` // empty if the letter was purged
	Detail json.RawMessage `json:"detail,omitempty"`
}

func (s *Store) audit() string { return s.cfg.Relation("letter_audit") }

func tableName(o pipeline.Outlet) string { return postgres.LetterTable(o) }

// History returns what the audit has of a letter, in order.
func (s *Store) History(ctx context.Context, o pipeline.Outlet, id int64) ([]Entry, error) {
	rows, err := s.pool.Query(ctx, "SELECT at, actor, action, was, coalesce(became, ''), detail FROM "+s.audit()+" WHERE letters = $1 AND letter_id = $2 ORDER BY id LIMIT 1000", tableName(o), id)
	if err != nil {
		return nil, failed("read the audit", o, err)
	}
	es, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		err = row.Scan(&e.At, &e.Actor, &e.Action, &e.Was, &e.Became, &e.Detail)
		if string(e.Detail) == "{}" {
			e.Detail = nil
		}
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", postgres.Judge(err))
	}
	return es, nil
}
