package postgres

import (
	"context"
	"fmt"

	"cdcpipe/pipeline"
)

// Load returns the marks of those partitions that have one.
func (s *Sink) Load(ctx context.Context, ps []pipeline.Partition) (marks []pipeline.Mark, err error) {
	rows, err := s.pool.Query(ctx, "SELECT partition, \"offset\", token FROM "+quote(s.cfg.Schema)+"._cdc_offsets WHERE pipeline = $1 AND partition = ANY ($2)",
		s.pipeline, text(ps))
	if err != nil {
		return nil, judge(fmt.Errorf("load offsets: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var m pipeline.Mark
		var p string
		if err := rows.Scan(&p, &m.Offset, &m.Token); err != nil {
			return nil, judge(fmt.Errorf("load offsets: %w", err))
		}
		m.Partition = pipeline.Partition(p)
		marks = append(marks, m)
	}
	if err := rows.Err(); err != nil {
		return nil, judge(fmt.Errorf("load offsets: %w", err))
	}
	return marks, nil
}

// Save keeps marks, and the greater where another worker has saved one.
func (s *Sink) Save(ctx context.Context, marks []pipeline.Mark) error {
	ps, offsets, tokens := make([]pipeline.Partition, len(marks)), make([]int64, len(marks)), make([]string, len(marks))
	for i, m := range marks {
		ps[i], offsets[i], tokens[i] = m.Partition, m.Offset, m.Token
	}
	_, err := s.pool.Exec(ctx, "INSERT INTO "+quote(s.cfg.Schema)+`._cdc_offsets AS o (pipeline, partition, "offset", token)
		SELECT $1, v.p, v.o, v.t FROM unnest($2::text[], $3::bigint[], $4::text[]) AS v(p, o, t) ORDER BY v.p
		ON CONFLICT (pipeline, partition) DO UPDATE SET "offset" = EXCLUDED."offset", token = EXCLUDED.token, updated_at = now()
		WHERE EXCLUDED."offset" > o."offset"`, s.pipeline, text(ps), offsets, tokens)
	if err != nil {
		return judge(fmt.Errorf("save offsets: %w", err))
	}
	return nil
}

func text(ps []pipeline.Partition) []string {
	s := make([]string, len(ps))
	for i, p := range ps {
		s[i] = string(p)
	}
	return s
}
