package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
	"cdcpipe/pipeline/pipelinetest"
)

// topic is a source of events, a batch for each of its slices.
type topic struct {
	batches [][]*cdc.Event
	at      int
}

func (s *topic) Open(context.Context, pipeline.Partitions) error { return nil }
func (s *topic) Commit(context.Context, []pipeline.Mark) error   { return nil }
func (s *topic) Read(context.Context) (b pipeline.Batch[*cdc.Event], _ error) {
	if s.at == len(s.batches) {
		return b, io.EOF
	}
	es := s.batches[s.at]
	s.at++
	b = pipeline.NewBatch[*cdc.Event](len(es))
	part := pipeline.Partition(fmt.Sprintf("%s/%d", es[0].Topic, es[0].Partition))
	for _, e := range es {
		b.Append(pipeline.Header{Partition: part, Offset: e.Offset, Origin: e}, e)
		b.Through = pipeline.Mark{Partition: part, Offset: e.Offset}
	}
	return b, nil
}

// events makes a batch of n, each with a traceparent of its own.
func events(partition int32, first int64, n int) (es []*cdc.Event) {
	for i := range int64(n) {
		es = append(es, &cdc.Event{Topic: "cdc.shop.users", Partition: partition, Offset: first + i,
			Headers: []cdc.EventHeader{{Key: "traceparent", Value: fmt.Appendf(nil, "00-%032x-%016x-%02x", partition*1000+int32(first+i)+1, 7, i%4)}}})
	}
	return es
}

// watch returns a recorder and a tracer of it.
func watch(opts ...sdk.TracerProviderOption) (*tracetest.SpanRecorder, *obs.Tracer) {
	rec := tracetest.NewSpanRecorder()
	return rec, obs.NewTracer(sdk.NewTracerProvider(append(opts, sdk.WithSpanProcessor(rec))...), "shop", map[string]obs.Queue{
		"kafka": {System: "kafka", Group: "g"}, "dead_letter": {System: "kafka", Destination: "dlq"},
	})
}

// quiet is a configuration that tr listens to.
func quiet(tr *obs.Tracer, log io.Writer) pipeline.Config {
	l, err := obs.NewLogger(log, "info", obs.LogJSON, false)
	if err != nil {
		panic(err)
	}
	cfg := pipeline.Config{Logger: l}
	tr.Hook(&cfg.Hooks)
	return cfg
}

// said returns a span's attributes as text.
func said(s sdk.ReadOnlySpan) string { return list(s.Attributes()) }

func list(attrs []attribute.KeyValue) string {
	var all []string
	for _, a := range attrs {
		if a.Key == "cdcpipe.retry.wait" { // varies
			continue
		}
		all = append(all, string(a.Key)+"="+a.Value.String())
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func named(spans []sdk.ReadOnlySpan, name string) (found []sdk.ReadOnlySpan) {
	for _, s := range spans {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

var retries = pipeline.WithRetry(pipeline.Retry{Min: 1, Max: 1})

// Two batches, of which one record leaves as a dead letter, are gathered into one for
// a sink that fails once.
func TestTracer(t *testing.T) {
	t.Parallel()
	rec, tr := watch()
	var log bytes.Buffer
	p := pipeline.New("shop", quiet(tr, &log))
	src := &topic{batches: [][]*cdc.Event{events(0, 0, 100), events(1, 500, 2)}}
	f := pipeline.Then(pipeline.From(p, "kafka", src), "decode", pipeline.Map(func(e *cdc.Event) (*cdc.Event, error) {
		if e.Offset == 501 {
			return nil, fault.New(fault.MalformedJSON, "secret")
		}
		return e, nil
	}))
	n := 0
	pipeline.To(f, "postgres", pipeline.SinkFunc[*cdc.Event](func(ctx context.Context, recs []pipeline.Record[*cdc.Event]) error {
		if !trace.SpanFromContext(ctx).IsRecording() {
			t.Error("the sink is called without a span")
		}
		switch n++; n {
		case 1:
			return fault.New(fault.TargetDown, "secret")
		case 2:
			return &pipeline.Failures{Index: []int{1}, Errs: []error{pipeline.Divert(pipeline.DeadLetter, fault.New(fault.NulInText, "secret"))}}
		}
		return nil
	}), pipeline.Batches(1000, time.Hour), retries, pipeline.WithBreaker(pipeline.Breaker{Failures: 1, Delay: 1}))
	var letters []string
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
		for _, r := range recs {
			r.Value.Origin = &cdc.Event{} // without a trace of its own
			letters = append(letters, letter.Of(r).Trace)
		}
		return nil
	}))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := rec.Ended()

	roots := named(spans, "process cdc.shop.users")
	if len(roots) != 2 {
		t.Fatalf("%d roots", len(roots))
	}
	slices.SortFunc(roots, func(a, b sdk.ReadOnlySpan) int { return len(b.Links()) - len(a.Links()) })
	first, second := roots[0], roots[1]
	if got, want := said(first), "cdcpipe.offset.first=0 cdcpipe.offset.last=99 cdcpipe.pipeline=shop cdcpipe.records=100 cdcpipe.step=kafka "+
		"messaging.batch.message_count=100 messaging.consumer.group.name=g messaging.destination.name=cdc.shop.users messaging.destination.partition.id=0 "+
		"messaging.kafka.offset=0 messaging.operation.name=process messaging.operation.type=process messaging.system=kafka"; got != want || first.SpanKind() != trace.SpanKindConsumer {
		t.Errorf("root: got %s %s\nwant %s", first.SpanKind(), got, want)
	}
	// Of 100 producers' contexts, the first 32 that are sampled.
	if links := first.Links(); len(links) != 32 || links[0].SpanContext.TraceID().String() != fmt.Sprintf("%032x", 2) || links[31].SpanContext.TraceID().String() != fmt.Sprintf("%032x", 64) {
		t.Errorf("the root has %d links: %+v", len(links), links)
	}
	if len(second.Links()) != 1 || second.Status().Code != codes.Unset || first.Parent().IsValid() {
		t.Errorf("second root: %+v", second)
	}
	for _, s := range spans {
		if s.Name() == "commit" {
			if said(s) != "cdcpipe.partitions=2 cdcpipe.pipeline=shop" || s.Parent().IsValid() {
				t.Errorf("commit: %s", said(s))
			}
		} else if s != first && s != second && s.Parent().SpanID() != first.SpanContext().SpanID() && s.Parent().SpanID() != second.SpanContext().SpanID() {
			t.Errorf("%s is no child of a batch", s.Name())
		}
	}
	if got := named(spans, "receive cdc.shop.users"); len(got) != 2 || got[0].SpanKind() != trace.SpanKindClient || !strings.Contains(said(got[0]), "messaging.operation.type=receive") {
		t.Errorf("receive: %+v", got)
	}
	decodes := named(spans, "decode")
	if len(decodes) != 2 || said(decodes[1]) != "cdcpipe.attempt=1 cdcpipe.records=2 cdcpipe.step=decode" || decodes[1].Status().Code != codes.Unset ||
		decodes[1].Parent().SpanID() != second.SpanContext().SpanID() || decodes[1].SpanKind() != trace.SpanKindInternal {
		t.Errorf("decode: %+v", decodes)
	}
	writes := named(spans, "write postgres")
	if len(writes) != 2 {
		t.Fatalf("%d writes", len(writes))
	}
	for i, want := range []string{
		"cdcpipe.attempt=1 cdcpipe.records=101 cdcpipe.step=postgres error.type=CDC-4006",
		`cdcpipe.attempt=2 cdcpipe.error.codes=["CDC-2003"] cdcpipe.records.failed=1 cdcpipe.records=101 cdcpipe.step=postgres`,
	} {
		w := writes[i]
		if said(w) != want || w.Parent().SpanID() != first.SpanContext().SpanID() || len(w.Links()) != 1 || w.Links()[0].SpanContext.SpanID() != second.SpanContext().SpanID() {
			t.Errorf("write %d: %s, %+v", i, said(w), w.Links())
		}
	}
	if s := writes[0].Status(); s.Code != codes.Error || s.Description != "CDC-4006 "+fault.Describe(fault.TargetDown).Title || writes[1].Status().Code != codes.Unset {
		t.Errorf("status %+v, then %+v", s, writes[1].Status())
	}
	event := func(s sdk.ReadOnlySpan, i int, want string) {
		t.Helper()
		if es := s.Events(); len(es) <= i || es[i].Name+": "+list(es[i].Attributes) != want {
			t.Errorf("%s: got events %+v, want %s", s.Name(), es, want)
		}
	}
	event(writes[0], 0, "breaker: cdcpipe.breaker.from=closed cdcpipe.breaker.to=open cdcpipe.step=postgres")
	event(first, 0, "retry: cdcpipe.attempt=1 cdcpipe.step=postgres error.type=CDC-4006")
	event(first, 1, "breaker: cdcpipe.breaker.from=open cdcpipe.breaker.to=half_open cdcpipe.step=postgres")
	event(writes[1], 0, "breaker: cdcpipe.breaker.from=half_open cdcpipe.breaker.to=closed cdcpipe.step=postgres")

	sends := named(spans, "send dlq")
	var sent []string
	for _, s := range sends {
		sent = append(sent, said(s))
		if s.SpanKind() != trace.SpanKindProducer {
			t.Errorf("send is %s", s.SpanKind())
		}
	}
	slices.Sort(sent)
	const send = "cdcpipe.attempt=1 cdcpipe.error.codes=[%q] cdcpipe.outlet=dead_letter cdcpipe.records=1 cdcpipe.step=dead_letter " +
		"messaging.batch.message_count=1 messaging.destination.name=dlq messaging.operation.name=send messaging.operation.type=send messaging.system=kafka"
	if want := []string{fmt.Sprintf(send, fault.MalformedJSON), fmt.Sprintf(send, fault.NulInText)}; !slices.Equal(sent, want) {
		t.Errorf("got %q\nwant %q", sent, want)
	}
	ids := []string{first.SpanContext().TraceID().String(), second.SpanContext().TraceID().String()}
	if slices.Sort(letters); !slices.Equal(letters, slices.Sorted(slices.Values(ids))) {
		t.Errorf("letters are of %q, want %q", letters, ids)
	}
	// Nothing of what records say is in a span.
	for _, s := range spans {
		if text := fmt.Sprint(said(s), s.Status(), s.Events()); strings.Contains(text, "secret") {
			t.Errorf("%s: %s", s.Name(), text)
		}
	}
	// The log of the failure says where to look.
	for line := range strings.Lines(log.String()) {
		var l struct{ Msg, TraceID, SpanID string }
		if err := json.Unmarshal([]byte(strings.NewReplacer("trace_id", "traceid", "span_id", "spanid").Replace(line)), &l); err != nil {
			t.Fatal(err)
		}
		if want := l.Msg == "trying again" || l.Msg == "circuit breaker changed"; want != (l.TraceID == ids[0]) || want != (l.SpanID != "") {
			t.Errorf("the log says %s", line)
		}
	}
	if !strings.Contains(log.String(), "trying again") {
		t.Errorf("the log says %s", log.String())
	}
}

// Of batches that are not sampled there is no span, and no trace in logs and letters.
func TestTracerUnsampled(t *testing.T) {
	t.Parallel()
	rec, tr := watch(sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(0))))
	var log bytes.Buffer
	p := pipeline.New("shop", quiet(tr, &log))
	fails := true
	pipeline.To(pipeline.From(p, "kafka", &topic{batches: [][]*cdc.Event{events(0, 0, 4)}}), "sink",
		pipeline.SinkFunc[*cdc.Event](func(ctx context.Context, recs []pipeline.Record[*cdc.Event]) error {
			if trace.SpanContextFromContext(ctx).IsValid() || recs[0].Trace() != nil {
				t.Error("the sink is called with a span")
			}
			if fails {
				fails = false
				return errors.New("once")
			}
			return nil
		}), retries)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Started()); n != 0 || strings.Contains(log.String(), "trace_id") {
		t.Errorf("%d spans\n%s", n, log.String())
	}
}

// What is abandoned is said to be.
func TestTracerAbandoned(t *testing.T) {
	t.Parallel()
	rec, tr := watch()
	p := pipeline.New("shop", quiet(tr, io.Discard))
	pipeline.To(pipeline.From(p, "kafka", &topic{batches: [][]*cdc.Event{events(0, 0, 4)}}), "sink",
		pipeline.SinkFunc[*cdc.Event](func(context.Context, []pipeline.Record[*cdc.Event]) error {
			return pipeline.Fatal(fault.New(fault.BrokenInvariant, "x"))
		}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); !pipeline.IsFatal(err) {
		t.Fatal(err)
	}
	if got := named(rec.Ended(), "process cdc.shop.users"); len(got) != 0 {
		t.Error("the batch has ended")
	}
	tr.Close()
	if got := named(rec.Ended(), "process cdc.shop.users"); len(got) != 1 || got[0].Status().Description != "abandoned" {
		t.Errorf("got %+v", got)
	}
}

// A batch of many others is linked to some of them.
func TestTracerLinksAreBounded(t *testing.T) {
	t.Parallel()
	rec, tr := watch()
	src := &topic{}
	for i := range int64(50) {
		src.batches = append(src.batches, events(0, 2*i, 2))
	}
	p := pipeline.New("shop", quiet(tr, io.Discard))
	sink := new(pipelinetest.Collector[*cdc.Event])
	pipeline.To(pipeline.From(p, "kafka", src), "sink", sink, pipeline.Batches(1000, time.Hour))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	writes := named(rec.Ended(), "write sink")
	if len(writes) != 1 || len(writes[0].Links()) != 32 {
		t.Fatalf("got %+v", writes)
	}
	seen := map[trace.SpanID]bool{writes[0].Parent().SpanID(): true}
	for _, l := range writes[0].Links() {
		if seen[l.SpanContext.SpanID()] {
			t.Error("two links to one batch")
		}
		seen[l.SpanContext.SpanID()] = true
	}
}

// A logger that is given more still says which trace a line belongs to.
func TestTracedLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := obs.NewLogger(&out, "info", obs.LogJSON, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 2}}))
	for _, l := range []*slog.Logger{log, log.With("a", 1), log.WithGroup("g")} {
		out.Reset()
		l.InfoContext(ctx, "x")
		if !strings.Contains(out.String(), `"trace_id":"00000000000000000000000000000001","span_id":"0000000000000002"`) {
			t.Errorf("got %s", out.String())
		}
	}
}
