//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/cdc"
)

// A row is what one side has of a row: its cells by the names of columns. What is
// null has none.
type row map[string]cell

// A cell is a value, in a form of its own (see canonical), with its write time and the
// second at which it expires: unknown and cdc.Live if there are none.
type cell struct {
	value         string
	time, expires int64
}

const unknown = cdc.NoTime

// truth returns what Cassandra answers of a table, by key.
func (l *lab) truth(ctx context.Context, t *cdc.Table) (map[string]row, error) {
	rows := map[string]row{}
	err := l.reader.ReadTokens(ctx, t, math.MinInt64, math.MaxInt64, func(r cdc.Reading) error {
		key := make([]string, t.Key)
		for i := range key {
			key[i] = null
			if i < len(r.Key) {
				key[i] = valueOf(t.Columns[i].Type, r.Key[i])
			}
		}
		out := row{}
		for _, x := range r.Cells {
			c := t.Columns[x.Column]
			out[c.Name] = cell{valueOf(c.Type, x.Value), x.Time, x.Class}
		}
		rows[strings.Join(key, "/")] = out
		return nil
	})
	return rows, err
}

// null stands for a clustering value where a partition has no row.
const null = "(null)"

// replica returns what the replica's view shows of a table, by key, with the write
// times and expiries that stand behind it.
func (l *lab) replica(ctx context.Context, t *cdc.Table) (map[string]row, error) {
	tx, err := l.pg.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	if _, err := tx.Exec(ctx, "SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"); err != nil {
		return nil, err
	}
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", ident(t.Keyspace, t.Name)).Scan(&exists); err != nil || !exists {
		return nil, err // no event has come
	}
	var all []string
	for _, c := range t.Columns {
		all = append(all, c.Name)
	}
	rows := map[string]row{}
	parts := map[string][]row{}
	err = texts(ctx, tx, ident(t.Keyspace, t.Name), all, func(v []*string) error {
		r := row{}
		for i, c := range t.Columns[t.Key:] {
			if x := v[t.Key+i]; x != nil {
				r[c.Name] = cell{canonical(c.Type, *x), unknown, cdc.Live}
			}
		}
		key := keyOf(t, v[:t.Key])
		if rows[key] != nil {
			return fmt.Errorf("%s: row %s twice", t, key)
		}
		rows[key] = r
		part := keyOf(t, v[:t.Partition])
		parts[part] = append(parts[part], r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	regular := t.Columns[t.Key+t.Statics:]
	err = shadows(ctx, tx, ident(t.Keyspace+"__cdc", t.Name+"__base"), t.Columns[:t.Key], regular, func(v []*string, of func(row)) {
		if r := rows[keyOf(t, v)]; r != nil {
			of(r)
		}
	})
	if err != nil || t.Statics == 0 {
		return rows, err
	}
	return rows, shadows(ctx, tx, ident(t.Keyspace+"__cdc", t.Name+"__part"), t.Columns[:t.Partition], t.Columns[t.Key:t.Key+t.Statics], func(v []*string, of func(row)) {
		for _, r := range parts[keyOf(t, v)] {
			of(r)
		}
	})
}

func keyOf(t *cdc.Table, v []*string) string {
	key := make([]string, len(v))
	for i, x := range v {
		key[i] = null
		if x != nil {
			key[i] = canonical(t.Columns[i].Type, *x)
		}
	}
	return strings.Join(key, "/")
}

// shadows reads the shadow columns of a table, and gives for each key what puts them
// into a row. The write time is $wt where there is one: it is Cassandra's, and $ts
// then is when it was read.
func shadows(ctx context.Context, tx pgx.Tx, relation string, key, cols []cdc.Column, yield func(key []*string, of func(row))) error {
	var names []string
	rows, err := tx.Query(ctx, "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", relation)
	if err != nil {
		return err
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, c := range key {
		names = append(names, c.Name)
	}
	for _, c := range cols {
		time := c.Name + "$ts"
		if slices.Contains(there, c.Name+"$wt") {
			time = c.Name + "$wt"
		}
		if !slices.Contains(there, time) {
			return fmt.Errorf("%s has no column %s", relation, time)
		}
		names = append(names, time, c.Name+"$x")
	}
	return texts(ctx, tx, relation, names, func(v []*string) error {
		var failed error
		yield(v[:len(key)], func(r row) {
			for i, c := range cols {
				x, shown := r[c.Name]
				if !shown {
					continue
				}
				for j, to := range []*int64{&x.time, &x.expires} {
					if s := v[len(key)+2*i+j]; s != nil {
						if _, err := fmt.Sscan(*s, to); err != nil {
							failed = err
						}
					}
				}
				r[c.Name] = x
			}
		})
		return failed
	})
}

// texts yields the text of columns of each row.
func texts(ctx context.Context, tx pgx.Tx, relation string, columns []string, yield func([]*string) error) error {
	var list []string
	for _, c := range columns {
		list = append(list, ident(c)+"::text")
	}
	rows, err := tx.Query(ctx, "SELECT ARRAY["+strings.Join(list, ", ")+"] FROM "+relation) //nolint:rowserrcheck // ForEachRow does
	if err != nil {
		return err
	}
	var v []*string
	_, err = pgx.ForEachRow(rows, []any{&v}, func() error { return yield(v) })
	return err
}

func ident(names ...string) string { return pgx.Identifier(names).Sanitize() }
