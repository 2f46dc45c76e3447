package spec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"cdcpipe/pipeline/fault"
)

// Limits of a file. The parser takes time quadratic in some of them.
const (
	maxBytes  = 256 << 10
	maxTokens = 50_000
	maxDepth  = 50
	maxNodes  = 50_000 // after aliases have been replaced by what they stand for
)

// A reader makes nodes of YAML.
type reader struct {
	file    string
	anchors map[string]*node
	nodes   int
	*problems
}

// parseYAML returns the mapping that data holds, or nil if there is a problem.
func parseYAML(file string, data []byte, ps *problems) (n *node) {
	r := &reader{file: file, anchors: map[string]*node{}, problems: ps}
	start := Position{file, 1, 1}
	defer func() {
		if v := recover(); v != nil { // a mistake of the parser is no reason to fall
			r.add(fault.ConfigSyntax, start, "", fmt.Sprintf("the YAML parser cannot read the file: %v", v), "write it more plainly")
			n = nil
		}
	}()
	if len(data) > maxBytes {
		r.add(fault.ConfigSyntax, start, "", fmt.Sprintf("the file is larger than %d bytes", maxBytes), "a pipeline needs far less")
		return nil
	}
	doc := r.document(data)
	if doc == nil || len(r.found) > 0 {
		return nil
	}
	n = r.node(doc, 0)
	switch {
	case len(r.found) > 0:
		return nil
	case n.Kind == null:
		r.add(fault.ConfigSyntax, start, "", "the file is empty", "begin it with version: 1")
		return nil
	case n.Kind != mapping:
		r.add(fault.ConfigSyntax, n.At, "", "expected keys and values, found "+found(n, true), "begin the file with version: 1")
		return nil
	}
	return n
}

// document returns the one document in data.
func (r *reader) document(data []byte) (doc ast.Node) {
	start := Position{r.file, 1, 1}
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		r.add(fault.ConfigSyntax, start, "", "the file has too many parts", "a pipeline needs far fewer")
		return nil
	}
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		default:
		}
		if depth > maxDepth {
			r.tooDeep(r.at(t))
			return nil
		}
	}
	f, err := parser.Parse(tokens, 0)
	if err != nil {
		at, what := start, err.Error()
		if e, ok := errors.AsType[yaml.Error](err); ok {
			what = e.GetMessage()
			if t := e.GetToken(); t != nil {
				at = r.at(t)
			}
		}
		r.add(fault.ConfigSyntax, at, "", what, advice(data, at.Line))
		return nil
	}
	for _, d := range f.Docs {
		if _, directive := d.Body.(*ast.DirectiveNode); directive || d.Body == nil {
			continue
		}
		if doc != nil {
			r.add(fault.ConfigSyntax, r.at(d.Body.GetToken()), "", "a second document begins here", "keep one pipeline in a file")
			return nil
		}
		doc = d.Body
	}
	if doc == nil {
		r.add(fault.ConfigSyntax, start, "", "the file is empty", "begin it with version: 1")
	}
	return doc
}

// advice says what is often wrong with a line that cannot be parsed.
func advice(data []byte, line int) string {
	lines := strings.Split(string(data), "\n")
	if line > len(lines) {
		return ""
	}
	switch l := lines[line-1]; {
	case strings.Contains(l, "${"):
		return `within { } and [ ] a reference has to be quoted: "${env:NAME}"`
	case strings.HasPrefix(strings.TrimLeft(l, " "), "\t"):
		return "indent with spaces"
	default:
		return ""
	}
}

func (r *reader) at(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{r.file, 1, 1}
	}
	return Position{r.file, max(1, t.Position.Line), max(1, t.Position.Column)}
}

func (r *reader) tooDeep(at Position) {
	r.add(fault.ConfigSyntax, at, "", fmt.Sprintf("values nest deeper than %d levels", maxDepth), "")
}
