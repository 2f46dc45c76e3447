package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

func dlqCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "dlq", Usage: "work on letters: what left a pipeline by an outlet",
		Description: "The letters are those in PostgreSQL. Outlets that write to Kafka topics have theirs brought there by\n" +
			"cdcpipe dlq run.",
		Subcommands: []*cli.Command{
			listCommand(c, ""), showCommand(c, ""),
			{
				Name: "stats", Usage: "count letters by table, code and state",
				Flags:  slices.Concat(deskFlags(), filterFlags(true, "all", "no limit"), []cli.Flag{form("table", "table", "json", "yaml", "csv")}),
				Action: func(ctx *cli.Context) error { return dlqStats(c, ctx) },
			},
			{
				Name: "replay", Usage: "send letters through the pipeline again, as they were read", ArgsUsage: "ID...",
				Flags: slices.Concat(deskFlags(), filterFlags(true, "open; any if numbers are given", "no limit"), []cli.Flag{
					brokersFlag(), maxReplaysFlag(), form("table", "table", "json", "yaml"),
					&cli.BoolFlag{Name: "all", Usage: "all that are open"},
					&cli.BoolFlag{Name: "dry-run", Usage: "say how many there are, and send nothing"},
				}),
				Action: func(ctx *cli.Context) error { return dlqReplay(c, ctx) },
			},
			{
				Name: "export", Usage: "write letters as lines of JSON, which the source file reads, or as CSV", ArgsUsage: "ID...",
				Flags: slices.Concat(deskFlags(), filterFlags(true, "open; any if numbers are given", "no limit"), []cli.Flag{
					form("json", "json", "csv"),
					&cli.PathFlag{Name: "to", Usage: "write `FILE`, whole or not at all, instead of standard output"},
				}),
				Action: func(ctx *cli.Context) error { return dlqExport(c, ctx) },
			},
			{
				Name: "purge", Usage: "remove letters for good", ArgsUsage: "ID...",
				Flags: slices.Concat(deskFlags(), filterFlags(true, "all but open", "no limit"), []cli.Flag{
					&cli.DurationFlag{Name: "older-than", Usage: "dealt with longer ago than `DURATION`; of open ones: received"},
					&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do it; otherwise it only says how many there are"},
				}),
				Action: func(ctx *cli.Context) error { return dlqPurge(c, ctx) },
			},
			dlqDiscardCommand(c), dlqRunCommand(c),
		},
	}
}

// listCommand lists the letters of an outlet, or of the one that a flag names.
func listCommand(c console, outlet pipeline.Outlet) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list letters",
		Flags: slices.Concat(deskFlags(), filterFlags(outlet == "", "open", "100"), []cli.Flag{
			form("table", "table", "json", "yaml", "csv"),
			&cli.Int64Flag{Name: "after", Usage: "begin after the letter `ID`: the next page"},
		}),
		Action: func(ctx *cli.Context) error {
			f, err := filterOf(ctx, outlet, dlq.Open)
			if err != nil {
				return err
			}
			if !ctx.IsSet("limit") {
				f.Limit = 100
			}
			d, err := openDesk(ctx, quietly(c))
			if err != nil {
				return err
			}
			defer d.close()
			p := newPrinter(c, ctx.String("output"))
			n := 0
			if err := d.store.Each(ctx.Context, f, func(ls []*dlq.Letter) error {
				n += len(ls)
				return p.page(ls)
			}); err != nil {
				return err
			}
			if n == 0 {
				said := "no letters"
				if f.State == dlq.Open && !ctx.IsSet("state") {
					said += " that are open (--state all lists all)"
				}
				fmt.Fprintln(c.err, said+d.elsewhere(f.Outlet))
			}
			return p.end()
		},
	}
}

func showCommand(c console, outlet pipeline.Outlet) *cli.Command {
	flags := append(deskFlags(), form("yaml", "yaml", "json"))
	if outlet == "" {
		flags = append(flags, &cli.StringFlag{Name: "outlet", Usage: "the letter is one of `OUTLET`", Value: string(pipeline.DeadLetter)})
	}
	return &cli.Command{
		Name: "show", Usage: "print a letter with all that is known of it", ArgsUsage: "ID", Flags: flags,
		Action: func(ctx *cli.Context) error {
			id, err := letterID(ctx.Args().First())
			if err != nil {
				return err
			}
			d, err := openDesk(ctx, quietly(c))
			if err != nil {
				return err
			}
			defer d.close()
			o := outlet
			if o == "" {
				o = pipeline.Outlet(ctx.String("outlet"))
			}
			l, err := d.store.Get(ctx.Context, o, id)
			if err != nil {
				return err
			}
			history, err := d.store.History(ctx.Context, o, id)
			if err != nil {
				return err
			}
			return document(c, ctx.String("output"), l.View(true, history...))
		},
	}
}

func dlqStats(c console, ctx *cli.Context) error {
	f, err := filterOf(ctx, "", "")
	if err != nil {
		return err
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	all, err := d.store.Stats(ctx.Context, f)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(c.err, "no letters"+d.elsewhere(f.Outlet))
	}
	return printStats(c, ctx.String("output"), all)
}

func dlqExport(c console, ctx *cli.Context) error {
	f, err := filterOf(ctx, "", dlq.Open)
	if err != nil {
		return err
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	n := 0
	write := func(w io.Writer) error {
		if ctx.String("output") == "csv" {
			if err := dlq.WriteCSV(w, nil, true); err != nil {
				return err
			}
		}
		return d.store.Each(ctx.Context, f, func(ls []*dlq.Letter) error {
			n += len(ls)
			if ctx.String("output") == "csv" {
				return dlq.WriteCSV(w, ls, false)
			}
			return dlq.WriteLines(w, ls)
		})
	}
	if to := ctx.Path("to"); to != "" {
		if info, err := os.Stat(filepath.Dir(to)); err != nil || !info.IsDir() {
			return usage("to: %s is to be in a directory that is not there", to)
		}
		if info, err := os.Stat(to); err == nil && info.IsDir() {
			return usage("to: %s is a directory", to)
		}
		if err := dlq.WriteFile(to, write); err != nil {
			return fault.Wrap(fault.OutletDown, fmt.Errorf("write %s: %w", to, err))
		}
	} else if err := write(c.out); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%d letters exported\n", n)
	return nil
}

// elsewhere says where letters are that are not in PostgreSQL.
func (d *desk) elsewhere(o pipeline.Outlet) string {
	if d.spec == nil {
		return ""
	}
	if topic := topicOf(d.spec, o); topic != "" {
		return fmt.Sprintf("; those of the outlet %s go to the topic %s, and cdcpipe dlq run brings them here", o, topic)
	}
	return ""
}

// quietly returns the log of a command that is done soon: warnings alone.
func quietly(c console) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
