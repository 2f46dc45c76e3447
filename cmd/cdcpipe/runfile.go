package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/rueidis"
	"github.com/urfave/cli/v2"

	"cdcpipe/cmd/cdcpipe/letterapi"
	"cdcpipe/coord"
	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sources/cassandra"
)

// runFile runs the pipeline of a file.
func runFile(c console, ctx *cli.Context) error {
	limitMemory()
	s, err := load(ctx, false)
	if err != nil {
		return err
	}
	_, colour := terminal(c.err)
	level := s.Config.Log.Level
	if l := ctx.String("log-level"); l != "" {
		level = l
	}
	log, err := obs.NewLogger(c.err, level, s.Config.Log.Format, colour)
	if err != nil {
		return usage("log-level: %w", err)
	}
	for _, w := range s.Lint() {
		log.Warn("configuration", "code", string(w.Code), "at", w.At.String(), "what", w.What, "fix", w.Fix)
	}
	catalog, reader, closeCassandra, err := openCassandra(ctx.Context, s, log)
	if err != nil {
		return err
	}
	defer closeCassandra()
	diverted := obs.NewDiverted(s.Config.Name)
	traces, err := startTracing(ctx.Context, s, log)
	if err != nil {
		return err
	}
	defer traces.close(ctx.Context)
	built, err := s.Build(plugin.Env{Logger: log, Catalog: catalog, Reader: reader}, func(c *pipeline.Config) {
		c.Hooks.Divert = diverted.Note
		traces.hook(&c.Hooks)
	})
	if err != nil {
		return err
	}
	p := built.Pipeline
	soft, done := stops(ctx.Context, log, p.Abandon)
	defer done()

	admin := s.Config.Admin.Listen
	if ctx.IsSet("admin") {
		admin = ctx.String("admin")
	}
	var draining atomic.Bool
	context.AfterFunc(soft, func() { draining.Store(true) })
	measures, endCanary, err := startCanary(soft, s, log)
	if err != nil {
		return err
	}
	defer endCanary()
	defer warnOfRepairs(soft, s, built, log)()
	letters := newOnlineDesk(s, ctx.Path("file"), plugin.Env{Logger: log, Catalog: catalog, Reader: reader})
	defer letters.close()
	if admin != "" {
		_, closeAdmin, err := serveAdmin(ctx.Context, admin, string(s.Config.Admin.Token), p.Stats, &draining, log, func(a *obs.Server, reg prometheus.Registerer) {
			reg.MustRegister(diverted)
			reg.MustRegister(measures...)
			traces.register(reg)
			a.Handle("GET /v1/status", serveStatus(p.Stats, draining.Load))
			a.Handle("/v1/backfill", newBackfill(built.Stages, log))
			api := letterapi.New(letters, thisVersion().Version, log)
			for _, pattern := range letterapi.Patterns() {
				a.Handle(pattern, api)
			}
		})
		if err != nil {
			return err
		}
		defer closeAdmin()
	}
	defer report(soft, s.Config.Redis, p.Stats, log)()

	log.Info("starting", "version", thisVersion().Version)
	err = p.Run(soft)
	log.Info("ended", "settled", settled(p.Stats()))
	return err
}

// openCassandra makes the catalog of tables: those of CQL files, those of
// Cassandra's keyspaces that the file names, and whatever is asked for later; and
// what reads rows, nil if the file names no Cassandra.
func openCassandra(ctx context.Context, s *spec.Spec, log *slog.Logger) (*cdc.Catalog, cdc.Reader, func(), error) {
	cfg := s.Config.Schema.Cassandra
	if cfg == nil {
		catalog, err := s.Catalog(nil)
		return catalog, nil, func() {}, err
	}
	where, err := cassandraConfig(cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	loader, err := cassandra.NewSchema(where)
	if err != nil {
		return nil, nil, nil, err
	}
	reader, err := cassandra.NewReader(where)
	if err != nil {
		return nil, nil, nil, err
	}
	end := func() {
		reader.Close()
		loader.Close()
	}
	catalog, err := s.Catalog(loader)
	for _, keyspace := range cfg.Keyspaces {
		if err != nil {
			break
		}
		var tables []*cdc.Table
		var refused []error
		tables, refused, err = loader.Tables(ctx, keyspace)
		catalog.Put(tables...)
		for _, r := range refused {
			log.Warn("table left out", "err", r)
		}
		if err == nil && len(tables) == 0 {
			log.Warn("no table has cdc set", "keyspace", keyspace)
		}
	}
	if err != nil {
		end()
		return nil, nil, nil, err
	}
	return catalog, reader, end, nil
}

func cassandraConfig(c *spec.Cassandra) (cassandra.Config, error) {
	conf, err := c.TLS.Config()
	if err != nil {
		return cassandra.Config{}, fault.Wrap(fault.ConfigFile, fmt.Errorf("schema.cassandra.%w", err))
	}
	return cassandra.Config{
		Hosts: c.Hosts, Port: c.Port, Username: c.Username, Password: string(c.Password), LocalDC: c.LocalDC, TLS: conf,
		Consistency: strings.ToUpper(c.Consistency),
	}, nil
}

// serveAdmin answers probes and Prometheus at addr, and what more adds, until what it
// returns is called.
func serveAdmin(ctx context.Context, addr, token string, stats func() pipeline.Stats, draining *atomic.Bool, log *slog.Logger,
	more ...func(*obs.Server, prometheus.Registerer),
) (string, func(), error) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(obs.NewCollector(stats), obs.NewMeasures(stats), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server := obs.NewServer(reg, token, obs.Check{Name: "pipeline", Check: func(context.Context) error { return ready(stats(), draining.Load()) }})
	for _, add := range more {
		add(server, reg)
	}
	if err := server.Listen(ctx, addr); err != nil {
		return "", nil, err
	}
	log.Info("listening", "metrics", fmt.Sprintf("http://%s/metrics", server.Addr()))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(); err != nil {
			log.Error("admin server ended", "err", err)
		}
	})
	return server.Addr(), func() {
		_ = server.Close(context.WithoutCancel(ctx)) // it is only read from
		wg.Wait()
	}, nil
}

var errDraining = errors.New("draining")

// ready reports why a pipeline does not take on work: it is ending, or one of its
// steps waits behind an open circuit breaker.
func ready(s pipeline.Stats, draining bool) error {
	if draining {
		return errDraining
	}
	if !s.Open {
		return errors.New("starting")
	}
	if s.Paused {
		return errors.New("paused")
	}
	for _, step := range s.Steps {
		if step.Breaker == pipeline.BreakerOpen {
			return fmt.Errorf("%s fails: its circuit breaker is open", step.Name)
		}
	}
	return nil
}

// report keeps telling Redis how the worker is, if there is one. It returns what
// ends that.
func report(ctx context.Context, cfg *spec.Redis, stats func() pipeline.Stats, log *slog.Logger) func() {
	if cfg == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	connect := func(ctx context.Context) (rueidis.Client, error) { return connectRedis(ctx, cfg) }
	wg.Go(func() { coord.NewWorker(connect, stats, log).Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

func connectRedis(ctx context.Context, c *spec.Redis) (rueidis.Client, error) {
	conf, err := c.TLS.Config()
	if err != nil {
		return nil, fault.Wrap(fault.ConfigFile, fmt.Errorf("redis.%w", err))
	}
	rc := coord.RedisConfig{
		Addresses: []string{c.Address}, Username: c.Username, Password: string(c.Password), Database: c.Database, TLS: conf,
		MasterSet: c.MasterSet, SentinelUsername: c.SentinelUsername, SentinelPassword: string(c.SentinelPassword),
	}
	if c.MasterSet != "" {
		rc.Addresses = c.Sentinels
	}
	return coord.Connect(ctx, rc)
}

// settled counts the records that are done with: durable, dropped or on an outlet.
func settled(s pipeline.Stats) (n int64) {
	for _, step := range s.Steps {
		if step.Kind == pipeline.SinkKind || step.Kind == pipeline.OutletKind {
			n += step.Out
		}
		for _, d := range step.Dropped {
			n += d
		}
	}
	return n
}
