package cassandra

import (
	"strings"

	"cdcpipe/pipeline/cdc"
)

// A plan is how one version of a table is read: the columns of its SELECT and the
// text of each statement. The driver keeps a prepared statement for each text.
//
// A tuple c is selected as the list [c] and bound as the list of IN: the driver
// takes the tuples of columns and parameters apart, and then neither null nor a
// tuple that is shorter than its type can be told.
type plan struct {
	table   *cdc.Table
	outputs []output // key columns first, then the others with their times
	statics []output // partition key columns, then the static ones

	rows     string   // of many rows of a partition; empty without clustering columns
	prefixes []string // by number of clustering values, none to all
	static   string   // of a partition's static values; empty if it can have none
	tokens   string
}

// An output is one column of a SELECT.
type output struct {
	column int // position in [cdc.Table.Columns]
	part   part
}

// A part is what is read of a column.
type part uint8

const (
	value part = iota
	writeTime
	ttl
)

// newPlan returns the plan for t. Before 5.0 Cassandra does not tell write times
// and TTLs of a collection or UDT that is not frozen: elements says whether it does.
func newPlan(t *cdc.Table, elements bool) *plan {
	p := &plan{table: t}
	for i := range t.Columns {
		out := []output{{i, value}}
		if i >= t.Key && (elements || !t.Columns[i].Type.Multicell()) {
			out = append(out, output{i, writeTime}, output{i, ttl})
		}
		p.outputs = append(p.outputs, out...)
		if i < t.Partition || i >= t.Key && i < t.Key+t.Statics {
			p.statics = append(p.statics, out...)
		}
	}
	from := " FROM " + t.String() + " WHERE "
	sel := "SELECT " + p.list(p.outputs) + from
	where := p.equal(t.Columns[:t.Partition])
	p.prefixes = []string{sel + where}
	for n := t.Partition; n < t.Key; n++ {
		p.prefixes = append(p.prefixes, sel+where+" AND "+p.equal(t.Columns[t.Partition:n+1]))
	}
	token := "token(" + names(t.Columns[:t.Partition]) + ")"
	p.tokens = sel + token + " > ? AND " + token + " <= ?"
	if t.Clustered() {
		clustering := names(t.Columns[t.Partition:t.Key])
		if t.Key-t.Partition > 1 {
			clustering = "(" + clustering + ")"
		}
		p.rows = sel + where + " AND " + clustering + " IN ?"
	}
	if t.Statics > 0 {
		p.static = "SELECT DISTINCT " + p.list(p.statics) + from + where
	}
	return p
}

func (p *plan) list(outputs []output) string {
	var b strings.Builder
	for i, o := range outputs {
		if i > 0 {
			b.WriteString(", ")
		}
		name := cdc.QuoteIdent(p.table.Columns[o.column].Name)
		switch {
		case o.part == writeTime:
			b.WriteString("writetime(" + name + ")")
		case o.part == ttl:
			b.WriteString("ttl(" + name + ")")
		case p.wrapped(o.column):
			b.WriteString("[" + name + "]")
		default:
			b.WriteString(name)
		}
	}
	return b.String()
}

// wrapped reports whether a column is read and bound within a list.
func (p *plan) wrapped(column int) bool { return p.table.Columns[column].Type.Kind == cdc.Tuple }

func (p *plan) equal(columns []cdc.Column) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.WriteString(cdc.QuoteIdent(c.Name))
		if c.Type.Kind == cdc.Tuple {
			b.WriteString(" IN ?")
		} else {
			b.WriteString(" = ?")
		}
	}
	return b.String()
}

func names(columns []cdc.Column) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(cdc.QuoteIdent(c.Name))
	}
	return b.String()
}
