package plugin_test

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/pipeline/plugin"
)

type none struct{}

type readConfig struct {
	Batch int
	Tags  map[string][]string
}

func (c readConfig) Validate() error {
	if c.Batch < 1 {
		return fmt.Errorf("batch: must be positive, not %d", c.Batch)
	}
	return nil
}

type gatherConfig struct{ Records, Bytes int }

func (c gatherConfig) Gather() (records, bytes int, linger time.Duration) {
	return c.Records, c.Bytes, time.Minute
}

// parts registers one part of each kind.
func parts(l *pipelinetest.Log[string], to pipeline.Sink[int], rejects pipeline.Sink[pipeline.Reject]) *plugin.Registry {
	r := new(plugin.Registry)
	plugin.Source(r, "log", "reads a log", readConfig{Batch: 10, Tags: map[string][]string{"a": {"b"}}},
		func(_ plugin.Env, c readConfig) (pipeline.Source[string], error) {
			return l.Reader(c.Batch, false), nil
		})
	plugin.Stage(r, "atoi", "parses integers", none{},
		func(plugin.Env, none) (pipeline.Stage[string, int], error) { return pipeline.Map(strconv.Atoi), nil })
	plugin.Judge(r, "odd", "drops even offsets", none{},
		func(plugin.Env, none) (pipeline.Judge, error) {
			return pipeline.JudgeFunc(func(h *pipeline.Header) error {
				if h.Offset%2 == 0 {
					return errors.New("even")
				}
				return nil
			}), nil
		})
	plugin.Gather(r, "batch", "gathers", gatherConfig{Records: 25},
		func(_ plugin.Env, c gatherConfig) (pipeline.Gatherer, error) { return c, nil })
	plugin.Sink(r, "collect", "collects", none{},
		func(plugin.Env, none) (pipeline.Sink[int], error) { return to, nil })
	plugin.Outlet(r, "collect", "collects rejects", none{},
		func(plugin.Env, none) (pipeline.Sink[pipeline.Reject], error) { return rejects, nil })
	return r
}

// build returns an instance of a part with its default configuration.
func build(t *testing.T, r *plugin.Registry, kind pipeline.Kind, name string) plugin.Instance {
	t.Helper()
	p, ok := r.Part(kind, name)
	if !ok {
		t.Fatalf("no %s %s", kind, name)
	}
	i, err := p.Build(plugin.Env{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestWire(t *testing.T) {
	t.Parallel()
	var l pipelinetest.Log[string]
	for i := range 100 {
		l.Append("t/0", 0, strconv.Itoa(i))
	}
	var got pipelinetest.Collector[int]
	var bad pipelinetest.Collector[pipeline.Reject]
	r := parts(&l, &got, &bad)
	p := pipeline.New("demo", pipeline.Config{})
	wire := func(kind pipeline.Kind, name, step string, in pipeline.AnyFlow, opts ...pipeline.Option) pipeline.AnyFlow {
		f, err := build(t, r, kind, name).Wire(p, in, step, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := wire(pipeline.SourceKind, "log", "log", nil)
	f = wire(pipeline.StageKind, "odd", "odd", f)
	f = wire(pipeline.StageKind, "atoi", "atoi", f, pipeline.Workers(2))
	f = wire(pipeline.StageKind, "batch", "batch", f)
	wire(pipeline.SinkKind, "collect", "sink", f, build(t, r, pipeline.StageKind, "batch").Options()...)
	wire(pipeline.OutletKind, "collect", "dead_letter", nil)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := len(got.All()), 50; got != want {
		t.Errorf("got %d records, want %d", got, want)
	}
	if got, want := len(bad.All()), 50; got != want {
		t.Errorf("got %d rejects, want %d", got, want)
	}
	if got, want := got.Batches(), 2; got != want {
		t.Errorf("the sink got %d batches, want %d: what gathers has to reach it", got, want)
	}
	if got, want := l.Committed("t/0"), int64(100); got != want {
		t.Errorf("committed %d, want %d", got, want)
	}
}

func TestWireTypes(t *testing.T) {
	t.Parallel()
	r := parts(new(pipelinetest.Log[string]), new(pipelinetest.Collector[int]), nil)
	p := pipeline.New("demo", pipeline.Config{})
	f, err := build(t, r, pipeline.SourceKind, "log").Wire(p, nil, "log")
	if err != nil {
		t.Fatal(err)
	}
	_, err = build(t, r, pipeline.SinkKind, "collect").Wire(p, f, "sink")
	if te, ok := errors.AsType[*plugin.TypeError](err); !ok || te.Want != reflect.TypeFor[int]() || te.Got != reflect.TypeFor[string]() {
		t.Errorf("got %v", err)
	}
	for _, tc := range []struct {
		kind pipeline.Kind
		name string
	}{{pipeline.StageKind, "atoi"}, {pipeline.StageKind, "odd"}, {pipeline.SinkKind, "collect"}} {
		if _, err := build(t, r, tc.kind, tc.name).Wire(p, nil, "x"); err == nil || !strings.Contains(err.Error(), "given none") {
			t.Errorf("%s without input: got %v", tc.name, err)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	r := parts(nil, nil, nil)
	var got []string
	for _, p := range r.Parts() {
		got = append(got, fmt.Sprint(p.Kind, " ", p.Name, " ", p.In, " ", p.Out))
	}
	want := []string{
		"outlet collect pipeline.Reject <nil>", "outlet discard pipeline.Reject <nil>", "sink collect int <nil>",
		"source log <nil> string", "stage atoi string int", "stage batch <nil> <nil>", "stage odd <nil> <nil>",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := r.Names(pipeline.StageKind); !reflect.DeepEqual(got, []string{"atoi", "batch", "odd"}) {
		t.Errorf("got %q", got)
	}
	if p, _ := r.Part(pipeline.StageKind, "batch"); !p.Gathers {
		t.Error("batch does not gather")
	}
	if _, ok := new(plugin.Registry).Part(pipeline.OutletKind, "discard"); !ok {
		t.Error("an empty registry has no discard")
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	p, _ := parts(new(pipelinetest.Log[string]), nil, nil).Part(pipeline.SourceKind, "log")
	c := p.Config().(*readConfig)
	c.Batch = 0
	c.Tags["a"][0] = "changed"
	if _, err := p.Build(plugin.Env{}, c); err == nil || err.Error() != "batch: must be positive, not 0" {
		t.Errorf("got %v", err)
	}
	if got, want := p.Config().(*readConfig), (&readConfig{Batch: 10, Tags: map[string][]string{"a": {"b"}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the default is %v now, want %v", got, want)
	}
	if _, err := p.Build(plugin.Env{}, &none{}); err == nil || !strings.Contains(err.Error(), "is a *plugin_test.none, not a *plugin_test.readConfig") {
		t.Errorf("got %v", err)
	}
	r := new(plugin.Registry)
	plugin.Gather(r, "batch", "", none{}, func(plugin.Env, none) (pipeline.Gatherer, error) { return nil, nil })
	g, _ := r.Part(pipeline.StageKind, "batch")
	if _, err := g.Build(plugin.Env{}, nil); err == nil {
		t.Error("a nil gatherer was accepted")
	}
}

func TestRegisterPanics(t *testing.T) {
	t.Parallel()
	sink := func(plugin.Env, none) (pipeline.Sink[pipeline.Reject], error) { return pipeline.Discard, nil }
	for _, names := range [][]string{{"a", "a"}, {"discard"}, {""}, {"Upper"}, {"a-b"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was accepted", names)
				}
			}()
			r := new(plugin.Registry)
			for _, n := range names {
				plugin.Outlet(r, n, "", none{}, sink)
			}
		}()
	}
}

func TestOptionsKeepsByteLimit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		bytes, want int // batches of one record, limited to 1 byte by the sink itself
	}{{0, 4}, {100, 1}} {
		var l pipelinetest.Log[string]
		for range 4 {
			l.Add(pipeline.Header{Partition: "t/0", Size: 1}, "1")
		}
		s := &narrow{}
		p := pipeline.New("demo", pipeline.Config{})
		f := pipeline.From(p, "log", l.Reader(4, false))
		r := new(plugin.Registry)
		plugin.Gather(r, "batch", "", gatherConfig{10, tc.bytes}, func(_ plugin.Env, c gatherConfig) (pipeline.Gatherer, error) { return c, nil })
		pipeline.To(f, "sink", s, build(t, r, pipeline.StageKind, "batch").Options()...)
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Batches(); got != tc.want {
			t.Errorf("%d bytes: got %d batches, want %d", tc.bytes, got, tc.want)
		}
	}
}

type narrow struct{ pipelinetest.Collector[string] }

func (*narrow) Gather() (records, bytes int, linger time.Duration) { return 10, 1, time.Minute }
