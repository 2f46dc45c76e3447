package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline/dlq"
)

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
			return counted(c, f, n, err)
		}
		n, err := d.store.Purge(ctx.Context, f, actor())
		return purged(c, f, n, err)
	}
	if !ctx.Bool("yes") {
		n, err := d.store.Expirable(ctx.Context, f, before)
		return counted(c, f, n, err)
	}
	n, err := d.store.Expire(ctx.Context, f, before, actor())
	return purged(c, f, n, err)
}

func counted(c console, f dlq.Filter, n int64, err error) error {
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d would be purged\n", n)
	fmt.Fprintln(c.err, "nothing was removed: add --yes")
	return missing(f, n)
}

func purged(c console, f dlq.Filter, n int64, err error) error {
	fmt.Fprintf(c.out, "%d purged\n", n)
	if err != nil {
		return err
	}
	return missing(f, n)
}
