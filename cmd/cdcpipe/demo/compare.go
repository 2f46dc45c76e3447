package demo

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sources/generator"
)

// A Mismatch is a row in which the replica differs from the oracle.
type Mismatch struct {
	Table, Key string
	Got, Want  string // the whole row; "no row" where there is none
}

// A Comparison is what [Compare] found.
type Comparison struct {
	Rows       int // that the oracle has
	Mismatches int
	First      []Mismatch // some of them
}

// shownMismatches bounds [Comparison.First].
const shownMismatches = 20

// Compare holds every row of every view against the oracle, value by value.
func Compare(ctx context.Context, dsn string, g *generator.Generator, o *generator.Oracle) (c Comparison, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return c, fmt.Errorf("compare: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const session = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1"
	if _, err := conn.Exec(ctx, session, pgx.QueryExecModeSimpleProtocol); err != nil {
		return c, fmt.Errorf("compare: %w", err)
	}
	for _, t := range g.Tables() {
		if err := c.table(ctx, conn, t, o); err != nil {
			return c, fmt.Errorf("compare %s: %w", t, err)
		}
	}
	return c, nil
}

// table compares one table. Rows are told apart by hashes, so that the memory
// taken does not depend on their size; those that differ are read again.
func (c *Comparison) table(ctx context.Context, conn *pgx.Conn, t *cdc.Table, o *generator.Oracle) error {
	seed, now := maphash.MakeSeed(), time.Now()
	got := map[uint64]uint64{}
	err := read(ctx, conn, t, func(r generator.Row) {
		got[maphash.String(seed, r.Key(t))] = maphash.String(seed, text(t, r))
	})
	if err != nil {
		return err
	}
	differ := map[uint64]string{} // what the oracle has
	for key, r := range o.Rows(t, now) {
		c.Rows++
		k, row := maphash.String(seed, key), text(t, r)
		if h, ok := got[k]; !ok || h != maphash.String(seed, row) {
			differ[k] = row
		}
		delete(got, k)
	}
	for k := range got {
		differ[k] = "no row"
	}
	c.Mismatches += len(differ)
	if len(differ) == 0 || len(c.First) >= shownMismatches {
		return nil
	}
	found := map[uint64]string{}
	keys := map[uint64]string{}
	err = read(ctx, conn, t, func(r generator.Row) {
		if k := maphash.String(seed, r.Key(t)); differ[k] != "" {
			found[k], keys[k] = text(t, r), r.Key(t)
		}
	})
	for k, want := range differ {
		m := Mismatch{Table: t.String(), Key: keys[k], Got: found[k], Want: want}
		if m.Got == "" {
			m.Got = "no row"
		}
		c.First = append(c.First, m)
	}
	slices.SortFunc(c.First, func(a, b Mismatch) int { return cmp.Compare(a.Want, b.Want) })
	c.First = c.First[:min(len(c.First), shownMismatches)]
	return err
}

// read yields the rows of a view as PostgreSQL prints them. The row is reused.
func read(ctx context.Context, conn *pgx.Conn, t *cdc.Table, yield func(generator.Row)) error {
	var columns []string
	for _, c := range t.Columns {
		columns = append(columns, pgx.Identifier{c.Name}.Sanitize()+"::text")
	}
	rows, err := conn.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+pgx.Identifier{t.Keyspace, t.Name}.Sanitize(), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	defer rows.Close()
	r := generator.Row{}
	for rows.Next() {
		clear(r)
		for i, v := range rows.RawValues() {
			if v != nil {
				r[t.Columns[i].Name] = string(v)
			}
		}
		yield(r)
	}
	return rows.Err()
}

// text writes a row in the order of its table's columns.
func text(t *cdc.Table, r generator.Row) string {
	var b strings.Builder
	for _, c := range t.Columns {
		v, ok := r[c.Name]
		if !ok {
			v = "∅"
		}
		fmt.Fprintf(&b, "%s=%q ", c.Name, v)
	}
	return b.String()
}
