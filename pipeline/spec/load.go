package spec

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// Options say how a file is loaded. The zero value is usable.
type Options struct {
	// Environ is the environment, as [os.Environ] returns it, which is the default.
	Environ []string

	// Set gives options by path, limits.in_flight, over those of the environment and
	// the file. Lists are written with commas.
	Set map[string]string

	// Resolvers find what references stand for, by scheme. Those of env and file are
	// there already.
	Resolvers map[string]Resolver

	// Unresolved leaves references as they are, to check or show a file where its
	// secrets are not. What they stand for is not checked, and Build refuses.
	Unresolved bool
}

// A Spec is a configuration that was loaded and found right.
type Spec struct {
	Config Config // references resolved; it holds secrets

	file, dir  string
	steps      []*step // source, stages, sink, outlets
	root       *node
	secret     *redactor // by pointer, so that nothing that prints a Spec shows it
	unresolved bool
}

// Load reads the file at path; see [Parse].
func Load(ctx context.Context, path string, r *plugin.Registry, opts Options) (*Spec, error) {
	data, err := read(path)
	if err != nil {
		return nil, fault.Wrap(fault.ConfigFile, err)
	}
	return Parse(ctx, path, data, r, opts)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// Parse makes a Spec of data, of which file is the name in errors; relative paths in
// it are relative to its folder. Parts are those of r.
//
// The error joins everything that is wrong, sorted by position; see [Problems]. Nothing
// is opened or read but what references name, and nothing is half done.
func Parse(ctx context.Context, file string, data []byte, r *plugin.Registry, opts Options) (*Spec, error) {
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	dir := filepath.Dir(file)
	l := &loader{
		problems: new(problems), registry: r,
		spec:      &Spec{Config: Default(), file: file, dir: dir, unresolved: opts.Unresolved},
		resolvers: map[string]Resolver{"env": environment(opts.Environ), "file": files(dir)},
	}
	maps.Copy(l.resolvers, opts.Resolvers)
	if root := parseYAML(file, data, l.problems); root != nil {
		l.load(ctx, root, opts)
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	l.spec.secret = &l.secret
	return l.spec, nil
}

// A loader makes one Spec.
type loader struct {
	*problems
	registry  *plugin.Registry
	resolvers map[string]Resolver
	spec      *Spec
	base      Config // what steps begin from: the file's, or the default where that is wrong
}

func (l *loader) load(ctx context.Context, root *node, opts Options) {
	root.Entries = slices.DeleteFunc(root.Entries, func(e entry) bool { return len(e.Key) > 2 && e.Key[:2] == "x-" })
	spellOut(root)
	root = l.layer(root, opts.Environ, opts.Set)
	if !l.version(root) {
		return // other versions know other keys
	}
	l.resolve(ctx, root, opts.Unresolved)
	l.hydrate(root)
	l.spec.root = root
	cfg := &l.spec.Config
	d := &decoder{problems: l.problems}
	d.value(root, reflect.ValueOf(cfg).Elem(), "", false)
	l.sections(root, cfg)

	l.spec.steps = l.order(d.steps)
	for _, s := range l.spec.steps {
		l.step(d, s)
	}
	l.names()
	if l.stageOrder() {
		l.types()
	}
	l.outlets()
}

// spellOut turns steps that are just a name into keys and values, so that options
// from elsewhere can join them.
func spellOut(root *node) {
	root.get("source").spell()
	root.get("sink").spell()
	if outlets := root.get("outlets"); outlets != nil {
		for _, e := range outlets.Entries {
			e.Value.spell()
		}
	}
}

// spell turns the name of a part into a step's keys and values.
func (n *node) spell() {
	if n != nil && n.Kind == text {
		use := *n
		*n = node{Kind: mapping, At: n.At, Entries: []entry{{"use", n.At, &use}}}
	}
}

func (l *loader) version(root *node) bool {
	at, what := root.At, "version is missing"
	if v := root.get("version"); v != nil {
		if n, err := parseInt(v.Text, 0); err == nil && n == Version && (v.Kind == integer || v.Loose) {
			return true
		}
		at, what = v.At, "expected version 1, found "+found(v, false)
	}
	l.add(fault.ConfigVersion, at, "", what, fmt.Sprintf("write version: %d", Version))
	return false
}

// sections checks what is not a step.
func (l *loader) sections(root *node, cfg *Config) {
	if c := cfg.Schema.Cassandra; c != nil {
		c.Port = cmp.Or(c.Port, defaultCassandraPort)
		c.Consistency = cmp.Or(c.Consistency, defaultConsistency)
	}
	if c := cfg.Canary; c != nil {
		c.Keyspace, c.Table = cmp.Or(c.Keyspace, defaultCanaryKeyspace), cmp.Or(c.Table, defaultCanaryTable)
		c.Every, c.Silence = cmp.Or(c.Every, defaultCanaryEvery), cmp.Or(c.Silence, defaultCanarySilence)
		if cfg.Schema.Cassandra == nil {
			l.add(fault.ConfigValue, root.get("canary").At, "canary", "there is no Cassandra to write to", "give schema.cassandra")
		}
	}
	if n := root.get("name"); n == nil {
		l.add(fault.ConfigValue, root.At, "name", "is required", "name the pipeline in lower-case letters, digits, _ and -")
	} else if !n.Bad && !wellFormed.MatchString(cfg.Name) {
		l.add(fault.ConfigValue, n.At, "name", "expected lower-case letters, digits, _ and -, "+"found "+found(n, false), "")
	}
	for name, section := range map[string]plugin.Validator{
		"schema": cfg.Schema, "limits": cfg.Limits, "commit": cfg.Commit, "retry": cfg.Retry,
		"breaker": cfg.Breaker, "admin": cfg.Admin, "redis": cfg.Redis, "canary": cfg.Canary, "tracing": cfg.Tracing, "log": cfg.Log,
	} {
		if n := root.get(name); n != nil {
			l.validate(section, n, name, n.At)
		}
	}
	l.base = *cfg
	if cfg.Retry.Validate() != nil {
		l.base.Retry = Default().Retry
	}
	if cfg.Breaker.Validate() != nil {
		l.base.Breaker = Default().Breaker
	}
	env := plugin.Env{Dir: l.spec.dir}
	for i := range cfg.Schema.CQL {
		cfg.Schema.CQL[i] = env.Path(cfg.Schema.CQL[i])
	}
	if c := cfg.Schema.Cassandra; c != nil {
		c.TLS = c.TLS.Under(env.Path)
	}
	if r := cfg.Redis; r != nil {
		r.TLS = r.TLS.Under(env.Path)
	}
}

// order puts steps into the order of the flow, and says of what kind they are.
func (l *loader) order(steps []*step) []*step {
	rank := map[pipeline.Kind]int{pipeline.SourceKind: 0, pipeline.StageKind: 1, pipeline.SinkKind: 2, pipeline.OutletKind: 3}
	for _, s := range steps {
		s.kind = kindAt(s.path)
	}
	slices.SortStableFunc(steps, func(a, b *step) int {
		c := cmp.Compare(rank[a.kind], rank[b.kind])
		if c == 0 && a.kind == pipeline.OutletKind {
			c = cmp.Compare(a.path, b.path)
		}
		return c
	})
	for _, kind := range []pipeline.Kind{pipeline.SourceKind, pipeline.SinkKind} {
		if !slices.ContainsFunc(steps, func(s *step) bool { return s.kind == kind }) && l.spec.root.get(string(kind)) == nil {
			l.add(fault.ConfigValue, l.spec.root.At, string(kind), "is required", "use one of "+list(l.registry.Names(kind)))
		}
	}
	if outlets := l.spec.root.get("outlets"); outlets != nil {
		for _, e := range outlets.Entries {
			if e.Value.Kind == null {
				l.add(fault.ConfigValue, e.At, "outlets."+e.Key, "is bound to nothing", "use one of "+list(l.registry.Names(pipeline.OutletKind)))
				delete(l.spec.Config.Outlets, e.Key)
			}
		}
	}
	return steps
}
