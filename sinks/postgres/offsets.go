package postgres

import (
	"context"
	"fmt"

	"cdcpipe/pipeline"
)

// Load returns the marks of those partitions that have one.
func (s *Sink) Load(ctx context.Context, ps []pipeline.Partition) (marks []pipeline.Mark, err error) {
	rows, err := s.pool.Query(ctx, "SELECT partition, \"offset\", epoch, log FROM "+quote(s.cfg.Schema)+"._cdc_offsets WHERE pipeline = $1 AND partition = ANY ($2)",
		s.pipeline, text(ps))
	if err != nil {
		return nil, judge(fmt.Errorf("load offsets: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var m pipeline.Mark
		var p string
		if err := rows.Scan(&p, &m.Offset, &m.Epoch, &m.Log); err != nil {
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

// Save keeps marks, except where another worker has saved one that this does not
// supersede.
func (s *Sink) Save(ctx context.Context, marks []pipeline.Mark) error {
	n := len(marks)
	ps, offsets, epochs, logs := make([]string, n), make([]int64, n), make([]int32, n), make([]string, n)
	for i, m := range marks {
		ps[i], offsets[i], epochs[i], logs[i] = string(m.Partition), m.Offset, m.Epoch, m.Log
	}
	// The condition is that of [pipeline.Mark.Supersedes].
	_, err := s.pool.Exec(ctx, "INSERT INTO "+quote(s.cfg.Schema)+`._cdc_offsets AS o (pipeline, partition, "offset", epoch, log)
		SELECT $1, v.* FROM unnest($2::text[], $3::bigint[], $4::int[], $5::text[]) AS v ORDER BY 2
		ON CONFLICT (pipeline, partition) DO UPDATE SET "offset" = EXCLUDED."offset", epoch = EXCLUDED.epoch, log = EXCLUDED.log, updated_at = now()
		WHERE CASE WHEN EXCLUDED.log <> o.log THEN true
			WHEN EXCLUDED.epoch <> o.epoch AND EXCLUDED.epoch >= 0 AND o.epoch >= 0 THEN EXCLUDED.epoch > o.epoch
			ELSE EXCLUDED."offset" > o."offset" END`, s.pipeline, ps, offsets, epochs, logs)
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

// Forget deletes the marks of those of the pipeline's partitions whose names begin
// with one of prefixes. It may be called before Open, but not while the pipeline
// runs.
func (s *Sink) Forget(ctx context.Context, prefixes ...string) error {
	pool, err := connect(ctx, s.cfg, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, "DELETE FROM "+quote(s.cfg.Schema)+"._cdc_offsets WHERE pipeline = $1 AND EXISTS (SELECT FROM unnest($2::text[]) AS p WHERE starts_with(partition, p))",
		s.pipeline, prefixes)
	if err != nil && !undefined(err) { // else nothing ran yet
		return judge(fmt.Errorf("forget offsets: %w", err))
	}
	return nil
}
