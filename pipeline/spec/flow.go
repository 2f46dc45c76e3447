package spec

import (
	"fmt"
	"reflect"
	"slices"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// stageNames is the order of the stages that have one. A program's own stages may
// stand anywhere before what gathers.
var stageNames = []string{"decode", "hydrate", "validate", "schema_check", "stale_check", "transform", "batch"}

// stageOrder reports stages that stand where they cannot, and whether there are none.
func (l *loader) stageOrder() (ok bool) {
	ok = true
	wrong := func(s *step, what, fix string) {
		ok = false
		l.add(fault.ConfigOrder, s.at(), s.path, what, fix)
	}
	var last, gatherer *step
	for _, s := range l.stages() {
		rank := slices.Index(stageNames, s.Use)
		switch {
		case gatherer != nil:
			wrong(s, fmt.Sprintf("%s stands after %s, which gathers for the sink", s.Use, gatherer.Use), fmt.Sprintf("move %s to the end of the stages", gatherer.Use))
		case rank >= 0 && last != nil && rank < slices.Index(stageNames, last.Use):
			wrong(s, fmt.Sprintf("%s stands after %s", s.Use, last.Use), "the order is "+list(stageNames))
		case rank >= 0:
			last = s
		}
		if gatherer == nil && s.part.Gathers {
			gatherer = s
		}
	}
	return ok
}

func (l *loader) stages() []*step {
	return slices.DeleteFunc(slices.Clone(l.spec.steps), func(s *step) bool { return s.kind != pipeline.StageKind })
}

// types reports steps that do not take what the one before them gives.
func (l *loader) types() {
	var gives reflect.Type // nil if it is not known
	var from *step
	for _, s := range l.spec.steps {
		if s.kind == pipeline.OutletKind {
			break
		}
		if !s.known {
			gives = nil
			continue
		}
		if takes := s.part.In; takes != nil && gives != nil && takes != gives {
			what := fmt.Sprintf("%s takes %v, but %s before it gives %v", s.Use, takes, from.Use, gives)
			l.add(fault.ConfigOrder, s.at(), s.path, what, l.bridge(gives, takes))
		}
		if s.part.Out != nil {
			gives, from = s.part.Out, s
		} else if s.part.In != nil {
			gives = nil
		}
	}
}

// bridge says which stages make one type of the other.
func (l *loader) bridge(from, to reflect.Type) string {
	var between []string
	for _, p := range l.registry.Parts() {
		if p.Kind == pipeline.StageKind && p.In == from && p.Out == to {
			between = append(between, p.Name)
		}
	}
	if len(between) == 0 {
		return fmt.Sprintf("no stage makes %v of %v: use another part", to, from)
	}
	return "put " + list(between) + " between them"
}
