package spec_test

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

// TestRoundTrip builds one pipeline from a file and the same in Go, and expects them to
// do the same with the same records.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	fill := func(w *world) {
		for i := range 100 {
			v := strconv.Itoa(i)
			if i%10 == 3 {
				v = "x" + v
			}
			w.log.Append(pipeline.Partition("t/"+strconv.Itoa(i%3)), uint64(i), v)
		}
	}
	var file, code world
	fill(&file)
	b, err := mustParse(t, &file, whole, "DSN=postgres://x").Build(plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if file.dsn != "postgres://x" {
		t.Errorf("the sink was given the address %q", file.dsn)
	}

	fill(&code)
	p := pipeline.New("shop", pipeline.Config{Offsets: &code.offsets})
	raw := pipeline.From(p, "kafka", code.log.Reader(10, false))
	numbers := pipeline.Then(raw, "decode", pipeline.Map(strconv.Atoi))
	checked := pipeline.Then(numbers, "validate", pipeline.Stage[int, int](check{70}), pipeline.Workers(2))
	pipeline.To(checked, "postgres", pipeline.Sink[int](&table{&code.table, &code.offsets}), pipeline.Lanes(1), pipeline.Batches(25, time.Minute), pipeline.BatchBytes(1<<20))
	pipeline.Bind(p, pipeline.DeadLetter, &code.rejects)
	pipeline.Bind(p, pipeline.Invalid, &code.rejects)
	pipeline.Bind(p, pipeline.Stale, pipeline.Discard)

	for _, p := range []*pipeline.Pipeline{b.Pipeline, p} {
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	outcome := func(w *world, p *pipeline.Pipeline) string {
		values := w.table.Values()
		slices.Sort(values)
		var rejects, steps []string
		for _, r := range w.rejects.Values() {
			rejects = append(rejects, fmt.Sprint(r.Outlet, r.Step, r.Value, r.Cause))
		}
		slices.Sort(rejects)
		for _, s := range p.Stats().Steps {
			steps = append(steps, fmt.Sprint(s.Name, s.Kind, s.In, s.Out, s.Dropped, s.Diverted, s.Breaker))
		}
		marks := []int64{w.offsets.Get("t/0").Offset, w.offsets.Get("t/1").Offset, w.offsets.Get("t/2").Offset}
		return fmt.Sprint(values, "\n", w.table.Batches(), "\n", rejects, "\n", steps, "\n", marks)
	}
	got, want := outcome(&file, b.Pipeline), outcome(&code, p)
	if got != want {
		t.Errorf("from the file:\n%s\nin Go:\n%s", got, want)
	}
	if n := file.table.Batches(); n != 3 { // 63 records, 25 at a time
		t.Errorf("the sink was given %d batches, want 3", n)
	}
	if got := file.offsets.Get("t/0").Offset; got != 34 {
		t.Errorf("the mark of record is %d, want 34: the sink keeps them", got)
	}
}

// TestFlows builds pipelines of all shapes that fit.
func TestFlows(t *testing.T) {
	t.Parallel()
	const table = "sink: {use: postgres, with: {dsn: x}}\n"
	for name, text := range map[string]string{
		"no stage":        "source: numbers\n" + table,
		"decoded already": "source: numbers\nstages: [validate, batch]\n" + table,
		"own stages": "source: {use: kafka, with: {topics: [a]}}\n" +
			"stages: [sample, decode, own, validate, {use: own, id: mine}, transform, {use: own, id: last}, batch]\n" + table,
		"not decoded":              "source: {use: kafka, with: {topics: [a]}}\nstages: [sample, batch]\nsink: print\n",
		"two of a kind":            "source: numbers\nstages: [transform, {use: transform, id: again, lanes: 3, buffer: 0}]\n" + table,
		"gathered by what follows": "source: numbers\nstages: [transform, {use: batch, with: {records: 3, bytes: 0}}]\n" + table,
	} {
		s, err := parse(t, new(world), "version: 1\nname: x\noutlets: {dead_letter: discard, invalid: discard, stale: {use: discard, lanes: 2}}\n"+text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := s.Build(plugin.Env{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBuilt(t *testing.T) {
	t.Parallel()
	var w, other world
	s := mustParse(t, &w, whole, "DSN=x")
	b, err := s.Build(plugin.Env{}, func(c *pipeline.Config) { c.Offsets = &other.offsets })
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Sink.(*table); !ok || len(b.Stages) != 2 || b.Source == nil || b.Outlets["stale"] != pipeline.Discard {
		t.Errorf("got %T, %d stages, %T, %v", b.Sink, len(b.Stages), b.Source, b.Outlets)
	}
	w.log.Append("t/0", 0, "1")
	if err := b.Pipeline.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.offsets.Get("t/0").Offset != 0 || other.offsets.Get("t/0").Offset != 1 {
		t.Error("the offsets of the caller's choice were not used")
	}
	if _, err := s.Build(plugin.Env{}); err != nil {
		t.Errorf("a second pipeline: %v", err)
	}
}

func TestStepPolicies(t *testing.T) {
	t.Parallel()
	s := mustParse(t, new(world), `
version: 1
name: x
retry: {min: 2s, max: 20s}
breaker: {failures: 7}
source: {use: kafka, with: {topics: a}}
stages: [decode]
sink: {use: postgres, retry: {min: 5s, attempts: 3}, breaker: {failures: 0}, with: {dsn: x}}
outlets: {dead_letter: discard, stale: discard}
`[1:], `CDCPIPE_SOURCE__WITH__TOPICS=a, b`)
	got := s.Config.Sink
	if r := *got.Retry; r.Min != 5*time.Second || r.Max != 20*time.Second || r.Attempts != 3 || r.Alone != 10 {
		t.Errorf("retry is %+v", r)
	}
	if b := *got.Breaker; b.Failures != 0 || b.Delay != 30*time.Second {
		t.Errorf("breaker is %+v", b)
	}
	if r := *s.Config.Stages[0].Retry; r.Min != 2*time.Second || r.Attempts != 0 {
		t.Errorf("the stage's retry is %+v", r)
	}
	if got, want := s.Config.Source.With.(*logConfig).Topics, []string{"a", "b"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	b, err := s.Build(plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range b.Pipeline.Stats().Steps {
		if st.Name == "postgres" && st.Breaker != "" {
			t.Errorf("the sink has a breaker, which is %s", st.Breaker)
		}
	}
}

// TestSpecIsNotTold prints everything there is of a Spec that knows a secret.
func TestSpecIsNotTold(t *testing.T) {
	t.Parallel()
	s := mustParse(t, new(world), whole+"redis: {address: \"a:1\", password: \"${env:DSN}\"}\nadmin: {token: \"${env:DSN}\"}\n", "DSN=hunter2")
	if got := fmt.Sprintf("%+v %#v %+v", s, *s, s.Config); strings.Contains(got, "hunter2") {
		t.Errorf("told: %s", got)
	}
}

// TestBuildFails: what only shows when a pipeline is built is said where it stands, and
// without what references stand for.
func TestBuildFails(t *testing.T) {
	t.Parallel()
	r := parts(new(world))
	plugin.Sink(r, "late", "refuses the second time", tableConfig{}, func(env plugin.Env, c tableConfig) (pipeline.Sink[int], error) {
		if env.Catalog.Lookup("shop", "users") != nil {
			return nil, fault.New(fault.TableRefused, "users at %s", c.DSN)
		}
		return new(pipelinetest.Collector[int]), nil
	})
	text := strings.Replace(strings.Replace(whole, "stale: discard", "", 1), "use: postgres", "use: late", 1)
	s, err := spec.Parse(t.Context(), "shop.yaml", []byte(text), r, spec.Options{Environ: []string{"DSN=hunter2"}})
	if err != nil {
		t.Fatal(err)
	}
	users, err := cdc.ParseCQL("CREATE TABLE shop.users (id int PRIMARY KEY);")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Build(plugin.Env{Catalog: cdc.NewCatalog(nil, users.Tables()...)})
	if want := "CDC-3006 shop.yaml:8:13: sink: users at ${env:DSN}"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A pipeline from changes on goes without the file's source and what stands before
// them, and has a name and marks of its own.
func TestBuildFrom(t *testing.T) {
	t.Parallel()
	r := new(plugin.Registry)
	var sink pipelinetest.Collector[*cdc.Change]
	var names []string
	plugin.Source(r, "events", "", struct{}{}, func(plugin.Env, struct{}) (pipeline.Source[*cdc.Event], error) {
		return new(pipelinetest.Log[*cdc.Event]).Reader(1, false), nil
	})
	plugin.Stage(r, "decode", "", struct{}{}, func(plugin.Env, struct{}) (pipeline.Stage[*cdc.Event, *cdc.Change], error) {
		return pipeline.Map(func(*cdc.Event) (*cdc.Change, error) { return nil, nil }), nil
	})
	plugin.Stage(r, "hydrate", "", struct{}{}, func(plugin.Env, struct{}) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
		return facts{pipeline.Filter("all", func(*cdc.Change) bool { return false })}, nil
	})
	refuse := func(plugin.Env, struct{}) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
		return pipeline.Filter("old", func(*cdc.Change) bool { return false }), nil
	}
	plugin.Stage(r, "stale_check", "", struct{}{}, refuse)
	plugin.Sink(r, "collect", "", struct{}{}, func(env plugin.Env, _ struct{}) (pipeline.Sink[*cdc.Change], error) {
		names = append(names, env.Pipeline)
		return &sink, nil
	})
	s, err := spec.Parse(t.Context(), "p.yaml", []byte(`{version: 1, name: p, source: events, stages: [decode, hydrate, stale_check], sink: collect,
		outlets: {dead_letter: discard, stale: discard}}`), r, spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := cdc.ParseCQL("CREATE TABLE k.t (p int PRIMARY KEY)")
	if err != nil {
		t.Fatal(err)
	}
	var given []*cdc.Table
	var log pipelinetest.Log[*cdc.Change]
	b, err := s.BuildFrom(plugin.Env{Catalog: cdc.NewCatalog(nil, schema.Tables()...)}, "p-again",
		func(tables []*cdc.Table) (pipeline.Source[*cdc.Change], error) {
			given = tables
			log.Append("t/0", 1, &cdc.Change{Table: tables[0]})
			return log.Reader(1, false), nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Pipeline.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(given) != 1 || !given[0].Facts || len(sink.All()) != 1 || b.Pipeline.Name() != "p-again" || names[len(names)-1] != "p-again" {
		t.Errorf("given %v, %d arrived at %v", given, len(sink.All()), names)
	}
}

// facts makes tables those of facts.
type facts struct {
	pipeline.Stage[*cdc.Change, *cdc.Change]
}

func (facts) MapTables(in []*cdc.Table) (out []*cdc.Table) {
	for _, t := range in {
		out = append(out, t.OfFacts())
	}
	return out
}
