package main

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"cdcpipe/configs"
)

// A collected server keeps the spans that it is sent by OTLP.
type collected struct {
	mu    sync.Mutex
	spans []*v1.Span
}

func (c *collected) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	var m collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range m.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			c.spans = append(c.spans, ss.GetSpans()...)
		}
	}
}

// named returns the spans of a name.
func (c *collected) named(name string) (found []*v1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	return found
}

// has reports whether a span has an attribute of that text.
func has(s *v1.Span, key, value string) bool {
	return slices.ContainsFunc(s.GetAttributes(), func(a *common.KeyValue) bool {
		return a.GetKey() == key && strings.Contains(a.GetValue().String(), value)
	})
}

const tracedFile = `version: 1
name: traced
schema: {cql: [tables.cql]}
source: {use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"], topics: [cdc.shop.orders, cdc.shop.users], group: traced, metadata_max_age: 1s}}
stages: [decode, validate]
sink: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
outlets:
  dead_letter: {use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"], topic: letters}}
  invalid: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
  stale: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
admin: {listen: "127.0.0.1:0"}
tracing: {endpoint: "${env:COLLECTOR}"}
`

// The spans of a run, from Kafka to PostgreSQL and the outlets, arrive at a collector;
// where none answers the run is the same.
func TestTracing(t *testing.T) {
	s := stack(t)
	t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
	t.Setenv("PG_DSN", s.DSN())
	dir := t.TempDir()
	tables, err := configs.FS.ReadFile("tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"traced.yaml": []byte(tracedFile), "tables.cql": tables} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "traced.yaml")
	rs := shop()
	rs[0].Headers = []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}}
	produce(t, s.Brokers(), rs...)

	merged := func(sql, want string) {
		t.Helper()
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() }, func() bool { return got() == want })
	}
	c := new(collected)
	server := httptest.NewServer(c)
	defer server.Close()
	t.Setenv("COLLECTOR", server.URL)
	stop := running(t, "run", "-f", file)
	merged("SELECT count(*) FROM shop.orders", "2")
	merged("SELECT age FROM shop.users", "30")
	const stale = "SELECT count(*) FROM cdcpipe.staleness_audit"
	until(t, func() string { return "no letter" }, func() bool { return records(t, s.Brokers(), "letters") == 1 })
	if code, stderr := stop(); code != 0 || strings.Contains(stderr, "CDC-8019") {
		t.Fatalf("exit %d\n%s", code, stderr)
	}

	roots := map[string]*v1.Span{} // by trace
	for _, topic := range []string{"cdc.shop.orders", "cdc.shop.users"} {
		for _, r := range c.named("process " + topic) {
			roots[hex.EncodeToString(r.GetTraceId())] = r
			if r.GetKind() != v1.Span_SPAN_KIND_CONSUMER || len(r.GetParentSpanId()) != 0 || !has(r, "messaging.consumer.group.name", "traced") {
				t.Errorf("root %v", r)
			}
		}
	}
	if len(roots) < 2 {
		t.Fatalf("%d roots of %d spans", len(roots), len(c.spans))
	}
	linked := 0
	for _, r := range roots {
		for _, l := range r.GetLinks() {
			if hex.EncodeToString(l.GetTraceId()) == "0af7651916cd43dd8448eb211c80319c" {
				linked++
			}
		}
	}
	if linked != 1 {
		t.Errorf("%d batches are linked to the producer", linked)
	}
	children := func(name string, of func(*v1.Span) bool) {
		t.Helper()
		found := c.named(name)
		if len(found) == 0 {
			t.Errorf("there is no span %s", name)
		}
		for _, f := range found {
			if !of(f) {
				t.Errorf("%s stands elsewhere: %v", name, f)
			}
		}
	}
	ofRoot := func(f *v1.Span) bool {
		r := roots[hex.EncodeToString(f.GetTraceId())]
		return r != nil && string(r.GetSpanId()) == string(f.GetParentSpanId())
	}
	for _, name := range []string{"receive cdc.shop.orders", "receive cdc.shop.users", "decode", "validate", "write postgres", "send letters"} {
		children(name, ofRoot)
	}
	below := func(parent string) func(*v1.Span) bool {
		return func(f *v1.Span) bool {
			return slices.ContainsFunc(c.named(parent), func(p *v1.Span) bool { return string(p.GetSpanId()) == string(f.GetParentSpanId()) }) &&
				f.GetKind() == v1.Span_SPAN_KIND_CLIENT && has(f, "db.system.name", "postgresql")
		}
	}
	if len(c.named("BATCH INSERT")) == 0 {
		children("INSERT shop.orders", below("write postgres"))
	}
	children("commit", func(f *v1.Span) bool { return len(f.GetParentSpanId()) == 0 })
	for _, sent := range c.named("send letters") {
		if sent.GetKind() != v1.Span_SPAN_KIND_PRODUCER || !has(sent, "cdcpipe.error.codes", "CDC-1001") || !has(sent, "messaging.destination.name", "letters") {
			t.Errorf("send: %v", sent)
		}
		if got := header(t, s.Brokers(), "letters", "cdcpipe.trace_id"); got != hex.EncodeToString(sent.GetTraceId()) {
			t.Errorf("the letter is of trace %q, sent in %x", got, sent.GetTraceId())
		}
	}
	if n := answer(t.Context(), s.DSN(), stale); n != "0" {
		children("INSERT staleness_audit", below("send stale"))
	}

	// Without a collector.
	server.Close()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	stop = running(t, "run", "-f", file)
	more := shop()[3]
	more.Key, more.Value = []byte(`{"customer":1,"placed":"a","item":9}`), []byte(strings.ReplaceAll(string(more.Value), cell("2"), cell("9")))
	produce(t, s.Brokers(), more)
	merged("SELECT count(*) FROM shop.orders", "3")
	if code, stderr := stop(); code != 0 || strings.Count(stderr, "CDC-8019") != 1 {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

// consumed returns what is in a topic.
func consumed(t *testing.T, brokers []string, topic string) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	return cl.PollFetches(t.Context()).Records()
}

func records(t *testing.T, brokers []string, topic string) int {
	t.Helper()
	return len(consumed(t, brokers, topic))
}

func header(t *testing.T, brokers []string, topic, key string) string {
	t.Helper()
	for _, r := range consumed(t, brokers, topic) {
		for _, h := range r.Headers {
			if h.Key == key {
				return string(h.Value)
			}
		}
	}
	return ""
}
