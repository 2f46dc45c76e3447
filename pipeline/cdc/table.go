package cdc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Role says what a column is to its table.
type Role uint8

// The roles of columns, in the order in which a table lists them.
const (
	PartitionKey Role = iota
	Clustering
	Static
	Regular
)

var roleNames = [...]string{"partition_key", "clustering", "static", "regular"}

// String returns the role as system_schema.columns.kind names it.
func (r Role) String() string { return roleNames[r] }

// A Column is one column of a table.
type Column struct {
	Name string // as Cassandra keeps it: case preserved, without quotes
	Type *Type
	Role Role
	Desc bool // a clustering column in descending order
}

// A Table is one version of a Cassandra table's definition. Tables are immutable
// once made by [NewTable]; a change of definition makes another Table.
//
// Columns are ordered partition key, clustering, static, regular; the key
// columns in key order, the others by name.
type Table struct {
	Keyspace, Name string
	Columns        []Column
	Partition      int // number of partition key columns
	Key            int // number of partition key and clustering columns
	Statics        int // number of static columns, which follow the key

	// Facts says that changes of the table are what Cassandra answered when it was
	// asked, and that the time of their stamps is when: what was read later is
	// right. Write times then only inform; see [Cell.Origin]. Otherwise changes are
	// what events claim, and stamps have write times.
	Facts bool

	byName map[string]int
}

// NewTable checks a definition and puts its columns in order. Key columns must
// be given in key order; the slice is kept.
func NewTable(keyspace, name string, columns []Column) (*Table, error) {
	t := &Table{Keyspace: keyspace, Name: name, Columns: columns, byName: make(map[string]int, len(columns))}
	slices.SortStableFunc(columns, func(a, b Column) int {
		if a.Role != b.Role {
			return int(a.Role) - int(b.Role)
		}
		if a.Role >= Static {
			return strings.Compare(a.Name, b.Name)
		}
		return 0
	})
	var errs []error
	for i, c := range columns {
		switch {
		case c.Name == "":
			errs = append(errs, fmt.Errorf("column %d has no name", i))
		case c.Type == nil:
			errs = append(errs, fmt.Errorf("column %q has no type", c.Name))
		case c.Role > Regular:
			errs = append(errs, fmt.Errorf("column %q has no role", c.Name))
		case c.Role < Static && c.Type.Multicell():
			errs = append(errs, fmt.Errorf("key column %q is not frozen", c.Name))
		case c.Role < Static && (c.Type.Kind == Duration || c.Type.Kind == Counter):
			errs = append(errs, fmt.Errorf("key column %q is of type %s", c.Name, c.Type))
		}
		if _, dup := t.byName[c.Name]; dup {
			errs = append(errs, fmt.Errorf("column %q is given twice", c.Name))
		}
		t.byName[c.Name] = i
		switch c.Role {
		case PartitionKey:
			t.Partition, t.Key = t.Partition+1, t.Key+1
		case Clustering:
			t.Key++
		case Static:
			t.Statics++
		}
	}
	if keyspace == "" || name == "" {
		errs = append(errs, errors.New("no name"))
	}
	if t.Partition == 0 {
		errs = append(errs, errors.New("no partition key"))
	}
	if t.Statics > 0 && !t.Clustered() {
		errs = append(errs, errors.New("static columns without clustering columns"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t, err)
	}
	return t, nil
}

// OfFacts returns t as a table of facts.
func (t *Table) OfFacts() *Table {
	f := *t
	f.Facts = true
	return &f
}

// String returns keyspace.name, quoted as CQL quotes.
func (t *Table) String() string { return QuoteIdent(t.Keyspace) + "." + QuoteIdent(t.Name) }

// Clustered reports whether t has clustering columns. Without them a partition
// is a row.
func (t *Table) Clustered() bool { return t.Key > t.Partition }

// Column returns the position of a column in Columns.
func (t *Table) Column(name string) (int, bool) {
	i, ok := t.byName[name]
	return i, ok
}

// ColumnBytes is [Table.Column] for a name in bytes; it does not allocate.
func (t *Table) ColumnBytes(name []byte) (int, bool) {
	i, ok := t.byName[string(name)]
	return i, ok
}

// Counter reports whether t is a counter table, which cannot be replicated.
func (t *Table) Counter() bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Type.Kind == Counter })
}

// Inexact returns the columns whose changes change events cannot carry: those that
// are static, and those that are not frozen, of which events have only a part.
func (t *Table) Inexact() (cols []Column) {
	for _, c := range t.Columns {
		if c.Role == Static || c.Type.Multicell() {
			cols = append(cols, c)
		}
	}
	return cols
}

// Equal reports whether t and u define the same table.
func (t *Table) Equal(u *Table) bool {
	return t == u || t.Keyspace == u.Keyspace && t.Name == u.Name && t.Facts == u.Facts &&
		slices.EqualFunc(t.Columns, u.Columns, func(a, b Column) bool {
			return a.Name == b.Name && a.Role == b.Role && a.Desc == b.Desc && a.Type.Equal(b.Type)
		})
}

// CQL returns the statement that creates t.
func (t *Table) CQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", t)
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "    %s %s", QuoteIdent(c.Name), c.Type)
		if c.Role == Static {
			b.WriteString(" STATIC")
		}
		b.WriteString(",\n")
	}
	names := func(cs []Column, suffix bool) string {
		var ns []string
		for _, c := range cs {
			n := QuoteIdent(c.Name)
			if suffix && c.Desc {
				n += " DESC"
			} else if suffix {
				n += " ASC"
			}
			ns = append(ns, n)
		}
		return strings.Join(ns, ", ")
	}
	fmt.Fprintf(&b, "    PRIMARY KEY ((%s)", names(t.Columns[:t.Partition], false))
	if t.Clustered() {
		fmt.Fprintf(&b, ", %s", names(t.Columns[t.Partition:t.Key], false))
	}
	b.WriteString(")\n)")
	if clustering := t.Columns[t.Partition:t.Key]; slices.ContainsFunc(clustering, func(c Column) bool { return c.Desc }) {
		fmt.Fprintf(&b, " WITH CLUSTERING ORDER BY (%s)", names(clustering, true))
	}
	return b.String()
}
