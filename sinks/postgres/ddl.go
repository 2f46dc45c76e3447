package postgres

import (
	"fmt"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// createTables returns the statements that make the tables of l. Room in each
// page lets updates stay in it (heap-only tuples).
func (l *layout) createTables() []string {
	var cols []string
	for i := range l.columns {
		if c := &l.columns[i]; c.Role != cdc.Static {
			cols = append(cols, c.define()...)
		}
	}
	if l.table.Clustered() {
		cols = append(cols, quote(orderSuffix)+" bytea NOT NULL")
	}
	for _, s := range []string{timeSuffix, classSuffix, deletedSuffix} {
		cols = append(cols, quote(s)+" bigint")
	}
	cols = append(cols, fmt.Sprintf("PRIMARY KEY (%s)", strings.Join(l.rowKey(), ", ")))
	stmts := []string{fmt.Sprintf("CREATE TABLE %s (%s) WITH (fillfactor = 85)", l.base.sql(), strings.Join(cols, ", "))}
	if !l.table.Clustered() {
		return stmts
	}
	var key, part []string
	for i := range l.partition() {
		key = append(key, l.columns[i].define()...)
	}
	part = append(part, key...)
	for i := range l.statics() {
		part = append(part, l.statics()[i].define()...)
	}
	pk := strings.Join(l.partitionKey(), ", ")
	return append(stmts,
		fmt.Sprintf("CREATE TABLE %s (%s, %s bigint, PRIMARY KEY (%s))", l.part.sql(), strings.Join(part, ", "), quote(deletedSuffix), pk),
		fmt.Sprintf("CREATE TABLE %s (%s, lo bytea NOT NULL, hi bytea NOT NULL, %s bigint NOT NULL, PRIMARY KEY (%s, lo, hi))",
			l.ranges.sql(), strings.Join(key, ", "), quote(deletedSuffix), pk),
	)
}

// addColumn returns the statement that adds c, which is not of the key.
func (l *layout) addColumn(c *column) string {
	to := l.base
	if c.Role == cdc.Static {
		to = l.part
	}
	var adds []string
	for _, d := range c.define() {
		adds = append(adds, "ADD COLUMN IF NOT EXISTS "+d)
	}
	return fmt.Sprintf("ALTER TABLE %s %s", to.sql(), strings.Join(adds, ", "))
}

// define returns the definitions of c and its shadow columns. A key column is
// never NULL unless it has the empty value, which then its bytes tell.
func (c *column) define() []string {
	if c.Role <= cdc.Clustering {
		defs := []string{quote(c.Name) + " " + c.to.name}
		if c.raw {
			defs = append(defs, quote(suffixed(c.Name, rawSuffix))+" bytea NOT NULL")
		}
		return defs
	}
	defs := []string{
		quote(c.Name) + " " + c.to.name,
		quote(suffixed(c.Name, timeSuffix)) + " bigint",
		quote(suffixed(c.Name, classSuffix)) + " bigint",
	}
	if c.raw {
		defs = append(defs, quote(suffixed(c.Name, rawSuffix))+" bytea")
	}
	if c.origin {
		defs = append(defs, quote(suffixed(c.Name, originSuffix))+" bigint")
	}
	return defs
}
