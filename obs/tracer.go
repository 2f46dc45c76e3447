package obs

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// maxLinks bounds the links of a span, and maxCodes the codes that one names.
const (
	maxLinks = 32
	maxCodes = 8
)

// A Tracer makes spans of what a pipeline does: a trace for each batch of the source
// that is sampled, with a child for each attempt of a step. No span is made of a
// record, and nothing of a batch that is not sampled. docs/reference/tracing.md has
// the spans and their attributes.
//
// Spans hold positions, counts and codes, and nothing of what records say; nor do
// they quote errors, which might.
type Tracer struct {
	tracer   trace.Tracer
	pipeline attribute.KeyValue
	queues   map[string]Queue

	mu   sync.Mutex
	open map[*batchTrace]struct{}
}

// NewTracer returns a tracer of the pipeline of that name. queues are by step.
func NewTracer(p trace.TracerProvider, name string, queues map[string]Queue) *Tracer {
	return &Tracer{
		tracer:   p.Tracer("cdcpipe", trace.WithSchemaURL(semconv.SchemaURL)),
		pipeline: attribute.String("cdcpipe.pipeline", name), queues: queues, open: map[*batchTrace]struct{}{},
	}
}

// Hook sets the hooks of h that the tracer listens to.
func (t *Tracer) Hook(h *pipeline.Hooks) {
	h.Admit, h.Attempt, h.Retry, h.Breaker, h.Commit = t.admit, t.attempt, t.retry, t.breaker, t.commit
}

// Close ends the spans of batches that were abandoned, once the pipeline has ended.
func (t *Tracer) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for b := range t.open {
		b.span.SetStatus(codes.Error, "abandoned")
		b.span.End()
	}
	clear(t.open)
}

// A batchTrace is the trace of a source batch.
type batchTrace struct {
	t    *Tracer
	span trace.Span
}

func (b *batchTrace) ID() string { return b.span.SpanContext().TraceID().String() }

func (b *batchTrace) Context(ctx context.Context) context.Context {
	return trace.ContextWithSpan(ctx, b.span)
}

func (b *batchTrace) Settled() {
	b.t.mu.Lock()
	delete(b.t.open, b)
	b.t.mu.Unlock()
	b.span.End()
}

// admit begins the trace of a batch, at the time it was read.
func (t *Tracer) admit(a pipeline.Admission) pipeline.Trace {
	q, from := t.queues[a.Step], a.Step
	attrs := []attribute.KeyValue{t.pipeline, stepKey.String(a.Step), recordsKey.Int(a.Records), attribute.Int64("cdcpipe.offset.last", a.Mark.Offset)}
	for h := range a.Headers {
		attrs = append(attrs, attribute.Int64("cdcpipe.offset.first", h.Offset))
		if e, ok := h.Origin.(*cdc.Event); ok && q.System != "" {
			from = e.Topic
			attrs = append(attrs, semconv.MessagingDestinationPartitionID(strconv.Itoa(int(e.Partition))), semconv.MessagingKafkaOffset(int(h.Offset)))
		}
		break
	}
	attrs = slices.Clip(attrs)
	ctx, span := t.tracer.Start(context.Background(), "process "+from, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(a.Read),
		trace.WithAttributes(append(attrs, q.attributes("process", from, a.Records)...)...))
	if !span.SpanContext().IsSampled() {
		span.End()
		return nil
	}
	for _, sc := range producers(a.Headers) {
		span.AddLink(trace.Link{SpanContext: sc})
	}
	_, receive := t.tracer.Start(ctx, "receive "+from, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(a.Read),
		trace.WithAttributes(append(attrs, q.attributes("receive", from, a.Records)...)...))
	receive.End()
	b := &batchTrace{t, span}
	t.mu.Lock()
	t.open[b] = struct{}{}
	t.mu.Unlock()
	return b
}

// attempt makes a span of an attempt, if its batch is traced.
func (t *Tracer) attempt(ctx context.Context, a pipeline.Attempt) (context.Context, func(error)) {
	batch := trace.SpanFromContext(ctx)
	if !batch.IsRecording() {
		return ctx, nil
	}
	q, name, kind := t.queues[a.Step], a.Step, trace.SpanKindInternal
	attrs := []attribute.KeyValue{stepKey.String(a.Step), recordsKey.Int(a.Records), attribute.Int("cdcpipe.attempt", a.Number)}
	switch {
	case a.Kind == pipeline.OutletKind && q.System != "":
		name, kind = "send "+q.Destination, trace.SpanKindProducer
		attrs = append(attrs, q.attributes("send", q.Destination, a.Records)...)
	case a.Kind == pipeline.OutletKind:
		name = "send " + a.Step
	case a.Kind == pipeline.SinkKind:
		name = "write " + a.Step
	}
	if a.Kind == pipeline.OutletKind {
		attrs = append(attrs, attribute.String("cdcpipe.outlet", a.Step), codesKey.StringSlice(rejected(a.Rejects)))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...), trace.WithLinks(others(a.Headers, batch)...))
	return ctx, func(err error) { end(span, err) }
}

func (t *Tracer) retry(ctx context.Context, step string, attempt int, wait time.Duration, err error) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent("retry", trace.WithAttributes(stepKey.String(step), attribute.Int("cdcpipe.attempt", attempt),
			attribute.Float64("cdcpipe.retry.wait", wait.Seconds()), semconv.ErrorTypeKey.String(string(fault.CodeOf(err)))))
	}
}

func (t *Tracer) breaker(ctx context.Context, step string, from, to pipeline.BreakerState) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent("breaker", trace.WithAttributes(stepKey.String(step),
			attribute.String("cdcpipe.breaker.from", string(from)), attribute.String("cdcpipe.breaker.to", string(to))))
	}
}

// commit makes a trace of a commit of marks: it is of many batches, hence of none.
func (t *Tracer) commit(marks []pipeline.Mark, took time.Duration, err error) {
	now := time.Now()
	_, span := t.tracer.Start(context.Background(), "commit", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now.Add(-took)),
		trace.WithAttributes(t.pipeline, attribute.Int("cdcpipe.partitions", len(marks))))
	end(span, err)
}

const (
	stepKey    = attribute.Key("cdcpipe.step")
	recordsKey = attribute.Key("cdcpipe.records")
	codesKey   = attribute.Key("cdcpipe.error.codes")
)

// end ends a span of what failed with err, or did not. That some records of a batch
// fail is no error of the batch.
func end(span trace.Span, err error) {
	if f, ok := errors.AsType[*pipeline.Failures](err); ok {
		span.SetAttributes(attribute.Int("cdcpipe.records.failed", len(f.Index)), codesKey.StringSlice(distinct(slices.Values(f.Errs))))
	} else if err != nil {
		code := fault.CodeOf(err)
		span.SetStatus(codes.Error, string(code)+" "+fault.Describe(code).Title)
		span.SetAttributes(semconv.ErrorTypeKey.String(string(code)))
	}
	span.End()
}
