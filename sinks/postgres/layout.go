package postgres

import (
	"fmt"
	"hash/fnv"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A layout is how a table is kept in PostgreSQL, and the statements that merge
// into it. It belongs to one version of the table's definition and is immutable.
//
// The base table holds one row per Cassandra row ever heard of, deleted or not;
// the part table, for tables with clustering columns, what belongs to partitions:
// their deletions and static columns; the range table the range deletions.
type layout struct {
	table                    *cdc.Table
	view, base, part, ranges relation
	columns                  []column // parallel to table.Columns

	rows      statement // merge of rows
	rowsUnder statement // merge of rows where partition or range deletions exist
	parts     statement // merge of partition deletions and static cells
	spans     statement // merge of range deletions
	state     string    // whether partition deletions and range deletions exist
	stamps    statement // reads what rows hold, for the audit
	lock      string    // takes the table's lock shared
	lockAll   string    // takes it exclusively
}

// A column is a Cassandra column with its PostgreSQL type and shadow columns.
type column struct {
	*cdc.Column
	to     *pgType
	raw    bool // its serialised bytes are kept beside it
	origin bool // its write time is kept besides its place: a cell of a table of facts
}

// A statement is SQL with parameters that are arrays of the types.
type statement struct {
	name  string // under which it is prepared
	sql   string
	types []*pgType
}

func newStatement(sql string, types []*pgType) statement {
	h := fnv.New128a()
	h.Write([]byte(sql))
	return statement{fmt.Sprintf("cdcpipe_%x", h.Sum(nil)), sql, types}
}

// oids returns the types of the parameters.
func (s *statement) oids() []uint32 {
	oids := make([]uint32, len(s.types))
	for i, t := range s.types {
		oids[i] = t.array
	}
	return oids
}

// newLayout lays t out. The statements depend on nothing but the definition, the
// choice of types, and whether the merge of rows is audited.
func newLayout(t *cdc.Table, types typeMap, audited bool) (*layout, error) {
	if err := checkNames(t); err != nil {
		return nil, err
	}
	behind := suffixed(t.Keyspace, schemaSuffix)
	l := &layout{
		table:  t,
		view:   relation{t.Keyspace, t.Name},
		base:   relation{behind, suffixed(t.Name, baseSuffix)},
		part:   relation{behind, suffixed(t.Name, partSuffix)},
		ranges: relation{behind, suffixed(t.Name, rangeSuffix)},
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		to, ok := types[c.Type.Kind]
		if !ok {
			return nil, fault.New(fault.TableRefused, "table %s: column %q is a %s", t, c.Name, c.Type)
		}
		// Ties need the bytes of cells; identity needs those of a partition key.
		raw := to.tie == "" && c.Role >= cdc.Static || to.opaqueKey && c.Role == cdc.PartitionKey
		l.columns = append(l.columns, column{c, &to, raw, t.Facts && c.Role >= cdc.Static})
	}
	l.rows = l.mergeRows(false)
	if t.Clustered() {
		l.rowsUnder = l.mergeRows(true)
		l.parts, l.spans = l.mergeParts(), l.mergeRanges()
		l.state = l.deletionsExist()
		l.lock, l.lockAll = l.lockSQL(true), l.lockSQL(false)
	}
	if audited {
		l.stamps = l.readStamps()
		l.rows = l.returning(l.rows)
		if t.Clustered() {
			l.rowsUnder = l.returning(l.rowsUnder)
		}
	}
	return l, nil
}

// statements returns those that every batch may need.
func (l *layout) statements() []*statement {
	return []*statement{&l.rows, &l.rowsUnder, &l.parts, &l.spans, &l.stamps}
}

// partition, clustering, statics and regular return the columns by role.
func (l *layout) partition() []column  { return l.columns[:l.table.Partition] }
func (l *layout) clustering() []column { return l.columns[l.table.Partition:l.table.Key] }
func (l *layout) statics() []column {
	return l.columns[l.table.Key : l.table.Key+l.table.Statics]
}
func (l *layout) regular() []column { return l.columns[l.table.Key+l.table.Statics:] }

// partitionKey returns the quoted columns that identify a partition.
func (l *layout) partitionKey() []string {
	var names []string
	for _, c := range l.partition() {
		if c.raw {
			names = append(names, quote(suffixed(c.Name, rawSuffix)))
		} else {
			names = append(names, quote(c.Name))
		}
	}
	return names
}

// rowKey returns the quoted columns that identify a row: the clustering columns
// themselves where PostgreSQL tells their values apart as Cassandra does.
func (l *layout) rowKey() []string {
	names := l.partitionKey()
	for _, c := range l.clustering() {
		if c.to.opaqueKey {
			return append(l.partitionKey(), quote(orderSuffix))
		}
		names = append(names, quote(c.Name))
	}
	return names
}
