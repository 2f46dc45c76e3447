package dlq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// ToYAML returns JSON as YAML, in its order. Numbers keep their digits.
func ToYAML(text []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := writeYAML(&b, text, 0); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return bytes.TrimLeft(b.Bytes(), " \n"), nil
}

func indent(b *bytes.Buffer, depth int) {
	b.WriteByte('\n')
	for range depth {
		b.WriteString("  ")
	}
}

// maxDepth bounds how deeply what is written or read nests.
const maxDepth = 100

func writeYAML(b *bytes.Buffer, text []byte, depth int) error {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return errors.New("no JSON")
	}
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	switch text[0] {
	case '{':
		o, err := parseObject(text)
		if err != nil {
			return err
		}
		if len(o) == 0 {
			b.WriteString(" {}")
			return nil
		}
		for _, m := range o {
			indent(b, depth)
			b.Write(yamlText(m.name))
			b.WriteByte(':')
			if err := writeYAML(b, m.raw, depth+1); err != nil {
				return err
			}
		}
		return nil
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			return err
		}
		if len(items) == 0 {
			b.WriteString(" []")
			return nil
		}
		for _, item := range items {
			indent(b, depth)
			b.WriteByte('-')
			at := b.Len()
			if err := writeYAML(b, item, depth+1); err != nil {
				return err
			}
			if rest := b.Bytes()[at:]; rest[0] == '\n' { // what is nested begins beside the dash
				rest = bytes.Clone(bytes.TrimLeft(rest, "\n "))
				b.Truncate(at)
				b.WriteByte(' ')
				b.Write(rest)
			}
		}
		return nil
	case '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		b.WriteByte(' ')
		b.Write(yamlText(s))
		return nil
	}
	b.WriteByte(' ')
	b.Write(text)
	return nil
}

// clearText matches texts that mean themselves in YAML.
var clearText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)

// notText matches texts that YAML, of any version, takes for something else.
var notText = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)

func yamlText(s string) []byte {
	if clearText.MatchString(s) && !notText.MatchString(s) {
		return []byte(s)
	}
	return appendText(nil, s)
}

// FromYAML returns the JSON of a YAML document. Numbers keep their digits; what is
// neither a number, true, false nor null is text. Anchors and tags are refused.
func FromYAML(text []byte) ([]byte, error) {
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if len(f.Docs) != 1 || f.Docs[0].Body == nil {
		return nil, errors.New("it is empty, or several documents")
	}
	return appendNode(nil, f.Docs[0].Body, 0)
}

func appendNode(b []byte, n ast.Node, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	var err error
	switch n := n.(type) {
	case *ast.MappingNode:
		return appendMapping(b, n.Values, depth)
	case *ast.MappingValueNode:
		return appendMapping(b, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		b = append(b, '[')
		for i, item := range n.Values {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendNode(b, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case *ast.StringNode:
		if tok := n.GetToken(); tok.Value == tok.Origin && isNumber(n.Value) {
			return append(b, n.Value...), nil
		}
		return appendText(b, n.Value), nil
	case *ast.LiteralNode:
		return appendText(b, n.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode:
		v := n.GetToken().Value
		if !isNumber(v) {
			return nil, fmt.Errorf("line %d: %q is not a number as JSON has them", n.GetToken().Position.Line, v)
		}
		return append(b, v...), nil
	case *ast.BoolNode:
		if n.Value {
			return append(b, "true"...), nil
		}
		return append(b, "false"...), nil
	case *ast.NullNode:
		return append(b, "null"...), nil
	}
	return nil, fmt.Errorf("line %d: %s is not taken here", n.GetToken().Position.Line, n.Type())
}

func appendMapping(b []byte, values []*ast.MappingValueNode, depth int) ([]byte, error) {
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		name := v.Key.GetToken().Value
		switch k := v.Key.(type) {
		case *ast.StringNode:
			name = k.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		default:
			return nil, fmt.Errorf("line %d: %s is no name", v.Key.GetToken().Position.Line, v.Key.Type())
		}
		var err error
		if b, err = appendNode(append(appendText(b, name), ':'), v.Value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func isNumber(s string) bool { return number.MatchString(s) }
