package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/obs"
	"cdcpipe/obs/otlp"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/spec"
	kafkasink "cdcpipe/sinks/kafka"
	kafkasource "cdcpipe/sources/kafka"
)

// flushTimeout bounds how long the end of a run waits for the collector of traces.
const flushTimeout = 5 * time.Second

// A tracing is what traces a run. The zero value is none.
type tracing struct {
	tracer   *obs.Tracer
	exporter *otlp.Exporter
}

// startTracing begins to trace, if the file or the environment asks for it.
func startTracing(ctx context.Context, s *spec.Spec, log *slog.Logger) (tracing, error) {
	file := s.Config.Tracing
	if !otlp.Wanted(file != nil) {
		return tracing{}, nil
	}
	file = cmp.Or(file, new(spec.Tracing))
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	exporter, err := otlp.New(ctx, otlp.Config{
		Endpoint: file.Endpoint, Protocol: file.Protocol, Ratio: file.Ratio,
		Service: "cdcpipe", Version: thisVersion().Version, Instance: fmt.Sprintf("%s-%d", host, os.Getpid()),
	}, log)
	if err != nil {
		return tracing{}, err
	}
	log.Info("tracing")
	return tracing{obs.NewTracer(exporter.TracerProvider(), s.Config.Name, queues(s)), exporter}, nil
}

// queues says which steps read from Kafka or write to it.
func queues(s *spec.Spec) map[string]obs.Queue {
	qs := map[string]obs.Queue{}
	if c, ok := s.Config.Source.With.(*kafkasource.Config); ok {
		qs[cmp.Or(s.Config.Source.ID, s.Config.Source.Use)] = obs.Queue{System: "kafka", Group: c.Group}
	}
	for name, o := range s.Config.Outlets {
		if c, ok := o.With.(*kafkasink.Config); ok {
			qs[name] = obs.Queue{System: "kafka", Destination: cmp.Or(c.Topic, kafkasink.TopicOf(pipeline.Outlet(name)))}
		}
	}
	return qs
}

func (t tracing) hook(h *pipeline.Hooks) {
	if t.tracer != nil {
		t.tracer.Hook(h)
	}
}

func (t tracing) register(reg prometheus.Registerer) {
	if t.exporter != nil {
		reg.MustRegister(t.exporter)
	}
}

// close sends what is left, once the pipeline has ended.
func (t tracing) close(ctx context.Context) {
	if t.exporter == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	t.tracer.Close()
	_ = t.exporter.Close(ctx) // what could not be sent was logged and counted
}
