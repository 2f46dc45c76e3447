package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/sources/cassandra"
)

func snapshotCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "snapshot", Usage: "copy the rows that tables have, while the pipeline runs",
		Description: "Reads the tables from Cassandra with write times and expiries, and merges them as the pipeline of\n" +
			"the file merges changes. Nothing needs to be paused. A call that was stopped is gone on with by the\n" +
			"next one; it exits 0 only once every row is in the target.",
		Flags: []cli.Flag{
			fileFlag(), setFlag(), tableFlag(), output(), logLevelFlag(),
			&cli.IntFlag{Name: "ranges", Usage: "divide each table into at least `N` ranges, which are what is gone on with", Value: 64},
			&cli.IntFlag{Name: "parallel", Usage: "read `N` ranges at a time", Value: 4},
			&cli.Float64Flag{Name: "rate", Usage: "read at most so many `ROWS` a second; 0 for as many as go"},
			&cli.BoolFlag{Name: "reset", Usage: "begin anew with these tables, whatever earlier calls have done"},
		},
		Action: func(ctx *cli.Context) error { return snapshot(c, ctx) },
	}
}

// A snapshotSummary is what a call of snapshot has done.
type snapshotSummary struct {
	Tables        []string `json:"tables"`
	Ranges        int64    `json:"ranges"`
	Finished      int64    `json:"finished"` // ranges, those of earlier calls included
	Resumed       int64    `json:"resumed"`  // ranges of earlier calls
	Rows          int64    `json:"rows"`
	Rejected      int64    `json:"rejected"` // rows that left by an outlet
	Seconds       float64  `json:"seconds"`
	RowsPerSecond float64  `json:"rows_per_second"`
	Complete      bool     `json:"complete"`
}

// A forgetter can forget how far its pipeline is, by prefixes of partitions.
type forgetter interface {
	Forget(ctx context.Context, prefixes ...string) error
}

func snapshot(c console, ctx *cli.Context) error {
	limitMemory()
	for _, name := range []string{"ranges", "parallel"} {
		if ctx.Int(name) < 1 {
			return usage("%s: must be at least 1", name)
		}
	}
	o, err := openOrigin(c, ctx)
	if err != nil {
		return err
	}
	defer o.close()
	var source *cassandra.Snapshot
	name := o.spec.Config.Name + "-snapshot"
	built, err := o.spec.BuildFrom(plugin.Env{Logger: o.log, Catalog: o.catalog(), Reader: o.reader}, name,
		func(tables []*cdc.Table) (pipeline.Source[*cdc.Change], error) {
			var err error
			source, err = cassandra.NewSnapshot(cassandra.SnapshotConfig{
				Tables: tables, Ranges: ctx.Int("ranges"), Parallel: ctx.Int("parallel"), Rate: ctx.Float64("rate"),
			}, o.reader)
			if err != nil {
				return nil, usage("%w", err)
			}
			return source, nil
		},
		func(cfg *pipeline.Config) { cfg.CommitEvery = min(cfg.CommitEvery, time.Second) })
	if err != nil {
		return err
	}
	f, keeps := built.Sink.(forgetter)
	switch {
	case !keeps:
		o.log.Warn("the sink keeps no marks: a call that is stopped is not gone on with", "sink", o.spec.Config.Sink.Use)
	case ctx.Bool("reset"):
		if err := f.Forget(ctx.Context, source.Partitions()...); err != nil {
			return err
		}
	}
	return runSnapshot(c, ctx, o, source, built.Pipeline)
}

// runSnapshot runs to the end or a signal, and says what came of it.
func runSnapshot(c console, ctx *cli.Context, o *origin, source *cassandra.Snapshot, p *pipeline.Pipeline) error {
	soft, done := stops(ctx.Context, o.log, p.Abandon)
	defer done()
	began := time.Now()
	end := watch(func(g *gauge) {
		now := source.Progress()
		g.show(now.Finished, now.Ranges, fmt.Sprintf("%d rows, %.0f a second", now.Rows, float64(now.Rows)/time.Since(began).Seconds()))
	}, newGauge(c.err, "ranges"))
	err := p.Run(soft)
	end()
	now, stats := source.Progress(), p.Stats()
	s := snapshotSummary{
		Tables: tableNames(o.tables), Ranges: now.Ranges, Finished: now.Finished, Resumed: now.Resumed, Rows: now.Rows,
		Seconds: time.Since(began).Seconds(), Rejected: rejected(stats),
	}
	s.RowsPerSecond = float64(s.Rows) / s.Seconds
	s.Complete = err == nil && now.Complete() && s.Rejected == 0
	if ctx.String("output") == "json" {
		if err := c.json(s); err != nil {
			return err
		}
	} else if err == nil {
		fmt.Fprintf(c.out, "%s of %s in %.1f s, %.0f a second; %d of %d ranges finished, %d of them by earlier calls\n",
			plural(s.Rows, "row"), plural(int64(len(s.Tables)), "table"), s.Seconds, s.RowsPerSecond, s.Finished, s.Ranges, s.Resumed)
	}
	switch {
	case err != nil:
		return err
	case !now.Complete():
		return fault.New(fault.Incomplete, "snapshot: %d of %d ranges are finished", s.Finished, s.Ranges)
	case s.Rejected > 0:
		return fmt.Errorf("snapshot: %s left by an outlet, and are not in the target", plural(s.Rejected, "row"))
	}
	return nil
}

// rejected counts the records that left by outlets where they are kept.
func rejected(s pipeline.Stats) (n int64) {
	for _, step := range s.Steps {
		for outlet, d := range step.Diverted {
			if outlet != pipeline.Stale {
				n += d
			}
		}
	}
	return n
}

// watch calls show several times a second until what it returns is called.
func watch(show func(*gauge), g *gauge) func() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show(g)
			case <-stop:
				g.close()
				return
			}
		}
	})
	return func() {
		close(stop)
		wg.Wait()
	}
}
