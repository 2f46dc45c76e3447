package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/cmd/cdcpipe/agent"
	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sinks/postgres/pgserver"
)

// A checker is a part that can look whether it could work, without changing
// anything. What it returns says what it found.
type checker interface {
	Check(ctx context.Context) (found string, err error)
}

// checkTimeout bounds one check.
const checkTimeout = 15 * time.Second

func doctorCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "check everything that a pipeline needs, and change nothing",
		Description: "With -f it checks what the pipeline of a file talks to; without, what the embedded default needs.",
		Flags: []cli.Flag{
			fileFlag(), setFlag(), output(),
			&cli.StringSliceFlag{Name: "agent", Usage: "`URL` of the HTTP server of one of Debezium's agents; may be repeated"},
		},
		Action: func(ctx *cli.Context) error {
			d := &doctor{ctx: ctx.Context}
			if ctx.Path("file") == "" {
				d.embedded()
			} else if err := d.file(ctx); err != nil {
				return err
			}
			if ctx.String("output") == "json" {
				if err := c.json(d.results); err != nil {
					return err
				}
				return silent(d.worst)
			}
			for _, r := range d.results {
				fmt.Fprintf(c.out, "%-5s %-24s %s\n", map[string]string{passes: "ok", warns: "warn", fails: "FAIL"}[r.Severity], r.What, r.Found)
				if !r.OK {
					fmt.Fprintf(c.out, "      what to do: %s\n", r.Fix)
				}
			}
			return silent(d.worst)
		},
	}
}

// A checkup is the result of one check, or one of several.
type checkup struct {
	What     string     `json:"what"`
	OK       bool       `json:"ok"`
	Severity string     `json:"severity"`
	Code     fault.Code `json:"code,omitempty"`
	Found    string     `json:"found"`
	Fix      string     `json:"fix,omitempty"`
}

// Severities of checkups. What warns is no reason to exit with an error.
const (
	passes = "ok"
	warns  = "warning"
	fails  = "error"
)

type doctor struct {
	ctx     context.Context
	results []checkup
	worst   error // the first failure
}

// check runs one check and notes what comes of it.
func (d *doctor) check(what string, f func(context.Context) (string, error)) {
	ctx, cancel := context.WithTimeout(d.ctx, checkTimeout)
	defer cancel()
	found, err := f(ctx)
	if err == nil {
		d.passed(what, found)
		return
	}
	d.failed(what, err, fails)
}

func (d *doctor) passed(what, found string) {
	d.results = append(d.results, checkup{What: what, OK: true, Severity: passes, Found: found})
}

func (d *doctor) failed(what string, err error, severity string) {
	code := fault.CodeOf(err)
	d.results = append(d.results, checkup{What: what, Severity: severity, Code: code, Found: err.Error(), Fix: fault.Describe(code).Fix})
	if severity == fails && d.worst == nil {
		d.worst = err
	}
}

// embedded checks what cdcpipe run needs without a file.
func (d *doctor) embedded() {
	d.check("PostgreSQL's programs", func(context.Context) (string, error) { return pgserver.Find() })
	d.check("data directory", func(context.Context) (string, error) {
		dir, err := devstack.DefaultDir()
		if err != nil {
			return "", err
		}
		return dir, devstack.Probe(dir)
	})
}

// file checks what the pipeline of a file talks to.
func (d *doctor) file(ctx *cli.Context) error {
	s, err := load(ctx, false)
	if err != nil {
		return err
	}
	path, _ := filepath.Abs(ctx.Path("file"))
	d.check("configuration", func(context.Context) (string, error) {
		return path + ", " + plural(int64(len(s.Lint())), "warning"), nil
	})
	quiet := slog.New(slog.DiscardHandler)
	var catalog *cdc.Catalog
	var reader cdc.Reader
	d.check("tables", func(ctx context.Context) (found string, err error) {
		var end func()
		if catalog, reader, end, err = openCassandra(ctx, s, quiet); err != nil {
			return "", err
		}
		end()
		return tables(catalog, s.Config.Schema.Cassandra != nil)
	})
	if catalog == nil {
		return nil
	}
	var built *spec.Built
	d.check("parts", func(context.Context) (found string, err error) {
		built, err = s.Build(plugin.Env{Catalog: catalog, Reader: reader, Logger: quiet})
		return "can be built", err
	})
	if built == nil {
		return nil
	}
	part := func(what string, p any) {
		if k, ok := p.(checker); ok {
			d.check(what, k.Check)
		}
	}
	part("source "+s.Config.Source.Use, built.Source)
	for _, st := range built.Stages {
		part("stage", st)
	}
	part("sink "+s.Config.Sink.Use, built.Sink)
	for _, o := range slices.Sorted(maps.Keys(built.Outlets)) {
		part("outlet "+string(o), built.Outlets[o])
	}
	if r := s.Config.Redis; r != nil {
		d.check("Redis", func(ctx context.Context) (string, error) {
			client, err := connectRedis(ctx, r)
			if err != nil {
				return "", err
			}
			client.Close()
			return r.Where(), nil
		})
	}
	d.changes(s, built)
	for _, url := range ctx.StringSlice("agent") {
		d.check("agent "+url, func(ctx context.Context) (string, error) { return agent.Ping(ctx, url) })
	}
	return nil
}

// tables counts the tables whose definitions are known at the start.
func tables(catalog *cdc.Catalog, more bool) (string, error) {
	all := catalog.Tables()
	if len(all) == 0 && !more {
		return "none defined; events must carry their schema", nil
	}
	var errs []error
	for _, t := range all {
		if t.Counter() {
			errs = append(errs, fault.New(fault.TableRefused, "table %s has counters", t))
		}
	}
	return fmt.Sprintf("%d tables", len(all)), errors.Join(errs...)
}
