package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/letter"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	kafkasink "cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
	kafkasource "cdcpipe/sources/kafka"
)

func dlqRunCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "keep doing with letters what needs nobody to decide",
		Description: "Letters whose cause was transient are sent again, those of invalid data are exported to files, the rest is\n" +
			"archived, and what was dealt with long ago is purged. It runs beside the pipeline until it is told to stop.",
		Flags: []cli.Flag{
			fileFlag(), setFlag(),
			&cli.PathFlag{Name: "dir", Usage: "export to `DIR`", Value: "letters"},
			&cli.StringSliceFlag{Name: "outlet", Usage: "look at the letters of `OUTLET`; may be repeated", DefaultText: "dead_letter, invalid"},
			maxReplaysFlag(),
			&cli.DurationFlag{Name: "wait", Usage: "wait `DURATION` before a letter is sent; doubles each time", Value: time.Minute},
			&cli.DurationFlag{Name: "max-wait", Usage: "but no longer than `DURATION`", Value: time.Hour},
			&cli.DurationFlag{Name: "retention", Usage: "purge what was dealt with `DURATION` ago; 0 for never", Value: 720 * time.Hour},
			&cli.BoolFlag{Name: "once", Usage: "end when nothing more is due; letters in topics stay there"},
			&cli.StringFlag{Name: "admin", Usage: "listen on `ADDRESS` for /metrics, /livez and /readyz"},
			&cli.StringFlag{Name: "log-level", Usage: "`LEVEL` of the log: debug, info, warn or error"},
		},
		Action: func(ctx *cli.Context) error { return dlqRun(c, ctx) },
	}
}

func dlqRun(c console, ctx *cli.Context) error {
	for _, name := range []string{"wait", "max-wait", "retention"} {
		if ctx.Duration(name) < 0 {
			return usage("%s: must not be negative", name)
		}
	}
	if ctx.Path("file") == "" {
		return usage("dlq run: -f is missing, which names the pipeline's file")
	}
	level, format := "info", obs.LogText
	if l := ctx.String("log-level"); l != "" {
		level = l
	}
	_, colour := terminal(c.err)
	log, err := obs.NewLogger(c.err, level, format, colour)
	if err != nil {
		return usage("log-level: %w", err)
	}
	d, err := openDesk(ctx, log)
	if err != nil {
		return err
	}
	defer d.close()
	events, err := d.events()
	if err != nil {
		return err
	}
	retention := ctx.Duration("retention")
	if retention == 0 {
		retention = -1
	}
	proc := &dlq.Processor{
		Name: d.spec.Config.Name, Store: d.store, Events: events, Dir: ctx.Path("dir"), Actor: "cdcpipe dlq run, " + actor(),
		Policy:    dlq.Policy{MaxReplays: ctx.Int("max-replays"), Wait: ctx.Duration("wait"), MaxWait: ctx.Duration("max-wait")},
		Retention: retention, Once: ctx.Bool("once"), Retry: retryOf(d.spec.Config.Retry), Logger: log,
	}
	for _, o := range ctx.StringSlice("outlet") {
		proc.Outlets = append(proc.Outlets, pipeline.Outlet(o))
	}
	if proc.Once {
		proc.Poll = 200 * time.Millisecond
	}
	if err := proc.Validate(); err != nil {
		return usage("dlq run: %w", err)
	}
	all := []*pipeline.Pipeline{proc.Pipeline()}
	if !proc.Once {
		topics, err := d.topics(proc.Outlets)
		if err != nil {
			return err
		}
		all = append(all, topics...)
	}
	soft, done := stops(ctx.Context, log, func() {
		for _, p := range all {
			p.Abandon()
		}
	})
	defer done()
	if admin := ctx.String("admin"); admin != "" {
		var draining atomic.Bool
		context.AfterFunc(soft, func() { draining.Store(true) })
		_, end, err := serveAdmin(ctx.Context, admin, string(d.spec.Config.Admin.Token), all[0].Stats, &draining, log)
		if err != nil {
			return err
		}
		defer end()
	}
	purging, stopPurging := context.WithCancel(soft)
	defer stopPurging()
	var purge sync.WaitGroup
	purge.Go(func() { proc.PurgeOld(purging) })
	err = together(soft, all)
	if !proc.Once || err != nil { // else it ends by itself
		stopPurging()
	}
	purge.Wait()
	return err
}

// together runs pipelines until one has failed or all have ended.
func together(ctx context.Context, all []*pipeline.Pipeline) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, p := range all {
		wg.Go(func() {
			if errs[i] = p.Run(ctx); errs[i] != nil {
				stop()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func retryOf(r spec.Retry) pipeline.Retry {
	return pipeline.Retry{Attempts: r.Attempts, Alone: r.Alone, Min: r.Min, Max: r.Max, Factor: r.Factor, Jitter: r.Jitter}
}

// topicOf returns the topic that an outlet writes to, nothing if it is bound to
// something else.
func topicOf(s *spec.Spec, o pipeline.Outlet) string {
	st := s.Config.Outlets[string(o)]
	if st == nil {
		return ""
	}
	c, ok := st.With.(*kafkasink.Config)
	switch {
	case !ok:
		return ""
	case c.Topic != "":
		return c.Topic
	}
	return kafkasink.TopicOf(o)
}

// topics returns the pipelines that bring letters from topics to PostgreSQL, one for
// each outlet that writes to one.
func (d *desk) topics(outlets []pipeline.Outlet) ([]*pipeline.Pipeline, error) {
	var all []*pipeline.Pipeline
	path := plugin.Env{Dir: filepath.Dir(d.file)}.Path
	seen := map[string]bool{}
	var own []pipeline.Outlet
	for name := range d.spec.Config.Outlets {
		own = append(own, pipeline.Outlet(name))
	}
	for _, o := range outlets {
		topic := topicOf(d.spec, o)
		if topic == "" || seen[topic] {
			continue
		}
		seen[topic] = true
		out, ok := d.spec.Config.Outlets[string(o)].With.(*kafkasink.Config)
		if !ok {
			continue
		}
		name := d.spec.Config.Name + ".dlq." + string(o)
		src, err := kafkasource.New(kafkasource.Config{
			Brokers: out.Brokers, ClientID: out.ClientID, ConnectTimeout: out.ConnectTimeout, TLS: out.TLS.Under(path), SASL: out.SASL,
			Topics: []string{topic}, WaitForTopics: true, Group: name, OnLostOffset: "earliest",
		}, d.log)
		if err != nil {
			return nil, err
		}
		letters, err := postgres.NewLetters(d.where, d.spec.Config.Name, d.log)
		if err != nil {
			return nil, err
		}
		p := pipeline.New(name, pipeline.Config{Logger: d.log, CommitEvery: time.Second})
		kept := pipeline.Then[*cdc.Event, letter.Letter](pipeline.From(p, "topic", src), "unpack", dlq.Unpack{Own: own})
		pipeline.To[letter.Letter](kept, "keep", dlq.Keep{Letters: letters}, pipeline.WithRetry(retryOf(d.spec.Config.Retry)), pipeline.Batches(500, 100*time.Millisecond))
		all = append(all, p)
	}
	return all, nil
}
