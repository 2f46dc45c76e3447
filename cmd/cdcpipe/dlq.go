package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

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
			dlqRunCommand(c),
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
				fmt.Fprintln(c.err, "no letters"+d.elsewhere(f.Outlet))
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

// A sent result is what replay and resubmit print.
type sentResult struct {
	Sent    int             `json:"sent"`
	Refused []refusedResult `json:"refused"`
}

type refusedResult struct {
	ID     int64      `json:"id"`
	Code   fault.Code `json:"code"`
	Reason string     `json:"reason"`
}

func (r *sentResult) add(refused []dlq.Refusal, of int) {
	r.Sent += of - len(refused)
	for _, no := range refused {
		r.Refused = append(r.Refused, refusedResult{no.ID, fault.CodeOf(no.Err), no.Err.Error()})
	}
}

// print prints the result. What was refused is an error besides.
func (r *sentResult) print(c console, form string, limit error) error {
	if form != "table" {
		if r.Refused == nil {
			r.Refused = []refusedResult{}
		}
		if err := document(c, form, r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.out, "%d sent, %d refused\n", r.Sent, len(r.Refused))
		for _, no := range r.Refused {
			fmt.Fprintf(c.out, "  %d: %s\n", no.ID, shown(no.Reason, 500))
		}
	}
	return limit
}

func dlqReplay(c console, ctx *cli.Context) error {
	if !narrowed(ctx) {
		return usage("%s: name letters, by number or by flags, or give --all", ctx.Command.FullName())
	}
	f, err := filterOf(ctx, "", dlq.Open)
	if err != nil {
		return err
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	if ctx.Bool("dry-run") {
		n, err := d.store.Matching(ctx.Context, f)
		if err == nil {
			fmt.Fprintf(c.out, "%d would be sent\n", n)
		}
		return err
	}
	r, end, err := d.resubmitter(ctx)
	if err != nil {
		return err
	}
	defer end()
	var result sentResult
	var first error
	err = d.store.Each(ctx.Context, f, func(ls []*dlq.Letter) error {
		ss := make([]dlq.Sending, len(ls))
		for i, l := range ls {
			ss[i] = dlq.Sending{Letter: l}
		}
		refused, err := r.Send(ctx.Context, ss...)
		if err != nil {
			return err
		}
		result.add(refused, len(ls))
		if first == nil && len(refused) > 0 {
			first = refused[0].Err
		}
		return nil
	})
	if err == nil && f.IDs != nil && result.Sent+len(result.Refused) < len(f.IDs) {
		first = fault.New(fault.LetterMissing, "%d of %d letters are not there, or in another state", len(f.IDs)-result.Sent-len(result.Refused), len(f.IDs))
	}
	return errors.Join(err, result.print(c, ctx.String("output"), first))
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
		if err := dlq.WriteFile(to, write); err != nil {
			return fmt.Errorf("write %s: %w", to, err)
		}
	} else if err := write(c.out); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%d letters exported\n", n)
	return nil
}

func dlqPurge(c console, ctx *cli.Context) error {
	f, err := filterOf(ctx, "", "")
	if err != nil {
		return err
	}
	if ctx.Duration("older-than") < 0 {
		return usage("older-than: must not be negative")
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	before := time.Now().Add(-ctx.Duration("older-than"))
	if ctx.IsSet("state") && (f.State == dlq.Open || f.State == "") { // these were never dealt with
		if ctx.IsSet("older-than") && (f.Until.IsZero() || before.Before(f.Until)) {
			f.Until = before
		}
		if !ctx.Bool("yes") {
			n, err := d.store.Matching(ctx.Context, f)
			return counted(c, n, err)
		}
		n, err := d.store.Purge(ctx.Context, f, actor())
		return purged(c, n, err)
	}
	if !ctx.Bool("yes") {
		n, err := d.store.Expirable(ctx.Context, f, before)
		return counted(c, n, err)
	}
	n, err := d.store.Expire(ctx.Context, f, before, actor())
	return purged(c, n, err)
}

func counted(c console, n int64, err error) error {
	if err == nil {
		fmt.Fprintf(c.out, "%d would be purged\n", n)
		fmt.Fprintln(c.err, "nothing was removed: add --yes")
	}
	return err
}

func purged(c console, n int64, err error) error {
	fmt.Fprintf(c.out, "%d purged\n", n)
	return err
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
