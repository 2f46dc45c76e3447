package cdc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Schema is a set of table definitions, as CQL statements make it.
type Schema struct {
	tables map[string]*Table // by String
	types  map[string]*Type  // UDTs, by "keyspace.name", quoted
}

// Tables returns the tables in the order of their names.
func (s *Schema) Tables() []*Table {
	var ts []*Table
	for _, k := range slices.Sorted(maps.Keys(s.tables)) {
		ts = append(ts, s.tables[k])
	}
	return ts
}

// ParseCQL reads CREATE TABLE, CREATE TYPE, ALTER TABLE, ALTER TYPE, DROP and
// USE statements, such as cqlsh's DESCRIBE prints, and returns the definitions
// they leave. It passes over the other statements, which define no columns.
// Errors name line and column.
func ParseCQL(src string) (*Schema, error) {
	s := &Schema{tables: map[string]*Table{}, types: map[string]*Type{}}
	p := &cqlParser{lexer: lexer{src: src, line: 1}}
	p.next()
	for p.err == nil && p.tok.kind != tokenEnd {
		start := p.tok
		if err := p.statement(s); err != nil && p.err == nil {
			p.err = fmt.Errorf("%d:%d: %w", start.line, start.col, err)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return s, nil
}

type cqlParser struct {
	lexer    lexer
	tok      token
	err      error // the first
	keyspace string
	udts     TypeLookup
}

func (p *cqlParser) next() {
	if p.err != nil {
		p.tok = token{}
		return
	}
	p.tok, p.err = p.lexer.token()
}

func (p *cqlParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%d:%d: "+format, append([]any{p.tok.line, p.tok.col}, args...)...)
	}
	p.tok = token{}
}

// accept takes the words or symbols given if they come next. Only the first
// of several may be missing; it decides.
func (p *cqlParser) accept(words ...string) bool {
	if !p.tok.is(words[0]) {
		return false
	}
	p.next()
	for _, w := range words[1:] {
		p.expect(w)
	}
	return true
}

func (p *cqlParser) expect(s string) {
	if p.tok.is(s) {
		p.next()
		return
	}
	p.fail("expected %q, found %s", s, p.tok)
}

func (p *cqlParser) ident() string {
	t := p.tok
	switch t.kind {
	case tokenIdent:
		t.text = strings.ToLower(t.text)
	case tokenQuoted:
	default:
		p.fail("expected a name, found %s", t)
	}
	p.next()
	return t.text
}

// name parses [keyspace.]name and returns both with their quoted form.
func (p *cqlParser) name() (keyspace, name, full string) {
	keyspace, name = p.keyspace, p.ident()
	if p.accept(".") {
		keyspace, name = name, p.ident()
	}
	if keyspace == "" {
		p.fail("%s has no keyspace: write keyspace.name, or USE one", QuoteIdent(name))
	}
	return keyspace, name, QuoteIdent(keyspace) + "." + QuoteIdent(name)
}

// skip passes to the end of the statement, from within parentheses or not.
func (p *cqlParser) skip() {
	for p.err == nil && p.tok.kind != tokenEnd && !p.tok.is(";") {
		p.next()
	}
	p.accept(";")
}

func (p *cqlParser) ifExists(not bool) (given bool) {
	if not {
		return p.accept("IF", "NOT", "EXISTS")
	}
	return p.accept("IF", "EXISTS")
}

func (p *cqlParser) statement(s *Schema) error {
	switch {
	case p.accept("USE"):
		p.keyspace = p.ident()
	case p.accept("CREATE"):
		switch {
		case p.accept("TABLE"), p.accept("COLUMNFAMILY"):
			return p.createTable(s)
		case p.accept("TYPE"):
			return p.createType(s)
		}
	case p.accept("ALTER"):
		switch {
		case p.accept("TABLE"), p.accept("COLUMNFAMILY"):
			return p.alterTable(s)
		case p.accept("TYPE"):
			return p.alterType(s)
		}
	case p.accept("DROP"):
		if p.accept("TABLE") {
			p.ifExists(false)
			_, _, full := p.name()
			delete(s.tables, full)
		}
	}
	p.skip()
	return nil
}

// lookup returns a TypeLookup for a keyspace.
func (s *Schema) lookup(keyspace string) TypeLookup {
	return func(name string) (*Type, error) {
		if t, ok := s.types[QuoteIdent(keyspace)+"."+QuoteIdent(name)]; ok {
			return t, nil
		}
		return nil, fmt.Errorf("unknown type %s.%s", QuoteIdent(keyspace), QuoteIdent(name))
	}
}
