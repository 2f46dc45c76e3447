package main

import (
	"context"
	"log/slog"
	"sync"

	"cdcpipe/cmd/cdcpipe/agent"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sources/cassandra"
)

// warnOfRepairs names, once, the tables whose events read repair makes claim too much.
// It asks Cassandra beside the pipeline, until what it returns is called: who cannot be
// asked is no reason to wait.
func warnOfRepairs(ctx context.Context, s *spec.Spec, built *spec.Built, log *slog.Logger) (end func()) {
	if s.Config.Schema.Cassandra == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tables, err := survey(ctx, s.Config.Schema.Cassandra)
		if err != nil {
			log.Debug("tables were not looked at for read repair", "err", err)
			return
		}
		for _, f := range agent.Repairs(tables, replicated(&s.Config), ofFacts(built)) {
			log.Warn("events may claim too much", "about", f.About, "err", f.Err, "fix", fault.Describe(f.Err.Code).Fix)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

func survey(ctx context.Context, c *spec.Cassandra) ([]cassandra.Listing, error) {
	where, err := cassandraConfig(c)
	if err != nil {
		return nil, err
	}
	schema, err := cassandra.NewSchema(where)
	if err != nil {
		return nil, err
	}
	defer schema.Close()
	return schema.Survey(ctx)
}
