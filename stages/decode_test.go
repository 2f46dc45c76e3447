package stages_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/stages"
)

const events = "../testdata/events/"

// captured reads the change events of a file.
func captured(t testing.TB, file string) []*cdc.Event {
	t.Helper()
	f, err := os.Open(events + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var evs []*cdc.Event
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r struct{ Topic, Key, Value string }
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		evs = append(evs, &cdc.Event{Topic: r.Topic, Key: []byte(r.Key), Value: []byte(r.Value)})
	}
	return evs
}

// definitions returns the tables of the captured events.
func definitions(t testing.TB) []*cdc.Table {
	t.Helper()
	src, err := os.ReadFile(events + "tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cdc.ParseCQL(string(src))
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()
}

func newDecode(t testing.TB, catalog *cdc.Catalog) *stages.Decode {
	t.Helper()
	d, err := stages.NewDecode(stages.DefaultDecode(), catalog)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// spoiled are events of which none is a change.
func spoiled(t testing.TB) (evs []*cdc.Event, want []pipeline.Outlet) {
	good := captured(t, "orders.jsonl")[0]
	for _, x := range []struct {
		from, to string
		outlet   pipeline.Outlet
	}{
		{`{"ts_ms"`, `ts_ms`, pipeline.DeadLetter}, {`"a"`, "\"\xff\"", pipeline.DeadLetter}, {`"op":"i"`, `"op":"x"`, pipeline.DeadLetter}, {`"op":"i"`, `"op":"i","op":"u"`, pipeline.DeadLetter}, {`"after"`, `"past"`, pipeline.DeadLetter}, {`{`, "\x00\x00\x00\x00\x01{", pipeline.DeadLetter},
		{`"table":"orders"`, `"table":"other"`, pipeline.Invalid}, {`"1.50"`, `"one"`, pipeline.Invalid}, {`"qty"`, `"quantity"`, pipeline.Invalid}, {`"customer":{"value":1`, `"customer":{"value":null`, pipeline.Invalid},
	} {
		if !strings.Contains(string(good.Value), x.from) {
			t.Fatalf("no %s in %s", x.from, good.Value)
		}
		evs = append(evs, &cdc.Event{Topic: good.Topic, Value: []byte(strings.Replace(string(good.Value), x.from, x.to, 1))})
		want = append(want, x.outlet)
	}
	return evs, want
}

// decodeAll runs events through a decode stage in a pipeline.
func decodeAll(t testing.TB, d *stages.Decode, batch int, evs []*cdc.Event) (out []pipeline.Record[*cdc.Change], rejects []pipeline.Reject, dropped map[string]int64) {
	t.Helper()
	var log pipelinetest.Log[*cdc.Event]
	for _, ev := range evs {
		log.Append("t/0", 0, ev)
	}
	var got pipelinetest.Collector[*cdc.Change]
	var refused pipelinetest.Collector[pipeline.Reject]
	p := pipeline.New("test", pipeline.Config{Logger: quiet})
	pipeline.To(pipeline.Then(pipeline.From(p, "log", log.Reader(batch, false)), "decode", d), "out", &got)
	for _, o := range d.Outlets() {
		pipeline.Bind(p, o, &refused)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range refused.All() {
		rejects = append(rejects, r.Value)
	}
	return got.All(), rejects, p.Stats().Steps[1].Dropped
}

func TestDecode(t *testing.T) {
	t.Parallel()
	good := captured(t, "orders.jsonl")
	bad, want := spoiled(t)
	tombstone := &cdc.Event{Key: []byte(`{"id":1}`)}
	var evs []*cdc.Event
	for i, ev := range good {
		evs = append(evs, ev)
		if i < len(bad) {
			evs = append(evs, bad[i], tombstone)
		}
	}
	out, rejects, dropped := decodeAll(t, newDecode(t, cdc.NewCatalog(nil, definitions(t)...)), 7, evs)
	if len(out) != len(good) {
		t.Fatalf("%d changes of %d events", len(out), len(good))
	}
	for i, r := range out {
		if r.Value.Event != good[i] || r.Key != r.Value.Hash() {
			t.Errorf("change %d: key %d, event %p", i, r.Key, r.Value.Event)
		}
	}
	if dropped["tombstone"] != int64(len(bad)) {
		t.Errorf("dropped %v", dropped)
	}
	got := map[*cdc.Event]pipeline.Reject{}
	for _, r := range rejects {
		got[r.Value.(*cdc.Event)] = r
	}
	for i, ev := range bad {
		r, ok := got[ev]
		if !ok || r.Outlet != want[i] || fault.CodeOf(r.Cause) == fault.Unknown {
			t.Errorf("event %d: got %s, %v, want %s", i, r.Outlet, r.Cause, want[i])
		}
	}
}

func TestDecodeConformance(t *testing.T) {
	t.Parallel()
	defs := definitions(t)
	pipelinetest.StageSuite[*cdc.Event, *cdc.Change]{
		New: func(t testing.TB) pipeline.Stage[*cdc.Event, *cdc.Change] {
			return newDecode(t, cdc.NewCatalog(nil, defs...))
		},
		Inputs: func() []*cdc.Event {
			bad, _ := spoiled(t)
			return append(append(captured(t, "users.jsonl"), bad...), &cdc.Event{Key: []byte("{}")})
		},
		Concurrent: true,
	}.Run(t)
}

// TestDecodeWaits keeps events while the source of definitions does not answer.
func TestDecodeWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		defs := definitions(t)
		asked := 0
		catalog := cdc.NewCatalog(cdc.LoaderFunc(func(_ context.Context, keyspace, name string) (*cdc.Table, error) {
			if asked++; asked <= 3 {
				return nil, fault.Wrap(fault.CassandraDown, errors.New("no host answers"))
			}
			for _, d := range defs {
				if d.Keyspace == keyspace && d.Name == name {
					return d, nil
				}
			}
			return nil, nil
		}))
		evs := captured(t, "types.jsonl")
		out, rejects, _ := decodeAll(t, newDecode(t, catalog), 10, evs)
		if len(out) != len(evs) || len(rejects) > 0 {
			t.Errorf("%d changes and %d rejects of %d events", len(out), len(rejects), len(evs))
		}
	})
}

func TestDecodeConfig(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stages.DecodeConfig){
		"max_bytes": func(c *stages.DecodeConfig) { c.MaxBytes = -1 }, "max_depth": func(c *stages.DecodeConfig) { c.MaxDepth = 1 },
		"unknown_columns": func(c *stages.DecodeConfig) { c.UnknownColumns = "drop" }, "collections": func(c *stages.DecodeConfig) { c.Collections = "no" }, "varint": func(c *stages.DecodeConfig) { c.Varint = "no" },
		"urls": func(c *stages.DecodeConfig) { c.Registry.URLs = []string{"registry:8081"} },
		"both": func(c *stages.DecodeConfig) {
			c.Registry = stages.RegistryConfig{URLs: []string{"http://registry"}, Token: "t", Username: "u"}
		},
	} {
		c := stages.DefaultDecode()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
