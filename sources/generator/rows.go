package generator

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"cdcpipe/pipeline/cdc"
)

// A Row is a row that shows: for each column that is not null, its name and what
// PostgreSQL makes of column::text in a session with TimeZone UTC, DateStyle ISO,
// IntervalStyle postgres, bytea_output hex and extra_float_digits 1. The types are
// int2 for tinyint, numeric for varint and decimal, uuid for timeuuid, timestamptz
// for timestamp, interval for duration, bytea for blob, jsonb for what nests, and
// else those of Cassandra's name. A duration has only a time part.
type Row map[string]string

// Key returns the primary key of a row of t. Rows have the same if, and only
// if, their key columns are equal.
func (r Row) Key(t *cdc.Table) string {
	var b []byte
	for _, c := range t.Columns[:t.Key] {
		v := r[c.Name]
		b = append(strconv.AppendInt(b, int64(len(v)), 10), ' ')
		b = append(b, v...)
	}
	return string(b)
}

// Tables returns the definitions of the tables of [Schema].
func (g *Generator) Tables() []*cdc.Table {
	var ts []*cdc.Table
	for _, t := range g.tables {
		ts = append(ts, t.def)
	}
	return ts
}

// Rows returns the rows of a table that Cassandra shows at a time, by their
// [Row.Key]. The row is reused for the next. Rows panics if the table is not of
// [Schema].
func (o *Oracle) Rows(t *cdc.Table, now time.Time) iter.Seq2[string, Row] {
	h := o.history(t)
	second := now.Unix()
	return func(yield func(string, Row) bool) {
		out := Row{}
		for _, key := range slices.Sorted(maps.Keys(h.rows)) {
			if clear(out); !h.show(key, second, out) {
				continue
			}
			if !yield(out.Key(t), out) {
				return
			}
		}
	}
}

func (o *Oracle) history(t *cdc.Table) *history {
	for _, h := range o.histories {
		if h.table.def.String() == t.String() {
			return h
		}
	}
	panic(fmt.Sprintf("generator: Schema has no table %s", t))
}

// show sets out to the row with that key and reports whether it shows: whether its
// marker does, or any of its cells (db/rows/Row.hasLiveData).
func (h *history) show(key uint64, second int64, out Row) bool {
	r, number, at := h.rows[key], uint32(key>>32), uint32(key)
	deleted := max(r.deleted, h.partitions[number].covering(at))
	shows := r.marker.shows(deleted, second)
	columns := h.table.def.Columns[h.table.def.Key:]
	for i, f := range r.cells {
		if f.shows(deleted, second) {
			shows = true
			out[columns[i].Name] = h.table.regular[i].pool[f.value].text
		}
	}
	if !shows {
		return false
	}
	columns = h.table.def.Columns
	for i := range h.table.partition {
		out[columns[i].Name] = string(h.table.partition[i].appendText(nil, number))
	}
	n := h.table.rows
	for i := range h.table.clustering {
		out[columns[h.table.def.Partition+i].Name] = h.table.clustering[i].at(at, &n).text
	}
	return true
}
