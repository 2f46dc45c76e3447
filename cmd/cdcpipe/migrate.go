package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline/plugin"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/cassandra"
)

func migrateCommand(c console) *cli.Command {
	flags := func() []cli.Flag {
		return []cli.Flag{
			fileFlag(), setFlag(), output(),
			&cli.StringFlag{Name: "dsn", Usage: "migrate the database at `ADDRESS`, instead of those that a pipeline's file names"},
			&cli.StringFlag{Name: "schema", Usage: "with --dsn: cdcpipe's own `SCHEMA` there", Value: postgres.DefaultConfig().Schema},
		}
	}
	return &cli.Command{
		Name: "migrate", Usage: "bring cdcpipe's own tables in PostgreSQL up to date",
		Description: "A pipeline does so when it starts. The command is for where the pipeline's role may make no tables:\n" +
			"run it as one that may, before a new version is started.",
		Subcommands: []*cli.Command{
			{
				Name: "up", Usage: "apply the migrations that are pending", Flags: flags(),
				Action: func(ctx *cli.Context) error {
					return eachMigrator(c, ctx, func(ctx context.Context, m *postgres.Migrator) ([]postgres.Migration, error) { return m.Up(ctx) })
				},
			},
			{
				Name: "status", Usage: "list the migrations, and when each was applied", Flags: flags(),
				Action: func(ctx *cli.Context) error {
					return eachMigrator(c, ctx, func(ctx context.Context, m *postgres.Migrator) ([]postgres.Migration, error) { return m.Status(ctx) })
				},
			},
		},
	}
}

// A migrated schema is what migrate prints of one.
type migrated struct {
	Schema     string               `json:"schema"`
	Migrations []postgres.Migration `json:"migrations"`
}

// eachMigrator calls f for every schema that the flags name, and prints what it
// returns.
func eachMigrator(c console, ctx *cli.Context, f func(context.Context, *postgres.Migrator) ([]postgres.Migration, error)) error {
	all, err := migrators(ctx)
	if err != nil {
		return err
	}
	results := []migrated{}
	for _, where := range slices.Sorted(maps.Keys(all)) {
		ms, callErr := f(ctx.Context, all[where])
		if ms == nil {
			ms = []postgres.Migration{}
		}
		results = append(results, migrated{where, ms})
		if callErr != nil {
			err = fmt.Errorf("%s: %w", where, callErr)
			break
		}
	}
	if ctx.String("output") == "json" {
		if jsonErr := c.json(results); jsonErr != nil {
			return jsonErr
		}
		return err
	}
	for _, r := range results {
		fmt.Fprintf(c.out, "%s\n", r.Schema)
		for _, m := range r.Migrations {
			state := "pending"
			if m.Applied != nil {
				state = m.Applied.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(c.out, "  %-20s  %s\n", state, m.Name)
		}
		if len(r.Migrations) == 0 && err == nil {
			fmt.Fprint(c.out, "  nothing is pending\n")
		}
	}
	return err
}

// migrators returns what the flags name, by place: a database, or the sink and
// outlets of a pipeline's file.
func migrators(ctx *cli.Context) (map[string]*postgres.Migrator, error) {
	if ctx.IsSet("dsn") == ctx.IsSet("file") {
		return nil, usage("%s: give either -f, the pipeline's file, or --dsn, a database", ctx.Command.FullName())
	}
	all := map[string]*postgres.Migrator{}
	if ctx.IsSet("dsn") {
		m, err := postgres.NewMigrator(postgres.LettersConfig{DSN: ctx.String("dsn"), Schema: ctx.String("schema")})
		if err != nil {
			return nil, usage("%s: %w", ctx.Command.FullName(), err)
		}
		all[m.Where()] = m
		return all, nil
	}
	if ctx.IsSet("schema") {
		return nil, usage("%s: --schema goes with --dsn; a file says which schema", ctx.Command.FullName())
	}
	s, err := load(ctx, false)
	if err != nil {
		return nil, err
	}
	env := plugin.Env{Logger: slog.New(slog.DiscardHandler)}
	if cfg := s.Config.Schema.Cassandra; cfg != nil { // parts may want it; nobody asks it anything
		where, err := cassandraConfig(cfg)
		if err != nil {
			return nil, err
		}
		reader, err := cassandra.NewReader(where)
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		env.Reader = reader
	}
	built, err := s.Build(env)
	if err != nil {
		return nil, err
	}
	own := func(part any) {
		if p, ok := part.(interface{ Migrator() *postgres.Migrator }); ok {
			m := p.Migrator()
			all[m.Where()] = m
		}
	}
	own(built.Sink)
	for _, o := range built.Outlets {
		own(o)
	}
	if len(all) == 0 {
		return nil, usage("%s: neither sink nor outlets of %s are in PostgreSQL", ctx.Command.FullName(), ctx.Path("file"))
	}
	return all, nil
}
