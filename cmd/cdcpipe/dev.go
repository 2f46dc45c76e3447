package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/obs"
	"cdcpipe/pipeline/fault"
)

func devCommand(c console) *cli.Command {
	dir := &cli.PathFlag{Name: "dir", Usage: "`DIR` of the stack: data, configurations, logs"}
	return &cli.Command{
		Name: "dev", Usage: "run Kafka, Cassandra, Debezium's agent and PostgreSQL on this machine",
		Description: "The real servers, without containers, at free ports of the loopback address. They need Java 17,\n" +
			"Maven for the first time, and PostgreSQL's programs. Not for production.",
		Subcommands: []*cli.Command{
			{
				Name: "up", Usage: "start the servers, and stop them when told to",
				Flags: []cli.Flag{
					dir,
					&cli.BoolFlag{Name: "detach", Usage: "return when they are ready, and leave them running"},
					&cli.StringFlag{Name: "cassandra", Usage: "`LINE` of Cassandra", Value: realstack.Lines()[0]},
					&cli.DurationFlag{Name: "sync-period", Usage: "Cassandra's commitlog_sync_period, a `DURATION`", Value: 200 * time.Millisecond},
				},
				Action: func(ctx *cli.Context) error {
					if ctx.Bool("detach") {
						return devDetach(c, ctx)
					}
					return devUp(c, ctx)
				},
			},
			{
				Name: "down", Usage: "stop the servers, whoever runs them",
				Flags:  []cli.Flag{dir},
				Action: func(ctx *cli.Context) error { return devDown(c, ctx) },
			},
			{
				Name: "status", Usage: "tell what the servers do",
				Flags:  []cli.Flag{dir, output()},
				Action: func(ctx *cli.Context) error { return devStatus(c, ctx) },
			},
			{
				Name: "cql", Usage: "execute a statement in Cassandra, and print its rows", ArgsUsage: "STATEMENT",
				Flags:  []cli.Flag{dir},
				Action: func(ctx *cli.Context) error { return devCQL(c, ctx) },
			},
		},
	}
}

// devDir returns the directory of the stack that a command is about.
func devDir(ctx *cli.Context) (string, error) {
	if dir := ctx.Path("dir"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := devstack.DefaultDir()
	return filepath.Join(dir, "stack"), err
}

// devUp runs the servers until a signal.
func devUp(c console, ctx *cli.Context) (err error) {
	dir, err := devDir(ctx)
	if err != nil {
		return err
	}
	_, colour := terminal(c.err)
	log, err := obs.NewLogger(c.err, "info", obs.LogText, colour)
	if err != nil {
		return err
	}
	until, cancel := signal.NotifyContext(ctx.Context, syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	s, err := realstack.Open(until, realstack.Config{
		Dir: dir, Version: ctx.String("cassandra"), SyncPeriod: ctx.Duration("sync-period"), Log: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		cancel() // a second signal ends this process, and its children with it
		log.Info("stopping")
		if stopped := s.Stop(ctx.Context); err == nil {
			err = stopped
		}
	}()
	if err := devStart(until, s, log); err != nil {
		if until.Err() != nil {
			return nil // it was told to stop
		}
		return err
	}
	about, err := devWrite(s)
	if err != nil {
		return err
	}
	fmt.Fprint(c.out, about)
	if err := s.MarkReady(); err != nil {
		return err
	}
	s.Keep(until)
	return nil
}

// devStart starts the agent after the tables are there: it would not see them if
// they were made together with their keyspace while it runs.
func devStart(ctx context.Context, s *realstack.Stack, log *slog.Logger) error {
	if err := s.StartParts(ctx, realstack.Kafka, realstack.Postgres, realstack.Cassandra); err != nil {
		return err
	}
	log.Info("making the tables of " + filepath.Join(s.Dir(), "tables.cql"))
	session, err := s.Session()
	if err != nil {
		return err
	}
	defer session.Close()
	for _, statement := range devStatements() {
		if err := session.Query(statement).ExecContext(ctx); err != nil {
			return fault.New(fault.CassandraDown, "%s: %w", strings.SplitN(statement, "\n", 2)[0], err)
		}
	}
	return s.StartParts(ctx, realstack.Agent)
}

// devStopTimeout is how long the servers have to end in order.
const devStopTimeout = 90 * time.Second

func devDown(c console, ctx *cli.Context) error {
	dir, err := devDir(ctx)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx.Context, devStopTimeout)
	defer cancel()
	ran, err := realstack.Down(within, dir)
	if err != nil {
		return err
	}
	if !ran {
		fmt.Fprintln(c.err, "nothing runs in", dir)
	}
	return nil
}

func devStatus(c console, ctx *cli.Context) error {
	dir, err := devDir(ctx)
	if err != nil {
		return err
	}
	status, err := realstack.ReadStatus(dir)
	if err != nil {
		return err
	}
	if ctx.String("output") == "json" {
		return c.json(status)
	}
	fmt.Fprintf(c.out, "%s: %s\n", dir, status.State)
	for _, s := range status.Servers {
		fmt.Fprintf(c.out, "%-10s %-9s", s.Part, s.State)
		if s.PID != 0 {
			fmt.Fprintf(c.out, " pid %-8d 127.0.0.1:%-6d %5d MiB", s.PID, s.Port, s.RSSBytes>>20)
		}
		fmt.Fprintf(c.out, " %s\n", s.Log)
	}
	return nil
}

func devCQL(c console, ctx *cli.Context) error {
	dir, err := devDir(ctx)
	if err != nil {
		return err
	}
	if ctx.NArg() == 0 {
		return usage("dev cql: a statement is missing")
	}
	session, err := realstack.Connect(dir)
	if err != nil {
		return err
	}
	defer session.Close()
	iter := session.Query(ctx.Args().First()).IterContext(ctx.Context)
	for row := map[string]any{}; iter.MapScan(row); row = map[string]any{} {
		for i, col := range iter.Columns() {
			fmt.Fprintf(c.out, "%s%s=%v", strings.Repeat("  ", min(i, 1)), col.Name, row[col.Name])
		}
		fmt.Fprintln(c.out)
	}
	if err := iter.Close(); err != nil {
		return fault.New(fault.CassandraDown, "execute: %w", err)
	}
	return nil
}
