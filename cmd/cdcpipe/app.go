package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline/fault"
)

// newApp returns the command line. Nothing in it ends the process.
func newApp(c console) *cli.App {
	app := &cli.App{
		Name:  "cdcpipe",
		Usage: "replicate Cassandra tables into PostgreSQL, exactly",
		Description: "Without a file, cdcpipe run shows the whole thing on this machine: a Kafka broker and a Redis\n" +
			"within the process, a real PostgreSQL as its child, generated changes, and the pipeline that\n" +
			"merges them. cdcpipe run -f pipeline.yaml is the production way.",
		Writer: c.out, ErrWriter: c.err,
		HideVersion:               true, // there is a command
		EnableBashCompletion:      true,
		Suggest:                   true,
		DisableSliceFlagSeparator: true, // values hold commas
		ExitErrHandler:            func(*cli.Context, error) {},
		Commands: []*cli.Command{
			runCommand(c), statusCommand(c), snapshotCommand(c), verifyCommand(c), configCommand(c), doctorCommand(c), migrateCommand(c),
			dlqCommand(c), validationCommand(c), devCommand(c), versionCommand(c), completionCommand(c),
		},
		Action: func(ctx *cli.Context) error {
			if name := ctx.Args().First(); name != "" {
				return usage("unknown command %q%s", name, suggest(name, ctx.App.Commands))
			}
			return cli.ShowAppHelp(ctx)
		},
	}
	guard(app.Commands)
	app.OnUsageError = usageError
	return app
}

// guard gives every command the ways of all: wrong flags and left-over
// arguments are errors of usage.
func guard(cmds []*cli.Command) {
	for _, cmd := range cmds {
		cmd.OnUsageError = usageError
		guard(cmd.Subcommands)
		act := cmd.Action
		if act == nil {
			cmd.Action = func(ctx *cli.Context) error {
				if name := ctx.Args().First(); name != "" {
					return usage("unknown command %q%s", ctx.Command.Name+" "+name, suggest(name, ctx.Command.Subcommands))
				}
				return cli.ShowSubcommandHelp(ctx)
			}
			continue
		}
		most := 0
		if cmd.ArgsUsage != "" {
			most = len(strings.Fields(cmd.ArgsUsage))
			if strings.HasSuffix(cmd.ArgsUsage, "...") {
				most = math.MaxInt
			}
		}
		cmd.Action = func(ctx *cli.Context) error {
			if ctx.NArg() > most {
				return usage("%s: unexpected argument %q; flags come before arguments", ctx.Command.FullName(), ctx.Args().Get(most))
			}
			return act(ctx)
		}
	}
}

func usageError(ctx *cli.Context, err error, _ bool) error {
	name := ctx.App.Name
	if ctx.Command != nil && ctx.Command.Name != "" {
		name = ctx.Command.FullName()
	}
	return fault.Wrap(fault.ConfigUsage, fmt.Errorf("%s: %w", name, err))
}

// suggest names the command that name may have meant.
func suggest(name string, cmds []*cli.Command) string {
	if s := cli.SuggestCommand(cmds, name); s != "" {
		return "; " + strings.ToLower(s[:1]) + s[1:]
	}
	return ""
}

// output is the flag that chooses what a command prints.
func output() *cli.StringFlag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FORMAT` of what is printed: text or json", Value: "text",
		Action: func(_ *cli.Context, v string) error {
			if v != "text" && v != "json" {
				return usage("output: %q is neither text nor json", v)
			}
			return nil
		}}
}
