package postgres

import (
	"fmt"
	"strings"
)

// stampColumns lists what the audit reads of a row: its key, then time of the
// deletion, time and class of the marker, and of every regular column time, class
// and whether there is a value.
func (l *layout) stampColumns() []string {
	cols := l.rowKey()
	for _, s := range []string{deletedSuffix, timeSuffix, classSuffix} {
		cols = append(cols, quote(s))
	}
	for _, c := range l.regular() {
		cols = append(cols, quote(suffixed(c.Name, timeSuffix)), quote(suffixed(c.Name, classSuffix)))
	}
	return cols
}

// returning makes a merge of rows return the rows that it wrote.
func (l *layout) returning(s statement) statement {
	return newStatement(s.sql+" RETURNING "+qualify(l.stampColumns()), s.types)
}

// readStamps reads rows that a merge left as they were. It takes the key columns
// as [layout.rowKey] names them.
func (l *layout) readStamps() statement {
	var u unnested
	var on []string
	for _, k := range l.rowKey() {
		on = append(on, fmt.Sprintf("t.%s = %s", k, u.take(l.keyType(k))))
	}
	return newStatement(fmt.Sprintf("SELECT %s FROM %s JOIN %s AS t ON %s", qualify(l.stampColumns()), u.sql(), l.base.sql(), strings.Join(on, " AND ")), u.types)
}

// keyType returns the type of one of the columns of [layout.rowKey].
func (l *layout) keyType(name string) *pgType {
	for i := range l.columns[:l.table.Key] {
		if c := &l.columns[i]; quote(c.Name) == name && !c.raw {
			return c.to
		}
	}
	return &pgBytea
}
