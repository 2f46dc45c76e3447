package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// A step is a [Step] and what is known of it.
type step struct {
	*Step
	kind pipeline.Kind
	path string
	node *node
	part plugin.Part // if known
	// known says that there is such a part, built that it could be built on trial.
	known, built bool
	trial        plugin.Instance
}

func kindAt(path string) pipeline.Kind {
	switch {
	case path == "source":
		return pipeline.SourceKind
	case path == "sink":
		return pipeline.SinkKind
	case strings.HasPrefix(path, "outlets."):
		return pipeline.OutletKind
	default:
		return pipeline.StageKind
	}
}

// name is the step's name in the pipeline.
func (s *step) name() string {
	switch {
	case s.kind == pipeline.OutletKind:
		return strings.TrimPrefix(s.path, "outlets.")
	case s.ID != "":
		return s.ID
	default:
		return s.Use
	}
}

// at is where the step names its part.
func (s *step) at() Position {
	if u := s.node.get("use"); u != nil {
		return u.At
	}
	return s.node.At
}

// keys lists what steps of each kind may be given. A part that gathers is no step.
var keys = map[pipeline.Kind][]string{
	pipeline.SourceKind: {"use", "id", "with"},
	pipeline.StageKind:  {"use", "id", "workers", "lanes", "buffer", "retry", "breaker", "with"},
	pipeline.SinkKind:   {"use", "id", "lanes", "buffer", "retry", "breaker", "with"},
	pipeline.OutletKind: {"use", "lanes", "buffer", "retry", "breaker", "with"},
}

var gatherKeys = []string{"use", "with"}

func (s *step) keys() []string {
	if s.part.Gathers {
		return gatherKeys
	}
	return keys[s.kind]
}

// step decodes a step and its part's options, and builds the part on trial.
func (l *loader) step(d *decoder, s *step) {
	if s.node.Kind != mapping {
		d.wrong(s.node, s.path, "the name of a part, or keys and values with use", "", true)
		return
	}
	s.Retry, s.Breaker = new(l.base.Retry), new(l.base.Breaker)
	l.find(d, s)
	fs := fields(reflect.ValueOf(s.Step).Elem())
	for _, e := range s.node.Entries {
		f, isKey := fs.named(e.Key)
		switch {
		case !isKey:
			d.unknown(e, s.path, s.place(e.Key))
		case !slices.Contains(s.keys(), e.Key):
			e.Value.Bad = true
			what, fix := fmt.Sprintf("%s takes no %s", a(s.kind), e.Key), "it takes "+list(s.keys())
			if s.part.Gathers {
				what, fix = fmt.Sprintf("%s is no step of its own and takes no %s", s.Use, e.Key), "give it to the step that follows"
			}
			l.add(fault.ConfigUnknown, e.At, s.path, what, fix)
		case e.Key != "with":
			d.value(e.Value, f.value, join(s.path, e.Key), false)
		}
	}
	l.bounds(s)
	if n := s.node.get("retry"); n != nil {
		l.validate(s.Retry, n, join(s.path, "retry"), n.At)
	}
	if n := s.node.get("breaker"); n != nil {
		l.validate(s.Breaker, n, join(s.path, "breaker"), n.At)
	}
	if s.known {
		l.with(d, s)
	}
}

// find looks up the part of a step.
func (l *loader) find(d *decoder, s *step) {
	names := l.registry.Names(s.kind)
	n := s.node.get("use")
	if n == nil {
		l.add(fault.ConfigValue, s.node.At, s.path, "use is required", "it names the part, one of "+list(names))
		return
	}
	d.value(n, reflect.ValueOf(&s.Use).Elem(), join(s.path, "use"), false)
	if n.Bad {
		return
	}
	if s.part, s.known = l.registry.Part(s.kind, s.Use); s.known {
		return
	}
	n.Bad = true
	what, fix := fmt.Sprintf("there is no %s %q", s.kind, s.Use), didYouMean(s.Use, names)
	for _, kind := range []pipeline.Kind{pipeline.SourceKind, pipeline.StageKind, pipeline.SinkKind, pipeline.OutletKind} {
		if _, elsewhere := l.registry.Part(kind, s.Use); elsewhere {
			what += fmt.Sprintf("; %q is %s", s.Use, a(kind))
			fix = "known are " + list(names)
			break
		}
	}
	l.add(fault.ConfigPart, n.At, join(s.path, "use"), what, fix)
}

// place says where a key that is unknown here belongs.
func (s *step) place(key string) string {
	if s.known {
		if v := reflect.ValueOf(s.part.Config()).Elem(); v.Kind() == reflect.Struct {
			if _, ok := fields(v).named(key); ok {
				return fmt.Sprintf("%s is an option of %s: write it under with", key, s.Use)
			}
		}
	}
	return didYouMean(key, s.keys())
}

// bounds checks what the engine would refuse without a position.
func (l *loader) bounds(s *step) {
	least := func(key string, value, low int) {
		if n := s.node.get(key); n != nil && !n.Bad && value < low {
			n.Bad = true
			l.add(fault.ConfigValue, n.At, join(s.path, key), fmt.Sprintf("must be at least %d, found %d", low, value), "")
		}
	}
	least("workers", s.Workers, 1)
	least("lanes", s.Lanes, 1)
	if s.Buffer != nil {
		least("buffer", *s.Buffer, 0)
	}
	if s.Workers > 1 && s.Lanes > 1 {
		l.add(fault.ConfigValue, s.node.get("lanes").At, join(s.path, "lanes"), "workers and lanes exclude one another", "give one of them")
	}
	if n := s.node.get("id"); n != nil && !n.Bad && !wellFormed.MatchString(s.ID) {
		l.add(fault.ConfigValue, n.At, join(s.path, "id"), "expected lower-case letters, digits, _ and -, found "+found(n, false), "")
	}
}

// with decodes the options of a part, and builds it on trial if they are right.
func (l *loader) with(d *decoder, s *step) {
	s.With = s.part.Config()
	path, n := join(s.path, "with"), s.node.get("with")
	d.value(n, reflect.ValueOf(s.With).Elem(), path, false)
	before := len(l.found)
	l.validate(s.With, n, path, s.at())
	if len(l.found) > before || n.bad() {
		return
	}
	var err error
	env := plugin.Env{
		Pipeline: l.spec.Config.Name, Logger: discardLogger(), Catalog: cdc.NewCatalog(nil), Dir: l.spec.dir, Inexact: l.spec.Config.Schema.Inexact,
	}
	if l.spec.Config.Schema.Cassandra != nil {
		env.Reader = unread{}
	}
	s.trial, err = s.part.Build(env, s.With)
	s.built = err == nil
	l.report(err, s.With, n, path, s.at())
}

// names reports steps that have the same one.
func (l *loader) names() {
	taken := map[string]*step{}
	for _, s := range l.spec.steps {
		name := s.name()
		if s.part.Gathers || name == "" {
			continue
		}
		if s.kind == pipeline.OutletKind && !wellFormed.MatchString(name) {
			l.add(fault.ConfigValue, s.at(), s.path, "the name of an outlet is lower-case letters, digits, _ and -", "")
		}
		if other, ok := taken[name]; ok {
			renamed := s
			if s.kind == pipeline.OutletKind {
				renamed = other
			}
			l.add(fault.ConfigValue, s.at(), s.path, fmt.Sprintf("the name %q is taken by %s", name, other.path), "give "+renamed.path+" an id")
			continue
		}
		taken[name] = s
	}
}

func a(kind pipeline.Kind) string {
	if kind == pipeline.OutletKind {
		return "an " + string(kind)
	}
	return "a " + string(kind)
}

// list writes names for people.
func list(names []string) string {
	if len(names) == 0 {
		return "none, for there is none"
	}
	return strings.Join(names, ", ")
}
