package cdc

import (
	"fmt"
	"slices"
)

// createTable parses what follows CREATE TABLE.
func (p *cqlParser) createTable(s *Schema) error {
	exists := p.ifExists(true)
	keyspace, name, full := p.name()
	p.udts = s.lookup(keyspace)
	var columns []Column
	var partition, clustering []string
	p.expect("(")
	for p.err == nil {
		if p.accept("PRIMARY", "KEY") {
			partition, clustering = p.primaryKey()
		} else {
			c := Column{Name: p.ident(), Role: Regular}
			c.Type = p.parseType(0, false)
			if p.accept("STATIC") {
				c.Role = Static
			}
			if p.accept("MASKED", "WITH") { // dynamic data masking, 5.0
				p.until(",", ")")
			}
			if p.accept("PRIMARY", "KEY") {
				partition = []string{c.Name}
			}
			columns = append(columns, c)
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	descending := p.clusteringOrder()
	p.skip()
	if p.err != nil {
		return p.err
	}
	if _, have := s.tables[full]; have && exists {
		return nil
	}
	t, err := defineTable(keyspace, name, columns, partition, clustering, descending)
	if err != nil {
		return err
	}
	s.tables[full] = t
	return nil
}

// defineTable gives the key columns their roles and order.
func defineTable(keyspace, name string, columns []Column, partition, clustering, descending []string) (*Table, error) {
	ordered := make([]Column, 0, len(columns))
	take := func(names []string, role Role) error {
		for _, n := range names {
			i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == n })
			if i < 0 {
				return fmt.Errorf("table %s.%s: primary key names %s, which is not a column", QuoteIdent(keyspace), QuoteIdent(name), QuoteIdent(n))
			}
			c := columns[i]
			c.Role, c.Desc = role, slices.Contains(descending, n)
			ordered = append(ordered, c)
			columns = slices.Delete(columns, i, i+1)
		}
		return nil
	}
	columns = slices.Clone(columns)
	if err := take(partition, PartitionKey); err != nil {
		return nil, err
	}
	if err := take(clustering, Clustering); err != nil {
		return nil, err
	}
	return NewTable(keyspace, name, append(ordered, columns...))
}

// primaryKey parses (a, b, c) or ((a, b), c).
func (p *cqlParser) primaryKey() (partition, clustering []string) {
	p.expect("(")
	if p.accept("(") {
		partition = p.idents()
		p.expect(")")
	} else {
		partition = []string{p.ident()}
	}
	if p.accept(",") {
		clustering = p.idents()
	}
	p.expect(")")
	return partition, clustering
}

func (p *cqlParser) idents() (names []string) {
	for p.err == nil {
		names = append(names, p.ident())
		if !p.accept(",") {
			break
		}
	}
	return names
}

// clusteringOrder looks through the options for CLUSTERING ORDER BY and returns
// the descending columns.
func (p *cqlParser) clusteringOrder() (descending []string) {
	for p.err == nil && p.tok.kind != tokenEnd && !p.tok.is(";") {
		if !p.accept("CLUSTERING", "ORDER", "BY") {
			p.next()
			continue
		}
		p.expect("(")
		for p.err == nil {
			n := p.ident()
			if p.accept("DESC") {
				descending = append(descending, n)
			} else {
				p.accept("ASC")
			}
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	return descending
}

// until skips to one of the symbols, over balanced parentheses.
func (p *cqlParser) until(symbols ...string) {
	for depth := 0; p.err == nil && p.tok.kind != tokenEnd; p.next() {
		if depth == 0 && p.tok.kind == tokenSymbol && slices.Contains(symbols, p.tok.text) {
			return
		}
		switch p.tok.text {
		case "(":
			depth++
		case ")":
			depth--
		}
	}
}

// createType parses what follows CREATE TYPE.
func (p *cqlParser) createType(s *Schema) error {
	exists := p.ifExists(true)
	keyspace, name, full := p.name()
	p.udts = s.lookup(keyspace)
	t := UDTOf(name, nil, nil, false)
	p.expect("(")
	for p.err == nil {
		t.Fields = append(t.Fields, p.ident())
		t.Elems = append(t.Elems, p.parseType(1, false))
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	p.skip()
	if _, have := s.types[full]; p.err == nil && !(have && exists) {
		s.types[full] = t
	}
	return p.err
}
