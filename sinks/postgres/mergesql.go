package postgres

import (
	"fmt"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// The statements below are the merge order of package cdc in SQL. They are
// generated from a table's definition alone: nothing of a change is ever SQL.
//
// A shadow class is NULL where the value implies it: a value without one is
// live, NULL without one is a tombstone. See [sqlClass].

// An unnested is a FROM item that yields a row per element of array parameters.
type unnested struct {
	casts []string
	types []*pgType
}

// take adds a parameter and returns the column that stands for it.
func (u *unnested) take(to *pgType) string {
	u.casts = append(u.casts, fmt.Sprintf("$%d::%s[]", len(u.casts)+1, to.name))
	u.types = append(u.types, to)
	return fmt.Sprintf("v.p%d", len(u.casts))
}

// sql returns the FROM item, named v.
func (u *unnested) sql() string {
	names := make([]string, len(u.casts))
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i+1)
	}
	return fmt.Sprintf("unnest(%s) AS v(%s)", strings.Join(u.casts, ", "), strings.Join(names, ", "))
}

// An upsert collects the columns of INSERT ... SELECT ... ON CONFLICT DO UPDATE
// into a table named t.
type upsert struct {
	unnested
	into, values []string // columns and what is inserted into them
	set, wins    []string // assignments, and conditions of which one must hold
}

func (u *upsert) add(column, value string) {
	u.into, u.values = append(u.into, column), append(u.values, value)
}

// key adds a key column, with its bytes where they identify it.
func (u *upsert) key(c *column) {
	u.add(quote(c.Name), u.take(c.to))
	if c.raw {
		u.add(quote(suffixed(c.Name, rawSuffix)), u.take(&pgBytea))
	}
}

// cell adds a cell, which wins by write time, class and bytes
// (db/rows/Cells.resolveRegular).
func (u *upsert) cell(c *column) {
	value, ts, x := quote(c.Name), quote(suffixed(c.Name, timeSuffix)), quote(suffixed(c.Name, classSuffix))
	u.add(value, u.take(c.to))
	u.add(ts, u.take(&pgInt8))
	u.add(x, u.take(&pgInt8))
	shadows := []string{value, x}
	if c.raw {
		raw := quote(suffixed(c.Name, rawSuffix))
		u.add(raw, u.take(&pgBytea))
		shadows = append(shadows, raw)
	}
	rank := func(side string) string {
		return fmt.Sprintf("(%s, %s)", sqlClass(side, value, x), c.tieBytes(side))
	}
	if c.origin {
		origin := quote(suffixed(c.Name, originSuffix))
		u.add(origin, u.take(&pgInt8))
		shadows = append(shadows, origin)
		rank = func(side string) string {
			return fmt.Sprintf("(%s, %s, coalesce(%s.%s, 0))", sqlClass(side, value, x), c.tieBytes(side), side, origin)
		}
	}
	u.compete(ts, rank("EXCLUDED")+" > "+rank("t"), shadows)
}

// compete makes the columns follow the greater write time, and tie at equal ones.
func (u *upsert) compete(ts, tie string, follow []string) {
	win := fmt.Sprintf("(EXCLUDED.%[1]s > t.%[1]s OR t.%[1]s IS NULL AND EXCLUDED.%[1]s IS NOT NULL OR EXCLUDED.%[1]s = t.%[1]s AND %[2]s)", ts, tie)
	for _, c := range follow {
		u.set = append(u.set, fmt.Sprintf("%[1]s = CASE WHEN %[2]s THEN EXCLUDED.%[1]s ELSE t.%[1]s END", c, win))
	}
	u.grow(ts)
	u.wins[len(u.wins)-1] = win
}

// grow makes a column keep its maximum.
func (u *upsert) grow(c string) {
	u.set = append(u.set, fmt.Sprintf("%[1]s = GREATEST(t.%[1]s, EXCLUDED.%[1]s)", c))
	u.wins = append(u.wins, fmt.Sprintf("(EXCLUDED.%[1]s > t.%[1]s OR t.%[1]s IS NULL AND EXCLUDED.%[1]s IS NOT NULL)", c))
}

// sql returns the statement up to its end or RETURNING.
func (u *upsert) sql(to relation, from, conflict string) string {
	return fmt.Sprintf("INSERT INTO %s AS t (%s) SELECT %s FROM %s ON CONFLICT (%s) DO UPDATE SET %s WHERE %s",
		to.sql(), strings.Join(u.into, ", "), strings.Join(u.values, ", "), from, conflict,
		strings.Join(u.set, ", "), strings.Join(u.wins, " OR "))
}

// sqlClass is the class of a cell, made explicit.
func sqlClass(side, value, x string) string {
	return fmt.Sprintf("coalesce(%[1]s.%[3]s, CASE WHEN %[1]s.%[2]s IS NULL THEN %[4]d ELSE 0 END)", side, value, x, cdc.Tombstone)
}

// tieBytes is what breaks ties between values of c.
func (c *column) tieBytes(side string) string {
	stored := side + "." + quote(suffixed(c.Name, rawSuffix))
	if !c.raw {
		stored = fmt.Sprintf(c.to.tie, side+"."+quote(c.Name))
	}
	return "coalesce(" + stored + ", '')"
}

// mergeRows merges rows. Where deletions of partitions or ranges exist, a row
// that arrives after them learns of those that cover it.
//
// Parameters, in order: every key column and its bytes where kept; the
// clustering order of a table that has one; time and class of the row marker;
// time of the deletion; for every regular column value, time, class and bytes
// where kept.
func (l *layout) mergeRows(under bool) statement {
	var u upsert
	for i := range l.table.Key {
		u.key(&l.columns[i])
	}
	order := ""
	if l.table.Clustered() {
		order = u.take(&pgBytea)
		u.add(quote(orderSuffix), order)
	}
	ts, x, del := quote(timeSuffix), quote(classSuffix), quote(deletedSuffix)
	u.add(ts, u.take(&pgInt8))
	u.add(x, u.take(&pgInt8))
	deleted := u.take(&pgInt8)
	from := u.unnested // completed below
	if under {
		deleted = fmt.Sprintf("GREATEST(%s, q.%s, r.del)", deleted, del)
	}
	u.add(del, deleted)
	u.compete(ts, fmt.Sprintf("coalesce(EXCLUDED.%[1]s, 0) > coalesce(t.%[1]s, 0)", x), []string{x})
	u.grow(del)
	for i := range l.regular() {
		u.cell(&l.regular()[i])
	}
	from = u.unnested
	source := from.sql()
	if under {
		source += fmt.Sprintf(" LEFT JOIN %s AS q ON %s LEFT JOIN LATERAL (SELECT max(r.%s) AS del FROM %s AS r WHERE %s AND r.lo < %s AND %s < r.hi) AS r ON true",
			l.part.sql(), l.onPartition("q", &u), del, l.ranges.sql(), l.onPartition("r", &u), order, order)
	}
	return newStatement(u.sql(l.base, source, strings.Join(l.rowKey(), ", ")), u.types)
}

// onPartition joins v to the partition key of another table.
func (l *layout) onPartition(side string, u *upsert) string {
	var on []string
	for _, k := range l.partitionKey() {
		for i, c := range u.into {
			if c == k {
				on = append(on, fmt.Sprintf("%s.%s = %s", side, k, u.values[i]))
			}
		}
	}
	return strings.Join(on, " AND ")
}

// samePartition joins two tables by their partition key.
func (l *layout) samePartition(a, b string) string {
	var on []string
	for _, k := range l.partitionKey() {
		on = append(on, fmt.Sprintf("%s.%s = %s.%s", a, k, b, k))
	}
	return strings.Join(on, " AND ")
}

// mergeParts merges deletions and static cells of partitions, and tells the rows
// that are there of the deletions.
//
// Parameters: every partition key column and its bytes where kept; time of the
// deletion; for every static column value, time, class and bytes where kept.
func (l *layout) mergeParts() statement {
	var u upsert
	for i := range l.table.Partition {
		u.key(&l.columns[i])
	}
	del := quote(deletedSuffix)
	u.add(del, u.take(&pgInt8))
	u.grow(del)
	for i := range l.statics() {
		u.cell(&l.statics()[i])
	}
	key := strings.Join(l.partitionKey(), ", ")
	sql := fmt.Sprintf("WITH q AS (%s RETURNING %s, %s) UPDATE %s AS t SET %s = q.%s FROM q WHERE %s AND (t.%[5]s IS NULL OR t.%[5]s < q.%[5]s)",
		u.sql(l.part, u.unnested.sql(), key), qualify(l.partitionKey()), "t."+del, l.base.sql(), del, del, l.samePartition("t", "q"))
	return newStatement(sql, u.types)
}

// mergeRanges merges range deletions, and tells the rows that are there.
//
// Parameters: every partition key column and its bytes where kept; the bounds;
// the time of the deletion.
func (l *layout) mergeRanges() statement {
	var u upsert
	for i := range l.table.Partition {
		u.key(&l.columns[i])
	}
	u.add("lo", u.take(&pgBytea))
	u.add("hi", u.take(&pgBytea))
	del := quote(deletedSuffix)
	u.add(del, u.take(&pgInt8))
	u.grow(del)
	key := strings.Join(l.partitionKey(), ", ") + ", lo, hi"
	// Ranges of one batch may overlap, and UPDATE takes any one of several
	// matches: the greatest must be sought.
	sql := fmt.Sprintf("WITH q AS (%s RETURNING %s, t.lo, t.hi, t.%s AS del), "+
		"g AS (SELECT t.ctid AS id, max(q.del) AS del FROM %s AS t JOIN q ON %s AND q.lo < t.%s AND t.%[6]s < q.hi GROUP BY t.ctid) "+
		"UPDATE %[4]s AS t SET %[3]s = g.del FROM g WHERE t.ctid = g.id AND (t.%[3]s IS NULL OR t.%[3]s < g.del)",
		u.sql(l.ranges, u.unnested.sql(), key), qualify(l.partitionKey()), del, l.base.sql(), l.samePartition("t", "q"), quote(orderSuffix))
	return newStatement(sql, u.types)
}

func qualify(columns []string) string {
	var q []string
	for _, c := range columns {
		q = append(q, "t."+c)
	}
	return strings.Join(q, ", ")
}

// lockClass is the first key of the advisory locks on tables.
const lockClass = 0x63646370

// lockSQL takes the table's lock until the end of the transaction. Rows are
// merged under the shared lock, deletions of partitions and ranges under the
// exclusive one: so neither can miss the other.
func (l *layout) lockSQL(shared bool) string {
	f := "pg_advisory_xact_lock"
	if shared {
		f += "_shared"
	}
	return fmt.Sprintf("SELECT %s(%d, '%s'::regclass::oid::bigint::bit(32)::int)", f, lockClass, strings.ReplaceAll(l.base.sql(), "'", "''"))
}

// deletionsExist asks whether any partition deletion or range deletion exists.
func (l *layout) deletionsExist() string {
	return fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s IS NOT NULL) OR EXISTS (SELECT FROM %s)", l.part.sql(), quote(deletedSuffix), l.ranges.sql())
}
