package postgres

import (
	"fmt"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// createView returns the statement that makes or replaces the view: the rows
// that exist, with the values that are visible (db/rows/Row.hasLiveData). names
// gives the columns in order; PostgreSQL lets a view only grow at its end.
//
// The clock is that of the transaction. A partition with live static values
// and no row shows one row, without clustering values, as SELECT * does.
func (l *layout) createView(names []string) string {
	byName := map[string]*column{}
	for i := range l.columns {
		byName[l.columns[i].Name] = &l.columns[i]
	}
	var shown, alone []string
	for _, n := range names {
		c := byName[n]
		switch {
		case c == nil: // dropped in Cassandra; the view keeps its place
			shown, alone = append(shown, "NULL AS "+quote(n)), append(alone, "NULL")
		case c.Role == cdc.PartitionKey:
			shown, alone = append(shown, "t."+quote(n)), append(alone, "q."+quote(n))
		case c.Role == cdc.Clustering:
			shown, alone = append(shown, "t."+quote(n)), append(alone, "NULL")
		case c.Role == cdc.Static:
			v := fmt.Sprintf("CASE WHEN %s THEN q.%s END", c.visible("q"), quote(n))
			shown, alone = append(shown, v+" AS "+quote(n)), append(alone, v)
		default:
			v := fmt.Sprintf("CASE WHEN %s THEN t.%s END", c.visible("t"), quote(n))
			shown, alone = append(shown, v+" AS "+quote(n)), append(alone, "NULL")
		}
	}
	const clock = "(SELECT floor(extract(epoch FROM now()))::bigint AS s) AS n"
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE OR REPLACE VIEW %s AS SELECT %s FROM %s AS t", l.view.sql(), strings.Join(shown, ", "), l.base.sql())
	if len(l.statics()) > 0 {
		fmt.Fprintf(&b, " LEFT JOIN %s AS q ON %s", l.part.sql(), l.samePartition("q", "t"))
	}
	fmt.Fprintf(&b, " CROSS JOIN %s WHERE %s", clock, l.rowLives())
	if len(l.statics()) > 0 {
		var live []string
		for _, c := range l.statics() {
			live = append(live, c.live("q"))
		}
		fmt.Fprintf(&b, " UNION ALL SELECT %s FROM %s AS q CROSS JOIN %s WHERE (%s) AND NOT EXISTS (SELECT FROM %s AS t WHERE %s AND (%s))",
			strings.Join(alone, ", "), l.part.sql(), clock, strings.Join(live, " OR "), l.base.sql(), l.samePartition("t", "q"), l.rowLives())
	}
	return b.String()
}

// rowLives is whether row t exists at second n.s.
func (l *layout) rowLives() string {
	marker := column{Column: &cdc.Column{}} // the suffixes alone name the marker's columns
	lives := []string{"t." + quote(timeSuffix) + " IS NOT NULL AND " + marker.visible("t")}
	for i := range l.regular() {
		lives = append(lives, l.regular()[i].live("t"))
	}
	return strings.Join(lives, " OR ")
}

// visible is whether the cell is written after the deletion and not expired.
// It may hold for a tombstone, whose value is NULL all the same.
func (c *column) visible(side string) string {
	return fmt.Sprintf("(%[1]s.%[2]s IS NULL OR %[1]s.%[3]s > %[1]s.%[2]s) AND (%[1]s.%[4]s IS NULL OR %[1]s.%[4]s > n.s OR %[1]s.%[4]s = 0)",
		side, quote(deletedSuffix), quote(suffixed(c.Name, timeSuffix)), quote(suffixed(c.Name, classSuffix)))
}

// live is whether the cell keeps its row alive. The empty value, NULL with an
// explicit class, does.
func (c *column) live(side string) string {
	x := side + "." + quote(suffixed(c.Name, classSuffix))
	return fmt.Sprintf("(%s AND CASE WHEN %s IS NULL THEN %s.%s IS NOT NULL ELSE %s < %d END)", c.visible(side), x, side, quote(c.Name), x, cdc.Tombstone)
}
