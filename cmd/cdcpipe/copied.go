package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"cdcpipe/obs"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sources/cassandra"
)

// tableFlag names the tables that are read from Cassandra.
func tableFlag() *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: "table", Usage: "only `KEYSPACE.TABLE`, with or without cdc set; may be repeated"}
}

func logLevelFlag() *cli.StringFlag {
	return &cli.StringFlag{Name: "log-level", Usage: "`LEVEL` of the log: debug, info, warn or error", Value: "warn"}
}

// An origin is what snapshot and verify know of Cassandra: the tables that are
// concerned, and what reads them.
type origin struct {
	spec   *spec.Spec
	log    *slog.Logger
	schema *cassandra.Schema
	reader *cassandra.Reader
	tables []*cdc.Table
}

// openOrigin loads the file of a command and reads the definitions of the tables: the
// ones named, else those of the file's keyspaces that have cdc set.
func openOrigin(c console, ctx *cli.Context) (o *origin, err error) {
	s, err := load(ctx, false)
	if err != nil {
		return nil, err
	}
	_, colour := terminal(c.err)
	log, err := obs.NewLogger(c.err, ctx.String("log-level"), obs.LogText, colour)
	if err != nil {
		return nil, usage("log-level: %w", err)
	}
	cfg := s.Config.Schema.Cassandra
	if cfg == nil {
		return nil, fault.New(fault.ConfigValue, "%s: schema.cassandra is missing, which says where the rows are", ctx.Path("file"))
	}
	where, err := cassandraConfig(cfg)
	if err != nil {
		return nil, err
	}
	o = &origin{spec: s, log: log}
	if o.schema, err = cassandra.NewSchema(where); err != nil {
		return nil, err
	}
	if o.reader, err = cassandra.NewReader(where); err != nil {
		return nil, err
	}
	if names := ctx.StringSlice("table"); len(names) > 0 {
		err = o.named(ctx.Context, names)
	} else {
		err = o.captured(ctx.Context, cfg.Keyspaces)
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *origin) close() {
	o.reader.Close()
	o.schema.Close()
}

// catalog returns a catalog of the tables alone, so that the sink makes no others.
func (o *origin) catalog() *cdc.Catalog { return cdc.NewCatalog(o.schema, o.tables...) }

func (o *origin) named(ctx context.Context, names []string) error {
	for _, n := range names {
		keyspace, name, ok := strings.Cut(n, ".")
		if !ok || keyspace == "" || name == "" {
			return usage("table: %q is not of the form keyspace.table", n)
		}
		t, err := o.schema.LoadTable(ctx, keyspace, name)
		switch {
		case err != nil:
			return err
		case t == nil:
			return fault.New(fault.CassandraTable, "there is no table %s", n)
		case t.Counter():
			return fault.New(fault.TableRefused, "table %s has counters", t)
		}
		o.tables = append(o.tables, t)
	}
	return nil
}

func (o *origin) captured(ctx context.Context, keyspaces []string) error {
	for _, k := range keyspaces {
		tables, refused, err := o.schema.Tables(ctx, k)
		if err != nil {
			return err
		}
		for _, r := range refused {
			o.log.Warn("table left out", "err", r)
		}
		for _, t := range tables {
			if t.Counter() {
				o.log.Warn("table left out: it has counters", "table", t.String())
				continue
			}
			o.tables = append(o.tables, t)
		}
	}
	if len(o.tables) == 0 {
		return fault.New(fault.ConfigValue, "no tables: none of schema.cassandra.keyspaces %v has one with cdc set; name some with --table", keyspaces)
	}
	return nil
}

func tableNames(tables []*cdc.Table) []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.String()
	}
	return names
}

// plural writes a number with what is counted.
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
