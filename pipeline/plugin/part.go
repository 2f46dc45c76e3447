package plugin

import (
	"fmt"
	"reflect"

	"cdcpipe/pipeline"
)

// A Part describes a registered source, stage, sink or outlet.
type Part struct {
	Kind      pipeline.Kind
	Name, Doc string

	// In and Out are the types of the records it takes and makes, nil where there
	// are none. A stage for flows of any type has neither.
	In, Out reflect.Type

	// Gathers says that it is no step of its own, but gathers for the one that
	// follows; see [Gather].
	Gathers bool

	config func() any
	build  func(env Env, cfg any) (Instance, error)
}

// A Validator is a configuration that can say what is wrong with itself. An error,
// or one of several joined, that begins with the name of an option, a colon and a
// space is reported at that option: "tables[0].match: is required". It must not
// quote secrets.
type Validator interface{ Validate() error }

// Config returns a pointer to a new copy of the part's default configuration, to
// decode options into.
func (p Part) Config() any { return p.config() }

// Build validates cfg, which [Part.Config] has returned, and makes the part. A nil
// cfg stands for the default. Nothing is opened or started.
func (p Part) Build(env Env, cfg any) (Instance, error) {
	if cfg == nil {
		cfg = p.config()
	}
	if v, ok := cfg.(Validator); ok {
		if err := v.Validate(); err != nil {
			return Instance{}, err
		}
	}
	return p.build(env, cfg)
}

// An Instance is a part that has been built and can be wired, once.
type Instance struct {
	// Part is what the builder returned: a [pipeline.Source], [pipeline.Stage],
	// [pipeline.Judge], [pipeline.Gatherer] or [pipeline.Sink], which may be asked for
	// optional interfaces.
	Part any

	wire func(p *pipeline.Pipeline, in pipeline.AnyFlow, name string, opts []pipeline.Option) (pipeline.AnyFlow, error)
}

// Wire adds the instance to p as the step called name, which takes in. It returns
// the step's flow, nil where there is none. A source and an outlet ignore in, and
// an outlet's name is that of the outlet. The error is a [*TypeError].
func (i Instance) Wire(p *pipeline.Pipeline, in pipeline.AnyFlow, name string, opts ...pipeline.Option) (pipeline.AnyFlow, error) {
	return i.wire(p, in, name, opts)
}

// Options returns what a part that gathers asks of the step after it.
func (i Instance) Options() []pipeline.Option {
	g, ok := i.Part.(gathering)
	if !ok {
		return nil
	}
	records, bytes, linger := g.Gather()
	opts := []pipeline.Option{pipeline.Batches(records, linger)}
	if bytes > 0 { // else a limit of the step's own stands
		opts = append(opts, pipeline.BatchBytes(bytes))
	}
	return opts
}

// A gathering is the gatherer of a part made by [Gather]. Sinks and stages that
// gather for themselves are asked by the engine.
type gathering struct{ pipeline.Gatherer }

// A TypeError reports a step that is given what it does not take.
type TypeError struct{ Want, Got reflect.Type }

func (e *TypeError) Error() string {
	if e.Got == nil {
		return "takes records, but is given none"
	}
	return fmt.Sprintf("takes %v, but is given %v", e.Want, e.Got)
}

func typed[T any](f pipeline.AnyFlow) (*pipeline.Flow[T], error) {
	if t, ok := f.(*pipeline.Flow[T]); ok {
		return t, nil
	}
	err := &TypeError{Want: reflect.TypeFor[T]()}
	if f != nil {
		err.Got = f.Elem()
	}
	return nil, err
}
