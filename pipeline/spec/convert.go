package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"cdcpipe/pipeline/fault"
)

// number matches what YAML takes for a number (core schema) and the parser, where it
// is large or has an exponent, for text.
var number = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// count reports whether there may be one more node. That there may not is said once.
func (r *reader) count(at Position, depth int) bool {
	if r.nodes > maxNodes {
		return false
	}
	switch r.nodes++; {
	case r.nodes > maxNodes:
		r.add(fault.ConfigSyntax, at, "", "the file has too many parts", "a pipeline needs far fewer; anchors multiply them")
	case depth > maxDepth:
		r.nodes = maxNodes + 1
		r.tooDeep(at)
	default:
		return true
	}
	return false
}

// node converts an AST. It returns a null where it reports a problem.
func (r *reader) node(a ast.Node, depth int) *node {
	if a == nil {
		return &node{At: Position{r.file, 1, 1}}
	}
	n := &node{At: r.at(a.GetToken())}
	if !r.count(n.At, depth) {
		return n
	}
	switch a := a.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		n.Kind, n.Text = boolean, strconv.FormatBool(a.Value)
	case *ast.IntegerNode:
		n.Kind, n.Text = integer, a.GetToken().Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.Kind, n.Text = float, a.GetToken().Value
	case *ast.StringNode:
		n.Kind, n.Text = text, a.Value
		if a.Token.Type == token.StringType && number.MatchString(a.Value) {
			n.Kind = integer
			if strings.ContainsAny(a.Value, ".eE") {
				n.Kind = float
			}
		}
	case *ast.LiteralNode:
		n.Kind, n.Text = text, a.Value.Value
	case *ast.SequenceNode:
		n.Kind = sequence
		for _, v := range a.Values {
			item := r.node(v, depth+1)
			if !a.IsFlowStyle && item.At.Line > n.At.Line && item.At.Column <= n.At.Column && item.Kind != null {
				r.add(fault.ConfigSyntax, item.At, "", "this is taken for part of the list before it, of which an item is empty", "remove the lone -")
			}
			n.Items = append(n.Items, item)
		}
	case *ast.MappingValueNode:
		n.Kind = mapping
		r.entries(n, []*ast.MappingValueNode{a}, depth)
	case *ast.MappingNode:
		n.Kind = mapping
		r.entries(n, a.Values, depth)
	case *ast.AnchorNode:
		n = r.node(a.Value, depth+1)
		r.anchors[a.Name.GetToken().Value] = n
	case *ast.AliasNode:
		return r.alias(a, depth)
	case *ast.TagNode:
		return r.tagged(a, depth)
	default:
		r.add(fault.ConfigSyntax, n.At, "", "this YAML is not supported here", "use plain keys, values and lists")
	}
	if n.Kind == mapping && len(n.Entries) > 0 && n.Entries[0].At.compare(n.At) < 0 {
		n.At = n.Entries[0].At // the parser takes a block's first colon for its place
	}
	return n
}

func (r *reader) entries(n *node, values []*ast.MappingValueNode, depth int) {
	var merged []entry
	for _, v := range values {
		at := r.at(v.Key.GetToken())
		var name string
		switch key := v.Key.(type) {
		case *ast.MergeKeyNode:
			merged = append(merged, r.merge(at, r.node(v.Value, depth+1))...)
			continue
		case *ast.StringNode:
			name = key.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			name = key.GetToken().Value
		default:
			r.add(fault.ConfigSyntax, at, "", "a key has to be a plain word", "")
			continue
		}
		if n.has(name) {
			r.add(fault.ConfigSyntax, at, "", fmt.Sprintf("the key %q is given twice", name), "remove one")
			continue
		}
		n.Entries = append(n.Entries, entry{name, at, r.node(v.Value, depth+1)})
	}
	for _, e := range merged {
		if !n.has(e.Key) {
			n.Entries = append(n.Entries, e)
		}
	}
}

func (n *node) has(key string) bool {
	return n != nil && slices.ContainsFunc(n.Entries, func(e entry) bool { return e.Key == key })
}

// merge returns the entries that <<: v stands for, the ones that count first.
func (r *reader) merge(at Position, v *node) []entry {
	from := []*node{v}
	if v.Kind == sequence {
		from = v.Items
	}
	var all []entry
	for _, m := range from {
		if m.Kind != mapping {
			r.add(fault.ConfigSyntax, at, "", "only mappings can be merged by <<", "")
			return nil
		}
		all = append(all, m.Entries...)
	}
	return all
}

func (r *reader) alias(a *ast.AliasNode, depth int) *node {
	name := a.Value.GetToken().Value
	n, ok := r.anchors[name]
	if !ok {
		at := r.at(a.GetToken())
		r.add(fault.ConfigSyntax, at, "", fmt.Sprintf("the alias *%s has no anchor before it", name), fmt.Sprintf("mark what it stands for with &%s", name))
		return &node{At: at}
	}
	return r.copy(n, depth)
}

// copy counts what it copies, so that aliases of aliases come to an end.
func (r *reader) copy(n *node, depth int) *node {
	c := *n
	if !r.count(n.At, depth) {
		return &node{At: n.At}
	}
	c.Items, c.Entries = slices.Clone(n.Items), slices.Clone(n.Entries)
	for i := range c.Items {
		c.Items[i] = r.copy(c.Items[i], depth+1)
	}
	for i := range c.Entries {
		c.Entries[i].Value = r.copy(c.Entries[i].Value, depth+1)
	}
	return &c
}

func (r *reader) tagged(a *ast.TagNode, depth int) *node {
	tag := a.GetToken().Value
	n := r.node(a.Value, depth+1)
	if tag != "!!str" || n.Kind > text {
		r.add(fault.ConfigSyntax, r.at(a.GetToken()), "", fmt.Sprintf("the tag %s is not supported", strings.TrimSpace(tag)), "remove it")
		return n
	}
	if n.Kind != null {
		n.Kind = text
	}
	return n
}
