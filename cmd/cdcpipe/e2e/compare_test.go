//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"cdcpipe/pipeline/cdc"
)

// A difference is where the replica is not what Cassandra answers.
type difference struct {
	key  string // of the row, as keyOf writes it
	what string
}

// compare returns where the replica of a table differs. Rows that are about to
// expire may, until the deadline: the two sides are not read at the same moment.
func (l *lab) compare(ctx context.Context, t *cdc.Table, atMost time.Duration) (diffs []difference, rows int, err error) {
	end := time.Now().Add(atMost)
	for {
		got, err := l.replica(ctx, t)
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42703" && time.Now().Before(end) {
			// The agent's records of different topics may be there in any order, the fence's
			// before those that have a new column.
			select {
			case <-time.After(200 * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		if err != nil {
			return nil, 0, err
		}
		want, err := l.truth(ctx, t)
		if err != nil {
			return nil, 0, err
		}
		diffs = differences(t, got, want)
		if len(diffs) == 0 || time.Now().After(end) {
			return diffs, len(want), nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func differences(t *cdc.Table, got, want map[string]row) (diffs []difference) {
	keys := maps.Clone(got)
	maps.Copy(keys, want)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		g, w := got[key], want[key]
		switch {
		case g == nil:
			diffs = append(diffs, difference{key, fmt.Sprintf("row %s: missing, want %s", short(key), show(t, w))})
			continue
		case w == nil:
			diffs = append(diffs, difference{key, fmt.Sprintf("row %s: not in Cassandra, got %s", short(key), show(t, g))})
			continue
		}
		for _, c := range t.Columns[t.Key:] {
			x, y := g[c.Name], w[c.Name]
			_, shown := g[c.Name]
			_, there := w[c.Name]
			switch {
			case there && y.value == empty && !shown: // NULL for empty
			case shown != there || x.value != y.value:
				diffs = append(diffs, difference{key, fmt.Sprintf("row %s, column %s: got %s, want %s", short(key), c.Name, x.show(shown), y.show(there))})
			case there && (y.time != unknown && x.time != y.time || x.expires != y.expires):
				diffs = append(diffs, difference{key, fmt.Sprintf("row %s, column %s = %s: written at %d, expires at %d; want %d, %d",
					short(key), c.Name, short(x.value), x.time, x.expires, y.time, y.expires)})
			}
		}
	}
	return diffs
}

func (x cell) show(there bool) string {
	if !there {
		return "null"
	}
	return fmt.Sprintf("%s@%d/%d", short(x.value), x.time, x.expires)
}

func show(t *cdc.Table, r row) string {
	var parts []string
	for _, c := range t.Columns[t.Key:] {
		if x, ok := r[c.Name]; ok {
			parts = append(parts, c.Name+"="+x.show(true))
		}
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func short(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%s... (%d bytes)", s[:200], len(s))
	}
	return s
}

// letters returns what the pipeline has put aside of a table.
func (l *lab) letters(ctx context.Context, keyspace, table string) (all []string, err error) {
	for _, outlet := range []string{"dlq_archive", "validation_errors"} {
		var exists bool
		if err := l.pg.QueryRow(ctx, "SELECT to_regclass('cdcpipe."+outlet+"') IS NOT NULL").Scan(&exists); err != nil {
			return nil, err
		}
		if !exists {
			return nil, fmt.Errorf("there is no table cdcpipe.%s", outlet)
		}
		rows, err := l.pg.Query(ctx, "SELECT code || ': ' || detail || ' in ' || left(convert_from(value, 'UTF8'), 600) FROM cdcpipe."+outlet+" WHERE topic = $1 ORDER BY id", l.Topic(keyspace, table))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
