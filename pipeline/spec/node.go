package spec

import (
	"strconv"
	"strings"
)

// A kind says what a node is.
type kind int

const (
	null kind = iota
	boolean
	integer
	float
	text
	sequence
	mapping
)

// A node is a value of the configuration and where it is written. Its fields are
// exported because koanf copies what it is given by reflection.
type node struct {
	Kind    kind
	Text    string // of a scalar
	Items   []*node
	Entries []entry
	At      Position

	// Loose text is of whatever type is asked for. It comes from a reference, the
	// environment or the caller, where a number cannot be told from a text.
	Loose bool

	// Raw is Text before its references were resolved, empty if it has none.
	Raw string

	// Bad values cannot be used: they could not be resolved, or have been found
	// wrong. What depends on them is not checked.
	Bad bool
}

// An entry is a key of a mapping and its value.
type entry struct {
	Key   string
	At    Position // of the key
	Value *node
}

// get returns the value of a key, or nil. A null is as good as nothing.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.Entries {
		if e.Key == key && e.Value.Kind != null {
			return e.Value
		}
	}
	return nil
}

// find returns the node at a path such as tables[0].match, or nil.
func (n *node) find(path string) *node {
	for _, key := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if n == nil {
			return nil
		}
		if n.Kind == sequence {
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(n.Items) {
				return nil
			}
			n = n.Items[i]
			continue
		}
		n = n.get(key)
	}
	return n
}

// nearest returns the node that find would, or else the innermost it lies in.
func (n *node) nearest(path string) *node {
	for ; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if found := n.find(path); found != nil {
			return found
		}
	}
	return n
}

// walk calls f for n and everything in it, with its path.
func (n *node) walk(path string, f func(path string, n *node)) {
	if n == nil {
		return
	}
	f(path, n)
	for _, e := range n.Entries {
		e.Value.walk(join(path, e.Key), f)
	}
	for i, item := range n.Items {
		item.walk(index(path, i), f)
	}
}

// bad reports whether anything in n is.
func (n *node) bad() (found bool) {
	n.walk("", func(_ string, n *node) { found = found || n.Bad })
	return found
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
