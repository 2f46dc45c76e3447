package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

func dlqDiscardCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "discard", Usage: "decide that letters are of no use: nothing sends them again, and they are purged in time", ArgsUsage: "ID...",
		Flags: slices.Concat(deskFlags(), filterFlags(true, "open; any if numbers are given", "no limit"), []cli.Flag{
			&cli.StringFlag{Name: "reason", Usage: "why, for the letters' note and the audit: `TEXT`"},
			&cli.BoolFlag{Name: "undo", Usage: "make letters that were discarded open again"},
			&cli.BoolFlag{Name: "all", Usage: "all that are open"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say how many there are, and change nothing"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
		}),
		Action: func(ctx *cli.Context) error { return dlqDiscard(c, ctx) },
	}
}

// discarding is discarding, or undoing it.
type discarding struct {
	count  func(context.Context, dlq.Filter) (int64, error)
	change func(ctx context.Context, f dlq.Filter, actor, reason string) (int64, error)
	done   string
}

func dlqDiscard(c console, ctx *cli.Context) error {
	undo, dry := ctx.Bool("undo"), ctx.Bool("dry-run")
	if !narrowed(ctx) {
		return usage("%s: name letters, by number or by flags, or give --all", ctx.Command.FullName())
	}
	usual := dlq.Open
	switch {
	case undo && ctx.IsSet("state"):
		return usage("%s: --undo is about letters that were discarded, and takes no --state", ctx.Command.FullName())
	case undo:
		usual = dlq.Discarded
	case !dry && strings.TrimSpace(ctx.String("reason")) == "":
		return usage("%s: --reason is missing: say why, for those who come later", ctx.Command.FullName())
	}
	f, err := filterOf(ctx, "", usual)
	if err != nil {
		return err
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	do := discarding{d.store.Discardable, d.store.Discard, "discarded"}
	if undo {
		do = discarding{d.store.Restorable, d.store.Restore, "opened again"}
	}
	if dry || !ctx.Bool("yes") {
		n, err := do.count(ctx.Context, f)
		if err != nil {
			return err
		}
		if dry {
			fmt.Fprintf(c.out, "%d would be %s\n", n, do.done)
			return missing(f, n)
		}
		if n == 0 {
			fmt.Fprintf(c.out, "0 %s\n", do.done)
			return missing(f, n)
		}
		if ok, err := confirmed(c, fmt.Sprintf("%d letters of the outlet %s will be %s.", n, f.Outlet, do.done)); err != nil || !ok {
			return err
		}
	}
	n, err := do.change(ctx.Context, f, actor(), ctx.String("reason"))
	fmt.Fprintf(c.out, "%d %s\n", n, do.done)
	if err != nil {
		return err
	}
	return missing(f, n)
}

// missing says that fewer letters were there than a filter has numbers.
func missing(f dlq.Filter, n int64) error {
	slices.Sort(f.IDs)
	if of := int64(len(slices.Compact(f.IDs))); n < of && f.Limit == 0 {
		return fault.New(fault.LetterMissing, "%d of %d letters are not there, or in another state; --state says which states are meant", of-n, of)
	}
	return nil
}

// confirmed asks on standard error, and reads the answer from standard input. Whoever
// cannot be asked has to say so beforehand.
func confirmed(c console, what string) (bool, error) {
	fmt.Fprintf(c.err, "%s Go on? [y/N] ", what)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	case "":
		if err != nil {
			fmt.Fprintln(c.err)
			return false, usage("nothing was changed, since nobody answered: add --yes")
		}
	}
	fmt.Fprintln(c.err, "nothing was changed")
	return false, nil
}
