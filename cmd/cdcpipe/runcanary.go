package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/cmd/cdcpipe/canary"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/cassandra"
)

// startCanary runs the canary of a file until what it returns is called, and returns
// its metrics; none of a file that has no canary. What fails later on does not end the
// pipeline.
func startCanary(ctx context.Context, s *spec.Spec, log *slog.Logger) (metrics []prometheus.Collector, end func(), err error) {
	cfg := s.Config.Canary
	if cfg == nil {
		return nil, func() {}, nil
	}
	sink, ok := s.Config.Sink.With.(*postgres.Config)
	if !ok {
		return nil, nil, fault.New(fault.ConfigValue, "canary: the sink is %s, and only postgres can be looked at", s.Config.Sink.Use)
	}
	where, err := cassandraConfig(s.Config.Schema.Cassandra)
	if err != nil {
		return nil, nil, err
	}
	writer, err := cassandra.NewCanary(where, cfg.Keyspace, cfg.Table)
	if err != nil {
		return nil, nil, fault.Wrap(fault.ConfigValue, fmt.Errorf("schema.cassandra: %w", err))
	}
	replica, err := canary.NewReplica(ctx, sink.DSN, cfg.Keyspace, cfg.Table)
	if err != nil {
		writer.Close()
		return nil, nil, fault.Wrap(fault.ConfigValue, fmt.Errorf("canary: %w", err))
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // workers that share a row measure no worse
	}
	c := canary.New(writer, replica, canary.Config{
		Pipeline: s.Config.Name, Worker: s.Config.Name + "@" + host, Every: cfg.Every, Silence: cfg.Silence, Log: log,
	})
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.Run(ctx) })
	return []prometheus.Collector{c}, func() {
		cancel()
		wg.Wait()
		replica.Close()
		writer.Close()
	}, nil
}
