package spec

import (
	"errors"
	"fmt"
	"log/slog"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// A Built is a pipeline ready to run, and its parts as their builders returned them,
// to be asked for what they can do besides.
type Built struct {
	Pipeline *pipeline.Pipeline
	Source   any
	Stages   []any // without those that only gather
	Sink     any
	Outlets  map[pipeline.Outlet]any
}

// Build makes the pipeline. Of env the logger and the catalog are used, if given; the
// rest is that of the file. tune may change the engine's configuration: its hooks, say.
//
// A sink that is a [pipeline.Offsets] keeps the marks of record, unless tune has named
// another. Nothing is opened. A Spec may be built more than once.
func (s *Spec) Build(env plugin.Env, tune ...func(*pipeline.Config)) (*Built, error) {
	return s.build(env, s.Config.Name, nil, tune)
}

// build makes the pipeline called name, from its source on or from the changes of
// head on.
func (s *Spec) build(env plugin.Env, name string, head Head, tune []func(*pipeline.Config)) (*Built, error) {
	if s.unresolved {
		return nil, fault.New(fault.ConfigReference, "%s was loaded without resolving its references", s.file)
	}
	env.Pipeline, env.Dir, env.Inexact = name, s.dir, s.Config.Schema.Inexact
	if env.Logger == nil {
		env.Logger = slog.Default()
	}
	if env.Catalog == nil {
		env.Catalog = cdc.NewCatalog(nil)
	}
	env.Tables = env.Catalog.Tables()
	b := &Built{Outlets: map[pipeline.Outlet]any{}}
	instances := make([]plugin.Instance, len(s.steps))
	skip := 0 // the steps that head stands for
	if head != nil {
		skip = s.changesFrom()
	}
	var changes []*cdc.Table // as head has to give them
	var errs []error
	for i, st := range s.steps {
		if i == skip {
			changes = env.Tables
		}
		x, err := st.part.Build(env, st.With)
		if err != nil {
			errs = append(errs, s.failed(st, err))
			continue
		}
		instances[i] = x
		if m, ok := x.Part.(plugin.TableMapper); ok {
			env.Tables = m.MapTables(env.Tables)
		}
		switch {
		case i < skip:
		case st.kind == pipeline.SourceKind:
			b.Source = x.Part
		case st.kind == pipeline.SinkKind:
			b.Sink = x.Part
		case st.kind == pipeline.OutletKind:
			b.Outlets[pipeline.Outlet(st.name())] = x.Part
		case !st.part.Gathers:
			b.Stages = append(b.Stages, x.Part)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	cfg := pipeline.Config{
		InFlight: s.Config.Limits.InFlight, InFlightBytes: int(s.Config.Limits.InFlightBytes), DrainTimeout: s.Config.Limits.DrainTimeout,
		CommitEvery: s.Config.Commit.Every, CommitRecords: s.Config.Commit.Records,
		Logger: env.Logger,
	}
	for _, f := range tune {
		f(&cfg)
	}
	if o, ok := b.Sink.(pipeline.Offsets); ok && cfg.Offsets == nil {
		cfg.Offsets = o
	}
	b.Pipeline = pipeline.New(name, cfg)
	var flow pipeline.AnyFlow
	var gather []pipeline.Option // of the step that comes next
	if head != nil {
		source, err := head(changes)
		if err != nil {
			return nil, err
		}
		b.Source, flow = source, pipeline.From(b.Pipeline, "source", source)
	}
	for i, st := range s.steps {
		if i < skip || head != nil && st.past() {
			continue
		}
		out, err := instances[i].Wire(b.Pipeline, flow, st.name(), append(gather, st.options()...)...)
		if err != nil {
			return nil, s.failed(st, err)
		}
		flow, gather = out, instances[i].Options()
	}
	if head != nil {
		pipeline.Bind(b.Pipeline, pipeline.Stale, pipeline.Discard)
	}
	if err := b.Pipeline.Validate(); err != nil {
		return nil, fault.Wrap(fault.ConfigValue, fmt.Errorf("%s: %w", s.file, err))
	}
	return b, nil
}

// options returns a step's options for the engine.
func (s *step) options() []pipeline.Option {
	if s.kind == pipeline.SourceKind || s.part.Gathers {
		return nil
	}
	opts := []pipeline.Option{pipeline.WithRetry(s.Retry.policy()), pipeline.WithBreaker(s.Breaker.policy())}
	if s.Workers > 0 {
		opts = append(opts, pipeline.Workers(s.Workers))
	}
	if s.Lanes > 0 {
		opts = append(opts, pipeline.Lanes(s.Lanes))
	}
	if s.Buffer != nil {
		opts = append(opts, pipeline.Buffer(*s.Buffer))
	}
	return opts
}

// failed says which step could not be built, and quotes no secret. It does not wrap
// err, whose text might.
func (s *Spec) failed(st *step, err error) error {
	code, what := classified(err)
	return fault.New(code, "%s: %s: %s", st.at(), st.path, s.secret.hide(what))
}
