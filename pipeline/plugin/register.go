package plugin

import (
	"fmt"
	"reflect"

	"cdcpipe/pipeline"
)

// Source registers a source. It panics if the name is taken among the sources, as
// every function of its kind does.
func Source[C, T any](r *Registry, name, doc string, def C, build func(Env, C) (pipeline.Source[T], error)) {
	p := part(pipeline.SourceKind, name, doc, def, build,
		func(s pipeline.Source[T], p *pipeline.Pipeline, _ pipeline.AnyFlow, step string, opts []pipeline.Option) (pipeline.AnyFlow, error) {
			return pipeline.From(p, step, s, opts...), nil
		})
	p.Out = reflect.TypeFor[T]()
	r.add(p)
}

// Stage registers a stage.
func Stage[C, In, Out any](r *Registry, name, doc string, def C, build func(Env, C) (pipeline.Stage[In, Out], error)) {
	p := part(pipeline.StageKind, name, doc, def, build,
		func(s pipeline.Stage[In, Out], _ *pipeline.Pipeline, in pipeline.AnyFlow, step string, opts []pipeline.Option) (pipeline.AnyFlow, error) {
			f, err := typed[In](in)
			if err != nil {
				return nil, err
			}
			return pipeline.Then(f, step, s, opts...), nil
		})
	p.In, p.Out = reflect.TypeFor[In](), reflect.TypeFor[Out]()
	r.add(p)
}

// Judge registers a stage for flows of any type, which decides by header alone.
func Judge[C any](r *Registry, name, doc string, def C, build func(Env, C) (pipeline.Judge, error)) {
	r.add(part(pipeline.StageKind, name, doc, def, build,
		func(j pipeline.Judge, _ *pipeline.Pipeline, in pipeline.AnyFlow, step string, opts []pipeline.Option) (pipeline.AnyFlow, error) {
			if in == nil {
				return nil, &TypeError{}
			}
			return pipeline.Judged(in, step, j, opts...), nil
		}))
}

// Gather registers a part that stands among the stages, for flows of any type, and
// is no step: it has the step that follows gather its input into batches.
//
// An identity stage that gathers would not do. Lanes split what it sends among
// them, so that a sink of eight lanes would write batches an eighth of the size
// asked for; a step that gathers for itself does so in each lane.
func Gather[C any](r *Registry, name, doc string, def C, build func(Env, C) (pipeline.Gatherer, error)) {
	p := part(pipeline.StageKind, name, doc, def,
		func(env Env, cfg C) (gathering, error) {
			g, err := build(env, cfg)
			if g == nil && err == nil {
				err = fmt.Errorf("%s: the gatherer is nil", name)
			}
			return gathering{g}, err
		},
		func(_ gathering, _ *pipeline.Pipeline, in pipeline.AnyFlow, _ string, _ []pipeline.Option) (pipeline.AnyFlow, error) {
			return in, nil
		})
	p.Gathers = true
	r.add(p)
}

// Sink registers a sink.
func Sink[C, T any](r *Registry, name, doc string, def C, build func(Env, C) (pipeline.Sink[T], error)) {
	p := part(pipeline.SinkKind, name, doc, def, build,
		func(s pipeline.Sink[T], _ *pipeline.Pipeline, in pipeline.AnyFlow, step string, opts []pipeline.Option) (pipeline.AnyFlow, error) {
			f, err := typed[T](in)
			if err != nil {
				return nil, err
			}
			pipeline.To(f, step, s, opts...)
			return nil, nil
		})
	p.In = reflect.TypeFor[T]()
	r.add(p)
}

// Outlet registers a sink that outlets can be bound to. Outlets are a kind of their
// own, so that a sink and an outlet may share a name.
func Outlet[C any](r *Registry, name, doc string, def C, build func(Env, C) (pipeline.Sink[pipeline.Reject], error)) {
	r.add(outlet(name, doc, def, build))
}

func outlet[C any](name, doc string, def C, build func(Env, C) (pipeline.Sink[pipeline.Reject], error)) Part {
	p := part(pipeline.OutletKind, name, doc, def, build,
		func(s pipeline.Sink[pipeline.Reject], p *pipeline.Pipeline, _ pipeline.AnyFlow, outlet string, opts []pipeline.Option) (pipeline.AnyFlow, error) {
			pipeline.Bind(p, pipeline.Outlet(outlet), s, opts...)
			return nil, nil
		})
	p.In = reflect.TypeFor[pipeline.Reject]()
	return p
}

// part erases the types of a part, but for those its closures know.
func part[C, P any](kind pipeline.Kind, name, doc string, def C, build func(Env, C) (P, error),
	wire func(P, *pipeline.Pipeline, pipeline.AnyFlow, string, []pipeline.Option) (pipeline.AnyFlow, error),
) Part {
	return Part{
		Kind: kind, Name: name, Doc: doc,
		config: func() any { c := clone(def); return &c },
		build: func(env Env, cfg any) (Instance, error) {
			c, ok := cfg.(*C)
			if !ok {
				return Instance{}, fmt.Errorf("%s %s: the configuration is a %T, not a %T", kind, name, cfg, c)
			}
			x, err := build(env, *c)
			if err != nil {
				return Instance{}, err
			}
			return Instance{Part: x, wire: func(p *pipeline.Pipeline, in pipeline.AnyFlow, step string, opts []pipeline.Option) (pipeline.AnyFlow, error) {
				return wire(x, p, in, step, opts)
			}}, nil
		},
	}
}
