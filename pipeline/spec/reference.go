package spec

import (
	"errors"
	"fmt"
	"strings"
)

// A reference stands for a value that is kept elsewhere: ${scheme:name}.
type reference struct {
	scheme, name string
	fallback     string // of ${env:NAME:-fallback}
	optional     bool   // there is a fallback
}

// String returns the reference without its fallback, which may be a secret.
func (r reference) String() string {
	if r.optional {
		return fmt.Sprintf("${%s:%s:-***}", r.scheme, r.name)
	}
	return fmt.Sprintf("${%s:%s}", r.scheme, r.name)
}

// A segment of a text is a literal or a reference.
type segment struct {
	literal string
	ref     *reference
}

// A template is a text in which references may stand.
type template []segment

// parseTemplate splits s. $$ stands for $.
func parseTemplate(s string) (template, error) {
	var t template
	var literal strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		literal.WriteString(before)
		switch {
		case !found:
			return t.add(literal.String(), nil), nil
		case strings.HasPrefix(rest, "$"):
			literal.WriteByte('$')
			s = rest[1:]
		case strings.HasPrefix(rest, "{"):
			body, after, closed := strings.Cut(rest[1:], "}")
			if !closed {
				return nil, errors.New("a reference is not closed: expected } after ${; write $${ for these characters themselves")
			}
			ref, err := parseReference(body)
			if err != nil {
				return nil, err
			}
			t = t.add(literal.String(), ref)
			literal.Reset()
			s = after
		default:
			literal.WriteByte('$')
			s = rest
		}
	}
}

func (t template) add(literal string, ref *reference) template {
	if literal != "" {
		t = append(t, segment{literal: literal})
	}
	if ref != nil {
		t = append(t, segment{ref: ref})
	}
	return t
}

func parseReference(body string) (*reference, error) {
	scheme, name, ok := strings.Cut(body, ":")
	if !ok || strings.HasPrefix(name, "-") {
		name, _, _ := strings.Cut(body, ":")
		return nil, fmt.Errorf("the reference ${%s} does not say where to look; write ${env:%[1]s} for an environment variable", name)
	}
	r := &reference{scheme: scheme, name: name}
	if scheme == "env" {
		r.name, r.fallback, r.optional = strings.Cut(name, ":-")
	}
	if r.name == "" {
		return nil, fmt.Errorf("the reference ${%s:} names nothing", scheme)
	}
	return r, nil
}

// references lists those in t.
func (t template) references() []*reference {
	var refs []*reference
	for _, s := range t {
		if s.ref != nil {
			refs = append(refs, s.ref)
		}
	}
	return refs
}

// whole returns the reference that is all there is to t, or nil.
func (t template) whole() *reference {
	if len(t) == 1 {
		return t[0].ref
	}
	return nil
}

// expand replaces the references by what get says they stand for.
func (t template) expand(get func(*reference) string) string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.literal)
		if s.ref != nil {
			b.WriteString(get(s.ref))
		}
	}
	return b.String()
}
