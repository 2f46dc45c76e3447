package postgres

import (
	"slices"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// compatible reports what has changed between the columns that the tables have
// and those of l that cannot be followed: the primary key and types.
func compatible(l *layout, had []keptColumn) error {
	key := func(role string) bool {
		return role == cdc.PartitionKey.String() || role == cdc.Clustering.String()
	}
	var was, is []keptColumn
	for _, h := range had {
		if key(h.Role) {
			was = append(was, h)
		}
	}
	for _, k := range l.kept() {
		if key(k.Role) {
			is = append(is, k)
		}
	}
	if !slices.Equal(was, is) {
		return fault.New(fault.KeyChanged, "table %s had primary key %v and now has %v", l.table, describeKey(was), describeKey(is))
	}
	for _, k := range l.kept() {
		i := slices.IndexFunc(had, func(h keptColumn) bool { return h.Name == k.Name })
		if i < 0 {
			continue
		}
		switch h := had[i]; {
		case h.Role != k.Role:
			return fault.New(fault.TypeChanged, "table %s: column %q was %s and now is %s", l.table, k.Name, h.Role, k.Role)
		case h.Stored != k.Stored, h.Type != k.Type && !(textual(h.Type) && textual(k.Type)):
			return fault.New(fault.TypeChanged, "table %s: column %q was %s (kept as %s) and now is %s (%s)", l.table, k.Name, h.Type, h.Stored, k.Type, k.Stored)
		}
	}
	return nil
}

func textual(cql string) bool { return cql == "text" || cql == "ascii" }

func describeKey(cols []keptColumn) (s []string) {
	for _, c := range cols {
		d := c.Name + " " + c.Type
		if c.Reverse {
			d += " desc"
		}
		s = append(s, d)
	}
	return s
}

// widest returns a layout with the columns of l and all that the tables have
// besides, so that the view can show them.
func (r *replica) widest(l *layout, had []keptColumn) (*layout, error) {
	columns := slices.Clone(l.table.Columns)
	for _, h := range had {
		if _, ok := l.table.Column(h.Name); ok {
			continue
		}
		t, err := cdc.ParseType(h.Type, func(name string) (*cdc.Type, error) { return cdc.UDTOf(name, nil, nil, false), nil })
		if err != nil {
			return nil, err
		}
		c := cdc.Column{Name: h.Name, Type: t, Role: cdc.Regular}
		if h.Role == cdc.Static.String() {
			c.Role = cdc.Static
		}
		columns = append(columns, c)
	}
	t, err := cdc.NewTable(l.table.Keyspace, l.table.Name, columns)
	if err != nil {
		return nil, err
	}
	return newLayout(t, r.types, r.audit)
}
