//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// fenceTable has a row for every time that a test waited.
const fenceTable = "CREATE TABLE never.fence (id int PRIMARY KEY, v text) WITH cdc = true"

// settle waits until everything that was written to Cassandra so far has become
// what it will be in PostgreSQL: a row written now is there, as the agent reads the
// commit log in order, and the offsets on record are the ends of all topics.
func (l *lab) settle(ctx context.Context, atMost time.Duration) error {
	l.mu.Lock()
	l.fences++
	id := l.fences
	l.mu.Unlock()
	if l.stuck.Load() {
		return errors.New("events come no more: see the first failure")
	}
	begun := time.Now()
	if err := l.exec(ctx, "INSERT INTO never.fence (id, v) VALUES (?, 'x')", id); err != nil {
		return err
	}
	err := until(ctx, atMost, func() (bool, error) {
		if err := l.pipe.running(); err != nil {
			return false, err
		}
		var n int
		err := l.pg.QueryRow(ctx, "SELECT count(*) FROM never.fence WHERE id = $1", id).Scan(&n)
		return n == 1, err
	})
	if err != nil {
		l.stuck.Store(true)
		return fmt.Errorf("row %d of the fence: %w\nagent:\n%s\npipeline:\n%s", id, err, tail(l.Component("agent").LogFile(), 15), tail(l.pipe.log, 15))
	}
	return l.drained(ctx, atMost-time.Since(begun))
}

// drained waits until the offsets on record are the ends of the topics.
func (l *lab) drained(ctx context.Context, atMost time.Duration) error {
	ends, err := l.ends(ctx)
	if err != nil {
		return err
	}
	var behind []string
	err = until(ctx, max(atMost, time.Second), func() (bool, error) {
		done, err := l.saved(ctx)
		if err != nil {
			return false, err
		}
		behind = nil
		for p, end := range ends {
			if last, ok := done[p]; !ok || last+1 < end {
				behind = append(behind, fmt.Sprintf("%s: %d, end %d", p, last, end))
			}
		}
		return len(behind) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("behind: %s: %w\npipeline:\n%s", strings.Join(behind, ", "), err, tail(l.pipe.log, 15))
	}
	return nil
}

// ends returns the ends of the topics that the pipeline reads, by partition.
func (l *lab) ends(ctx context.Context) (map[string]int64, error) {
	offsets, err := l.kafka.ListEndOffsets(ctx)
	if err != nil {
		return nil, err
	}
	ends := map[string]int64{}
	for topic, parts := range offsets {
		if !strings.HasPrefix(topic, "cdc.") || strings.HasPrefix(topic, "cdc."+broken+".") {
			continue
		}
		for p, o := range parts {
			if o.Err == nil && o.Offset > 0 {
				ends[fmt.Sprintf("%s/%d", topic, p)] = o.Offset
			}
		}
	}
	return ends, nil
}

// saved returns the last offsets on record.
func (l *lab) saved(ctx context.Context) (map[string]int64, error) {
	rows, err := l.pg.Query(ctx, `SELECT partition, "offset" FROM cdcpipe._cdc_offsets WHERE pipeline = $1`, l.pipe.name) //nolint:rowserrcheck // ForEachRow does
	if err != nil {
		return nil, err
	}
	done := map[string]int64{}
	var p string
	var o int64
	_, err = pgx.ForEachRow(rows, []any{&p, &o}, func() error {
		done[p] = o
		return nil
	})
	return done, err
}
