package cdc

import (
	"fmt"
	"strconv"
	"strings"
)

// A TypeLookup finds the user-defined type of a name within the keyspace at
// hand. It returns the unfrozen type.
type TypeLookup func(name string) (*Type, error)

// ParseType parses a type as CQL and system_schema.columns.type write it. A nil
// lookup knows no user-defined types.
func ParseType(s string, udts TypeLookup) (*Type, error) {
	p := &cqlParser{lexer: lexer{src: s, line: 1}, udts: udts}
	p.next()
	t := p.parseType(0, false)
	if p.err == nil && p.tok.kind != tokenEnd {
		p.fail("unexpected %s", p.tok)
	}
	if p.err != nil {
		return nil, fmt.Errorf("type %q: %w", s, p.err)
	}
	return t, nil
}

// parseType parses one type. Within a frozen one, and within anything nested,
// collections and UDTs are frozen, said or not.
func (p *cqlParser) parseType(depth int, frozen bool) *Type {
	if depth > MaxTypeDepth {
		p.fail("types nest deeper than %d", MaxTypeDepth)
		return nil
	}
	switch p.tok.kind {
	case tokenString:
		p.fail("custom type %s is not supported", p.tok)
		return nil
	case tokenIdent, tokenQuoted:
	default:
		p.fail("expected a type, found %s", p.tok)
		return nil
	}
	name, quoted := p.tok.text, p.tok.kind == tokenQuoted
	p.next()
	if quoted {
		return p.udt(name, frozen)
	}
	switch lower := strings.ToLower(name); lower {
	case "frozen":
		return p.params(1, func(int) *Type { return p.parseType(depth+1, true) })[0]
	case "list", "set":
		e := p.params(1, func(int) *Type { return p.parseType(depth+1, true) })[0]
		if lower == "set" {
			return SetOf(e, frozen)
		}
		return ListOf(e, frozen)
	case "map":
		kv := p.params(2, func(int) *Type { return p.parseType(depth+1, true) })
		return MapOf(kv[0], kv[1], frozen)
	case "tuple":
		return TupleOf(p.params(0, func(int) *Type { return p.parseType(depth+1, true) })...)
	case "vector":
		dim := 0
		e := p.params(2, func(i int) *Type {
			if i == 0 {
				return p.parseType(depth+1, true)
			}
			dim, _ = strconv.Atoi(p.tok.text)
			if p.tok.kind != tokenNumber || dim < 1 || dim > 1<<16 {
				p.fail("expected a dimension, found %s", p.tok)
			}
			p.next()
			return nil
		})[0]
		return VectorOf(e, dim)
	case "varchar":
		return ScalarType(Text)
	default:
		for k := Ascii; k <= Varint; k++ {
			if kindNames[k] == lower {
				return ScalarType(k)
			}
		}
		return p.udt(lower, frozen)
	}
}

// params parses <one, two, ...>; n is their number, or 0 for any. It returns
// at least one element.
func (p *cqlParser) params(n int, one func(i int) *Type) []*Type {
	var ts []*Type
	p.expect("<")
	for i := 0; p.err == nil; i++ {
		ts = append(ts, one(i))
		if !p.accept(",") {
			break
		}
	}
	p.expect(">")
	if n > 0 && len(ts) != n {
		p.fail("expected %d type parameters, found %d", n, len(ts))
	}
	for len(ts) < max(n, 1) {
		ts = append(ts, nil)
	}
	return ts
}

func (p *cqlParser) udt(name string, frozen bool) *Type {
	if p.udts == nil {
		p.fail("unknown type %s", QuoteIdent(name))
		return nil
	}
	t, err := p.udts(name)
	if err != nil {
		p.fail("%w", err)
		return nil
	}
	if frozen {
		f := *t
		f.Frozen = true
		return &f
	}
	return t
}
