package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

// filterFlags say which letters a command is about.
func filterFlags(outlet bool, state, limit string) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "table", Usage: "letters of `TABLE` alone: keyspace.table, or a keyspace"},
		&cli.StringFlag{Name: "code", Usage: "letters with `CODE` alone, or whose code begins so: CDC-2"},
		&cli.StringFlag{Name: "since", Usage: "received at `TIME` or later: a time, a date, or how long ago (24h)"},
		&cli.StringFlag{Name: "until", Usage: "received before `TIME`"},
		&cli.StringFlag{Name: "key", Usage: "letters whose record's key contains `TEXT`"},
		&cli.StringFlag{Name: "state", Usage: "letters in `STATE`: open, resubmitted, archived, discarded or all", DefaultText: state},
		&cli.IntFlag{Name: "limit", Usage: "at most `N` letters", DefaultText: limit},
	}
	if outlet {
		flags = append(flags, &cli.StringFlag{Name: "outlet", Usage: "letters of `OUTLET`: dead_letter, invalid, stale or one of your own", Value: string(pipeline.DeadLetter)})
	}
	return flags
}

// filterOf returns the filter that the flags and arguments describe. state is meant if
// none is given.
func filterOf(ctx *cli.Context, outlet pipeline.Outlet, state dlq.State) (dlq.Filter, error) {
	if outlet == "" {
		outlet = pipeline.Outlet(ctx.String("outlet"))
	}
	f := dlq.Filter{Outlet: outlet, Table: ctx.String("table"), Code: fault.Code(ctx.String("code")), Key: ctx.String("key"), State: state, Limit: ctx.Int("limit"), After: ctx.Int64("after")}
	if ctx.IsSet("state") {
		if f.State = dlq.State(ctx.String("state")); f.State == "all" {
			f.State = ""
		}
	}
	now := time.Now()
	var err error
	if f.Since, err = moment("since", ctx.String("since"), now); err != nil {
		return f, err
	}
	if f.Until, err = moment("until", ctx.String("until"), now); err != nil {
		return f, err
	}
	for _, arg := range ctx.Args().Slice() {
		id, err := letterID(arg)
		if err != nil {
			return f, err
		}
		f.IDs = append(f.IDs, id)
	}
	if f.IDs != nil && !ctx.IsSet("state") {
		f.State = "" // who names letters means them
	}
	return f, f.Validate()
}

func letterID(s string) (int64, error) {
	if s == "" {
		return 0, usage("the number of a letter is missing")
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, usage("%q is not the number of a letter; flags come before numbers", s)
	}
	return id, nil
}

// narrowed reports whether the flags name some letters rather than all.
func narrowed(ctx *cli.Context) bool {
	return ctx.NArg() > 0 || ctx.Bool("all") || slices.ContainsFunc([]string{"table", "code", "since", "until", "key", "limit"}, ctx.IsSet)
}

// form is the flag that chooses the form in which letters are printed.
func form(usual string, forms ...string) *cli.StringFlag {
	text := ""
	for i, f := range forms {
		if i > 0 {
			text += ", "
		}
		text += f
	}
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FORMAT` of what is printed: " + text, Value: usual,
		Action: func(_ *cli.Context, v string) error {
			if !slices.Contains(forms, v) {
				return usage("output: %q is none of %s", v, text)
			}
			return nil
		}}
}

func maxReplaysFlag() *cli.IntFlag {
	return &cli.IntFlag{Name: "max-replays", Usage: "leave alone events that were sent again `N` times already", Value: dlq.DefaultMaxReplays,
		Action: func(_ *cli.Context, n int) error {
			if n < 1 {
				return usage("max-replays: must be at least 1")
			}
			return nil
		}}
}

func brokersFlag() *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: "brokers", Usage: "send to the Kafka brokers at `ADDRESS`, instead of those that the file's source names; may be repeated"}
}
