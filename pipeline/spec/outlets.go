package spec

import (
	"fmt"
	"maps"
	"slices"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// outlets reports those that are used and not bound, and those that are bound though
// nothing uses them.
func (l *loader) outlets() {
	if n := l.spec.root.get("outlets"); n != nil && n.Kind != mapping {
		return
	}
	bound := map[pipeline.Outlet]*step{}
	users := map[pipeline.Outlet][]*step{pipeline.DeadLetter: nil, pipeline.Invalid: nil, pipeline.Stale: nil}
	complete := true // we know all uses
	for _, s := range l.spec.steps {
		if s.kind == pipeline.OutletKind {
			bound[pipeline.Outlet(s.name())] = s
			continue
		}
		complete = complete && s.built
		for _, o := range s.uses() {
			users[o] = append(users[o], s)
		}
	}
	choice := list(l.registry.Names(pipeline.OutletKind))
	for _, o := range slices.Sorted(maps.Keys(users)) {
		if len(users[o]) == 0 || bound[o] != nil || l.spec.root.get("outlets").has(string(o)) {
			continue
		}
		var names []string
		for _, s := range users[o] {
			names = append(names, s.name())
		}
		l.add(fault.ConfigOutlet, users[o][0].at(), users[o][0].path,
			fmt.Sprintf("the outlet %q is used by %s and bound to nothing", o, list(names)),
			fmt.Sprintf("add it under outlets, %s: {use: ...} with one of %s", o, choice))
	}
	if !complete {
		return
	}
	known := make([]string, 0, len(users))
	for _, o := range slices.Sorted(maps.Keys(users)) {
		known = append(known, string(o))
	}
	for o, s := range bound {
		if _, ok := users[o]; !ok {
			l.add(fault.ConfigOutlet, l.keyOf("outlets", string(o)), s.path, fmt.Sprintf("no step uses an outlet %q", o), didYouMean(string(o), known))
		}
	}
}

// keyOf returns where a key of a section stands.
func (l *loader) keyOf(section, key string) Position {
	n := l.spec.root.get(section)
	i := slices.IndexFunc(n.Entries, func(e entry) bool { return e.Key == key })
	return n.Entries[i].At
}

// uses lists the outlets of a step, as the engine finds them.
func (s *step) uses() []pipeline.Outlet {
	if !s.built || s.part.Gathers || s.kind != pipeline.StageKind && s.kind != pipeline.SinkKind {
		return nil
	}
	if d, ok := s.trial.Part.(pipeline.Diverter); ok {
		return d.Outlets()
	}
	return []pipeline.Outlet{pipeline.DeadLetter}
}
