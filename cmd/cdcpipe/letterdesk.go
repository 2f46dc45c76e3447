package main

import (
	"context"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	kafkasink "cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
	kafkasource "cdcpipe/sources/kafka"
)

// A desk is what working on letters needs: where they are, and where events go.
type desk struct {
	spec  *spec.Spec // nil with --dsn
	file  string
	where postgres.LettersConfig
	store *dlq.Store
	kafka *kafkasink.Config // nil if events do not come from Kafka
	log   *slog.Logger
}

// deskFlags say which letters are worked on, and where.
func deskFlags() []cli.Flag {
	return []cli.Flag{
		fileFlag(), setFlag(),
		&cli.StringFlag{Name: "dsn", Usage: "the letters are in the database at `ADDRESS`, instead of where a pipeline's file says"},
		&cli.StringFlag{Name: "schema", Usage: "with --dsn: cdcpipe's own `SCHEMA` there", Value: postgres.DefaultConfig().Schema},
	}
}

// openDesk connects to the letters that the flags name.
func openDesk(ctx *cli.Context, log *slog.Logger) (*desk, error) {
	d := &desk{log: log}
	if ctx.IsSet("dsn") == ctx.IsSet("file") {
		return nil, usage("%s: give either -f, the pipeline's file, or --dsn, a database", ctx.Command.FullName())
	}
	if ctx.IsSet("dsn") {
		d.where = postgres.LettersConfig{DSN: ctx.String("dsn"), Schema: ctx.String("schema")}
		if err := d.where.Validate(); err != nil {
			return nil, usage("%s: %w", ctx.Command.FullName(), err)
		}
	} else {
		if ctx.IsSet("schema") {
			return nil, usage("%s: --schema goes with --dsn; a file says which schema", ctx.Command.FullName())
		}
		s, err := load(ctx, false)
		if err != nil {
			return nil, err
		}
		if d.where, err = lettersOf(s); err != nil {
			return nil, err
		}
		if err := knowsOutlets(s, ctx); err != nil {
			return nil, err
		}
		d.spec, d.file, d.kafka = s, ctx.Path("file"), kafkaOf(s, ctx.Path("file"))
	}
	if brokers := ctx.StringSlice("brokers"); len(brokers) > 0 {
		d.kafka = &kafkasink.Config{Brokers: strings.Split(strings.Join(brokers, ","), ",")}
	}
	var err error
	d.store, err = dlq.OpenStore(ctx.Context, d.where, log)
	return d, err
}

func (d *desk) close() { d.store.Close() }

// lettersOf returns where the letters of a pipeline are: with those of an outlet that
// is bound to PostgreSQL, or else in the sink's own schema, to where dlq run brings
// them.
func lettersOf(s *spec.Spec) (postgres.LettersConfig, error) {
	for _, name := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		if o := s.Config.Outlets[string(name)]; o != nil {
			if c, ok := o.With.(*postgres.LettersConfig); ok {
				return *c, nil
			}
		}
	}
	if c, ok := s.Config.Sink.With.(*postgres.Config); ok {
		return postgres.LettersConfig{DSN: c.DSN, Schema: c.Schema}, nil
	}
	return postgres.LettersConfig{}, usage("neither sink nor outlets are in PostgreSQL, where letters are worked on")
}

// knowsOutlets reports an outlet of the flags that the pipeline does not have.
func knowsOutlets(s *spec.Spec, ctx *cli.Context) error {
	known := []string{string(pipeline.DeadLetter), string(pipeline.Invalid), string(pipeline.Stale)}
	for name := range s.Config.Outlets {
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	if !ctx.IsSet("outlet") {
		return nil
	}
	named := ctx.StringSlice("outlet")
	if named == nil {
		named = []string{ctx.String("outlet")}
	}
	for _, name := range named {
		if !slices.Contains(known, name) {
			return usage("outlet: the pipeline has no outlet %q, but %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// kafkaOf returns how the topics are written to that the pipeline reads, nil if it
// reads none.
func kafkaOf(s *spec.Spec, file string) *kafkasink.Config {
	c, ok := s.Config.Source.With.(*kafkasource.Config)
	if !ok {
		return nil
	}
	path := plugin.Env{Dir: filepath.Dir(file)}.Path
	return &kafkasink.Config{Brokers: c.Brokers, ClientID: c.ClientID, ConnectTimeout: c.ConnectTimeout, TLS: c.TLS.Under(path), SASL: c.SASL}
}

// events returns what sends events to their topics.
func (d *desk) events() (*kafkasink.Events, error) {
	if d.kafka == nil {
		return nil, usage("letters are sent to Kafka: name its brokers with --brokers, or a pipeline's file whose source is kafka")
	}
	c, never := *d.kafka, false
	c.Create = &never // a topic that is gone has no reader
	return kafkasink.NewEvents(c, d.log)
}

// resubmitter returns an open resubmitter, and what closes it.
func (d *desk) resubmitter(ctx *cli.Context) (*dlq.Resubmitter, func(), error) {
	events, err := d.events()
	if err != nil {
		return nil, nil, err
	}
	if err := events.Open(ctx.Context); err != nil {
		return nil, nil, err
	}
	return &dlq.Resubmitter{Store: d.store, Events: events, Actor: actor(), MaxReplays: ctx.Int("max-replays"), Discarded: dlq.State(ctx.String("state")) == dlq.Discarded},
		func() { _ = events.Close(context.WithoutCancel(ctx.Context)) }, nil
}

// check returns the stages of the pipeline's file, and what closes what they ask.
func (d *desk) check(ctx context.Context) (*dlq.Check, func(), error) {
	if d.spec == nil {
		return nil, nil, usage("a correction is checked by the pipeline's stages: name its file with -f")
	}
	catalog, reader, end, err := openCassandra(ctx, d.spec, d.log)
	if err != nil {
		return nil, nil, err
	}
	built, err := d.spec.Build(plugin.Env{Logger: d.log, Catalog: catalog, Reader: reader})
	if err != nil {
		end()
		return nil, nil, err
	}
	return &dlq.Check{Stages: built.Stages, Logger: d.log}, end, nil
}

// actor names whoever runs the program, for the audit.
func actor() string {
	name, host := "uid "+uid(), "unknown host"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

func uid() string {
	if u, err := user.Current(); err == nil {
		return u.Uid
	}
	return "unknown"
}

// moment reads a time: RFC 3339, a date, or how long ago.
func moment(name, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, usage("%s: %q is neither a time (2026-01-02T15:04:05Z), a date, nor a duration ago (24h)", name, s)
}
