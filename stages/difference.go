package stages

import (
	"fmt"
	"slices"
	"strings"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Difference is what has changed between two definitions of a table.
type Difference struct {
	Added, Dropped []string // columns with their types
	Retyped        []string // columns that changed their type, with both
	Key            []string // the primary keys, if they differ: before and after
}

// Compare returns the difference from one definition of a table to another.
func Compare(from, to *cdc.Table) (d Difference) {
	if a, b := key(from), key(to); a != b {
		d.Key = []string{a, b}
	}
	for _, c := range to.Columns[to.Key:] {
		i, ok := from.Column(c.Name)
		switch {
		case !ok:
			d.Added = append(d.Added, describe(&c))
		case from.Columns[i].Role != c.Role || !sameType(from.Columns[i].Type, c.Type):
			d.Retyped = append(d.Retyped, describe(&from.Columns[i])+" to "+describe(&c))
		}
	}
	for _, c := range from.Columns[from.Key:] {
		if _, ok := to.Column(c.Name); !ok {
			d.Dropped = append(d.Dropped, describe(&c))
		}
	}
	return d
}

// sameType reports whether two types hold the same values: ascii is text, and a
// UDT may have gained fields.
func sameType(a, b *cdc.Type) bool {
	textual := func(t *cdc.Type) bool { return t.Kind == cdc.Ascii || t.Kind == cdc.Text }
	switch {
	case textual(a) && textual(b):
		return true
	case a.Kind != b.Kind || a.Frozen != b.Frozen || a.Dim != b.Dim || a.Name != b.Name:
		return false
	case a.Kind == cdc.UDT:
		return true
	}
	return slices.EqualFunc(a.Elems, b.Elems, sameType)
}

func describe(c *cdc.Column) string {
	s := cdc.QuoteIdent(c.Name) + " " + c.Type.String()
	if c.Role == cdc.Static {
		s += " static"
	}
	return s
}

func key(t *cdc.Table) string {
	var parts []string
	for _, c := range t.Columns[:t.Key] {
		s := describe(&c)
		if c.Role == cdc.Clustering {
			s = "clustering " + s
		}
		if c.Desc {
			s += " desc"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// Err returns the fault of a difference that a replica cannot follow, or nil.
func (d Difference) Err(t *cdc.Table) error {
	switch {
	case len(d.Key) > 0:
		return fault.New(fault.KeyChanged, "table %s: primary key was (%s) and is (%s)", t, d.Key[0], d.Key[1])
	case len(d.Retyped) > 0:
		return fault.New(fault.TypeChanged, "table %s: %s", t, strings.Join(d.Retyped, "; "))
	}
	return nil
}

// String describes d in one line.
func (d Difference) String() string {
	var s []string
	for _, p := range []struct {
		what string
		cols []string
	}{{"key", d.Key}, {"added", d.Added}, {"dropped", d.Dropped}, {"retyped", d.Retyped}} {
		if len(p.cols) > 0 {
			s = append(s, fmt.Sprintf("%s %s", p.what, strings.Join(p.cols, ", ")))
		}
	}
	return strings.Join(s, "; ")
}
