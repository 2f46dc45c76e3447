package otlp

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"cdcpipe/pipeline/fault"
)

// An Exporter sends spans from a goroutine of its own. A span that finds its queue full
// is dropped, so that no collector slows down what is traced. A collector that fails is
// logged once, until it takes spans again.
type Exporter struct {
	provider *sdk.TracerProvider
	spans    *prometheus.CounterVec
}

var _ prometheus.Collector = (*Exporter)(nil)

// New returns an exporter that begins with the first span. Close must be called.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Exporter, error) {
	to, err := cfg.exporter(ctx)
	if err != nil {
		if !fault.Is(err, fault.ConfigValue) {
			err = fault.New(fault.ConfigValue, "tracing: %w", err)
		}
		return nil, err
	}
	e := &Exporter{spans: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cdcpipe_spans_total", Help: "Spans that a collector took, and those that were dropped.",
	}, []string{"result"})}
	queue := sdk.DefaultMaxQueueSize
	if n, err := strconv.Atoi(os.Getenv("OTEL_BSP_MAX_QUEUE_SIZE")); err == nil && n > 0 {
		queue = n
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &sender{SpanExporter: to, log: log, life: life, cancel: cancel,
		exported: e.spans.WithLabelValues("exported"), dropped: e.spans.WithLabelValues("dropped")}
	s.SpanProcessor = sdk.NewBatchSpanProcessor(exports{s}, sdk.WithMaxQueueSize(queue))
	s.room.Store(int64(queue))
	opts := []sdk.TracerProviderOption{sdk.WithSpanProcessor(s), sdk.WithResource(cfg.resource(ctx, log))}
	if cfg.Ratio != nil {
		opts = append(opts, sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(*cfg.Ratio))))
	}
	e.provider = sdk.NewTracerProvider(opts...)
	return e, nil
}

// resource says who makes the spans.
func (c Config) resource(ctx context.Context, log *slog.Logger) *resource.Resource {
	r, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(c.Service), semconv.ServiceVersion(c.Version), semconv.ServiceInstanceID(c.Instance)), resource.WithFromEnv())
	if err != nil {
		log.Warn("tracing: part of what OTEL_RESOURCE_ATTRIBUTES says is left out", "err", err)
	}
	return r
}

// TracerProvider returns what makes the spans.
func (e *Exporter) TracerProvider() trace.TracerProvider { return e.provider }

// Close sends what is left, until ctx ends; the rest is dropped.
func (e *Exporter) Close(ctx context.Context) error { return e.provider.Shutdown(ctx) }

// Describe sends the description.
func (e *Exporter) Describe(ch chan<- *prometheus.Desc) { e.spans.Describe(ch) }

// Collect sends every count.
func (e *Exporter) Collect(ch chan<- prometheus.Metric) { e.spans.Collect(ch) }

// A sender stands on both sides of a batch processor, whose own drops nobody can
// count: it lets no more spans in than the processor has room for, and hears what
// becomes of those that leave it.
type sender struct {
	sdk.SpanProcessor
	sdk.SpanExporter
	log               *slog.Logger
	life              context.Context // of exports
	cancel            func()
	room              atomic.Int64 // for spans, queued and being sent
	failing           atomic.Bool
	exported, dropped prometheus.Counter
}

// OnEnd queues a span, or drops it.
func (s *sender) OnEnd(span sdk.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if s.room.Add(-1) < 0 {
		s.room.Add(1)
		s.dropped.Inc()
		return
	}
	s.SpanProcessor.OnEnd(span)
}

// Shutdown sends what is queued. Once ctx has ended, and from the beginning if the
// collector took nothing lately, every export fails at once: what is under way is
// waited for, and no goroutine is left behind.
func (s *sender) Shutdown(ctx context.Context) error {
	if s.failing.Load() {
		s.cancel()
	}
	defer s.cancel()
	defer context.AfterFunc(ctx, s.cancel)()
	return s.SpanProcessor.Shutdown(context.WithoutCancel(ctx))
}

// exports is the side of a sender that the processor sees.
type exports struct{ *sender }

// ExportSpans sends spans, and never fails: nobody but a global handler would hear.
func (s exports) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	s.room.Add(int64(len(spans)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)() //nolint:contextcheck // the life of the exporter ends an export too
	if err := s.SpanExporter.ExportSpans(ctx, spans); err != nil {
		s.dropped.Add(float64(len(spans)))
		if !s.failing.Swap(true) {
			s.log.Warn("traces are dropped until the collector takes them", "err", fault.Wrap(fault.CollectorDown, fmt.Errorf("export spans: %w", err)))
		}
		return nil
	}
	s.exported.Add(float64(len(spans)))
	if s.failing.Swap(false) {
		s.log.Info("the collector takes traces again")
	}
	return nil
}

func (s exports) Shutdown(ctx context.Context) error { return s.SpanExporter.Shutdown(ctx) }
