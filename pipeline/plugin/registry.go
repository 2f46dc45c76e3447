package plugin

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"cdcpipe/pipeline"
)

// A Registry holds parts by kind and name. The zero value holds one, the outlet
// "discard". There is no global registry: a program says what it is made of, and
// so can a test. Parts are registered by one goroutine, before any other uses it.
type Registry struct{ parts map[key]Part }

type key struct {
	kind pipeline.Kind
	name string
}

var wellFormed = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Part returns the part of that kind and name.
func (r *Registry) Part(kind pipeline.Kind, name string) (Part, bool) {
	k := key{kind, name}
	if k == discardKey {
		return discardPart(), true
	}
	p, ok := r.parts[k]
	return p, ok
}

// Parts lists what is registered, sorted by kind and name.
func (r *Registry) Parts() []Part {
	ps := append(slices.Collect(maps.Values(r.parts)), discardPart())
	slices.SortFunc(ps, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return ps
}

// Names lists the names of the parts of a kind, sorted.
func (r *Registry) Names(kind pipeline.Kind) []string {
	var names []string
	for _, p := range r.Parts() {
		if p.Kind == kind {
			names = append(names, p.Name)
		}
	}
	return names
}

// add panics on what is a mistake in the program, not in its input.
func (r *Registry) add(p Part) {
	k := key{p.Kind, p.Name}
	if !wellFormed.MatchString(p.Name) {
		panic(fmt.Sprintf("plugin: %s %q: a name is lower-case letters, digits and underscores", p.Kind, p.Name))
	}
	if _, taken := r.Part(p.Kind, p.Name); taken {
		panic(fmt.Sprintf("plugin: %s %q is registered already", p.Kind, p.Name))
	}
	if r.parts == nil {
		r.parts = map[key]Part{}
	}
	r.parts[k] = p
}

var discardKey = key{pipeline.OutletKind, "discard"}

func discardPart() Part {
	return outlet("discard", "forgets what it is given: records that leave by the outlet are lost", struct{}{},
		func(Env, struct{}) (pipeline.Sink[pipeline.Reject], error) { return pipeline.Discard, nil })
}
