package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"github.com/urfave/cli/v2"

	"cdcpipe/cmd/cdcpipe/demo"
	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

func runCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run a pipeline",
		Description: "With -f it runs the pipeline of a file, until it is told to stop: SIGTERM or SIGINT let what is\n" +
			"in flight finish, a second one abandons it, uncommitted.\n\n" +
			"Without a file it runs the embedded default. With --events N it ends when N changes are merged,\n" +
			"compares every row of the replica with an oracle, and exits 0 only if none differs.",
		Flags: []cli.Flag{
			fileFlag(), setFlag(), output(),
			&cli.Uint64Flag{Name: "events", Usage: "embedded default: end after `N` events, and compare"},
			&cli.Uint64Flag{Name: "seed", Usage: "embedded default: `SEED` of the events", Value: 1},
			&cli.Float64Flag{Name: "rate", Usage: "embedded default: at most so many `EVENTS` a second; 0 for as many as go"},
			&cli.PathFlag{Name: "data", Usage: "embedded default: keep the data in `DIR`"},
			&cli.BoolFlag{Name: "reset", Usage: "embedded default: begin anew, whatever the directory holds"},
			&cli.StringFlag{Name: "admin", Usage: "listen on `ADDRESS` for /metrics, /livez and /readyz"},
			&cli.StringFlag{Name: "log-level", Usage: "`LEVEL` of the log: debug, info, warn or error"},
		},
		Action: func(ctx *cli.Context) error {
			if ctx.IsSet("file") {
				for _, name := range []string{"events", "seed", "rate", "data", "reset", "output"} {
					if ctx.IsSet(name) {
						return usage("run: --%s is for the embedded default, and goes without -f", name)
					}
				}
				return runFile(c, ctx)
			}
			return runEmbedded(c, ctx)
		},
	}
}

// memoryLimit is a soft limit on what the process takes, unless GOMEMLIMIT sets
// another: the collector works harder as it comes near.
const memoryLimit = 160 << 20

func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// stops returns a context that ends with the first signal to stop, and calls
// abandon at the second.
func stops(ctx context.Context, log *slog.Logger, abandon func()) (context.Context, func()) {
	soft, cancel := context.WithCancel(ctx)
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				if n == 0 {
					log.Info("stopping: finishing what is in flight; a second signal abandons it", "signal", s.String())
					cancel()
					continue
				}
				log.Warn("abandoning what is in flight; it is uncommitted and will be read again", "signal", s.String())
				abandon()
			case <-done:
				return
			}
		}
	}()
	return soft, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

func runEmbedded(c console, ctx *cli.Context) error {
	limitMemory()
	dir := ctx.Path("data")
	if dir == "" {
		var err error
		if dir, err = devstack.DefaultDir(); err != nil {
			return err
		}
	}
	level := "warn" // progress is shown by other means
	if l := ctx.String("log-level"); l != "" {
		level = l
	}
	_, colour := terminal(c.err)
	log, err := obs.NewLogger(c.err, level, obs.LogText, colour)
	if err != nil {
		return usage("log-level: %w", err)
	}
	abandoned, abandon := context.WithCancelCause(ctx.Context)
	defer abandon(nil)
	soft, done := stops(abandoned, log, func() { abandon(pipeline.ErrAbandoned) })
	defer done()
	var draining atomic.Bool
	context.AfterFunc(soft, func() { draining.Store(true) })
	serve := func(stats func() pipeline.Stats) (string, func(), error) {
		return serveSomewhere(ctx.Context, ctx.String("admin"), stats, &draining, log)
	}
	p := newProgress(c.err, ctx.Uint64("events"))
	defer p.close()
	summary, err := demo.Run(soft, abandoned, demo.Options{
		Dir: dir, Events: ctx.Uint64("events"), Seed: ctx.Uint64("seed"), Rate: ctx.Float64("rate"), Reset: ctx.Bool("reset"),
		Registry: parts(), Logger: log, Serve: serve, Progress: p.show, Started: p.started,
	})
	p.close()
	if err != nil {
		return err
	}
	if ctx.String("output") == "json" {
		if err := c.json(summary); err != nil {
			return err
		}
	} else {
		fmt.Fprint(c.out, summary.Text())
	}
	return summary.Err()
}

// serveSomewhere is serveAdmin at addr, or else at the usual address or, if that
// is taken, at any.
func serveSomewhere(ctx context.Context, addr string, stats func() pipeline.Stats, draining *atomic.Bool, log *slog.Logger) (string, func(), error) {
	if addr != "" {
		return serveAdmin(ctx, addr, "", stats, draining, log)
	}
	at, end, err := serveAdmin(ctx, "127.0.0.1:9464", "", stats, draining, log)
	if fault.Is(err, fault.AddressInUse) {
		at, end, err = serveAdmin(ctx, "127.0.0.1:0", "", stats, draining, log)
	}
	return at, end, err
}
