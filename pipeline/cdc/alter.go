package cdc

import (
	"fmt"
	"slices"
)

// alterTable parses what follows ALTER TABLE.
func (p *cqlParser) alterTable(s *Schema) error {
	p.ifExists(false)
	keyspace, name, full := p.name()
	t, ok := s.tables[full]
	if p.err == nil && !ok {
		return fmt.Errorf("table %s is not defined before it is altered", full)
	}
	if p.err != nil {
		return p.err
	}
	p.udts = s.lookup(keyspace)
	columns := slices.Clone(t.Columns)
	switch {
	case p.accept("ADD"):
		columns = p.addColumns(columns)
	case p.accept("DROP"):
		if p.ifExists(false); p.accept("(") {
			columns = without(columns, p.idents())
			p.expect(")")
		} else {
			columns = without(columns, p.idents())
		}
	case p.accept("RENAME"):
		p.ifExists(false)
		for p.err == nil {
			from := p.ident()
			p.expect("TO")
			to := p.ident()
			for i := range columns {
				if columns[i].Name == from {
					columns[i].Name = to
				}
			}
			if !p.accept("AND") {
				break
			}
		}
	}
	p.skip()
	if p.err != nil {
		return p.err
	}
	altered, err := NewTable(keyspace, name, columns)
	if err != nil {
		return err
	}
	s.tables[full] = altered
	return nil
}

func (p *cqlParser) addColumns(columns []Column) []Column {
	p.ifExists(true)
	paren := p.accept("(")
	for p.err == nil {
		c := Column{Name: p.ident(), Role: Regular}
		c.Type = p.parseType(0, false)
		if p.accept("STATIC") {
			c.Role = Static
		}
		if !slices.ContainsFunc(columns, func(h Column) bool { return h.Name == c.Name }) {
			columns = append(columns, c)
		}
		if !p.accept(",") {
			break
		}
	}
	if paren {
		p.expect(")")
	}
	return columns
}

func without(columns []Column, names []string) []Column {
	return slices.DeleteFunc(columns, func(c Column) bool { return slices.Contains(names, c.Name) })
}

// alterType parses what follows ALTER TYPE. Tables made before keep the type as
// it was then, so a schema file puts its types first, as DESCRIBE does.
func (p *cqlParser) alterType(s *Schema) error {
	p.ifExists(false)
	keyspace, _, full := p.name()
	old, ok := s.types[full]
	if p.err == nil && !ok {
		return fmt.Errorf("type %s is not defined before it is altered", full)
	}
	if p.err != nil {
		return p.err
	}
	p.udts = s.lookup(keyspace)
	t := UDTOf(old.Name, slices.Clone(old.Fields), slices.Clone(old.Elems), false)
	switch {
	case p.accept("ADD"):
		p.ifExists(true)
		t.Fields = append(t.Fields, p.ident())
		t.Elems = append(t.Elems, p.parseType(1, false))
	case p.accept("RENAME"):
		for p.err == nil {
			from := p.ident()
			p.expect("TO")
			to := p.ident()
			if i := slices.Index(t.Fields, from); i >= 0 {
				t.Fields[i] = to
			}
			if !p.accept("AND") {
				break
			}
		}
	}
	p.skip()
	if p.err == nil {
		s.types[full] = t
	}
	return p.err
}
