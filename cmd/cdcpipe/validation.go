package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

func validationCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "validation", Usage: "correct invalid records, and send them through the pipeline again",
		Subcommands: []*cli.Command{
			listCommand(c, pipeline.Invalid), showCommand(c, pipeline.Invalid),
			{
				Name: "edit", Usage: "correct a record in an editor, check it, and resubmit it", ArgsUsage: "ID",
				Flags: append(deskFlags(), brokersFlag(), maxReplaysFlag(), form("table", "table", "json", "yaml"),
					&cli.StringFlag{Name: "as", Usage: "`FORM` of what is edited: yaml or json", Value: "yaml"}),
				Action: func(ctx *cli.Context) error { return validationEdit(c, ctx) },
			},
			{
				Name: "resubmit", Usage: "resubmit records, as they are or with corrected values", ArgsUsage: "ID...",
				Flags: slices.Concat(deskFlags(), filterFlags(false, "open; any if numbers are given", "no limit"), []cli.Flag{
					brokersFlag(), maxReplaysFlag(), form("table", "table", "json", "yaml"),
					&cli.BoolFlag{Name: "all", Usage: "all that are open"},
					&cli.StringSliceFlag{Name: "column", Usage: "with one ID: set a column as `NAME=JSON`, such as qty=3; may be repeated"},
					&cli.PathFlag{Name: "value", Usage: "with one ID: take the whole value from `FILE`"},
				}),
				Action: func(ctx *cli.Context) error { return validationResubmit(c, ctx) },
			},
		},
	}
}

// A fixer checks corrections and sends them.
type fixer struct {
	*dlq.Resubmitter
	check *dlq.Check // nil if there is no file
}

// openFixer returns one, and what closes it.
func openFixer(ctx *cli.Context, d *desk) (*fixer, func(), error) {
	f, endCheck := &fixer{}, func() {}
	if d.spec != nil {
		var err error
		if f.check, endCheck, err = d.check(ctx.Context); err != nil {
			return nil, nil, err
		}
	}
	r, endSend, err := d.resubmitter(ctx)
	if err != nil {
		endCheck()
		return nil, nil, err
	}
	f.Resubmitter = r
	return f, func() { endSend(); endCheck() }, nil
}

// correct checks a corrected value, and sends it.
func (f *fixer) correct(ctx context.Context, l *dlq.Letter, value []byte, changed []string) error {
	if f.check == nil {
		return usage("a correction is checked by the pipeline's stages: name its file with -f")
	}
	if err := f.Refuse(l, value); err != nil {
		return err
	}
	if err := f.check.Correction(ctx, l, value); err != nil {
		return err
	}
	refused, err := f.Send(ctx, dlq.Sending{Letter: l, Value: value, Detail: map[string]any{"columns": changed}})
	if err == nil && len(refused) > 0 {
		err = refused[0].Err
	}
	return err
}

func validationEdit(c console, ctx *cli.Context) error {
	id, err := letterID(ctx.Args().First())
	if err != nil {
		return err
	}
	if as := ctx.String("as"); as != "yaml" && as != "json" {
		return usage("as: %q is neither yaml nor json", as)
	}
	if !ctx.IsSet("file") {
		return usage("validation edit: -f is missing: a correction is checked by the pipeline's stages")
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	l, err := d.store.Get(ctx.Context, pipeline.Invalid, id)
	if err != nil {
		return err
	}
	f, end, err := openFixer(ctx, d)
	if err != nil {
		return err
	}
	defer end()
	doc, err := f.check.Document(ctx.Context, l)
	if err != nil {
		return err
	}
	text, suffix := doc.JSON(), ".json"
	if y, ok := doc.YAML(); ok && ctx.String("as") == "yaml" {
		text, suffix = y, ".yaml"
	}
	for {
		if text, err = edit(ctx.Context, text, suffix); err != nil {
			return err
		}
		value, changed, err := doc.Apply(text)
		if err == nil && changed == nil {
			fmt.Fprintln(c.err, "nothing was changed, and nothing sent")
			return nil
		}
		if err == nil {
			err = f.correct(ctx.Context, l, value, changed)
		}
		if err == nil {
			result := sentResult{Sent: 1}
			return result.print(c, ctx.String("output"), nil)
		}
		if !fault.Is(err, fault.LetterRefused) { // which no edit makes better
			return err
		}
		if again, unanswered := confirmed(c, err.Error()+"\nThe editor opens again on what was saved."); unanswered != nil || !again {
			return err
		}
	}
}

func validationResubmit(c console, ctx *cli.Context) error {
	corrects := ctx.IsSet("column") || ctx.IsSet("value")
	switch {
	case !narrowed(ctx):
		return usage("%s: name letters, by number or by flags, or give --all", ctx.Command.FullName())
	case corrects && ctx.NArg() != 1:
		return usage("%s: --column and --value are for one letter: give its number", ctx.Command.FullName())
	case ctx.IsSet("column") && ctx.IsSet("value"):
		return usage("%s: give --column or --value, not both", ctx.Command.FullName())
	case corrects && !ctx.IsSet("file"):
		return usage("%s: -f is missing: a correction is checked by the pipeline's stages", ctx.Command.FullName())
	}
	filter, err := filterOf(ctx, pipeline.Invalid, dlq.Open)
	if err != nil {
		return err
	}
	d, err := openDesk(ctx, quietly(c))
	if err != nil {
		return err
	}
	defer d.close()
	f, end, err := openFixer(ctx, d)
	if err != nil {
		return err
	}
	defer end()
	var result sentResult
	if corrects {
		l, err := d.store.Get(ctx.Context, pipeline.Invalid, filter.IDs[0])
		if err != nil {
			return err
		}
		value, changed, err := corrected(ctx, f.check, l)
		if err != nil {
			return err
		}
		if err := f.correct(ctx.Context, l, value, changed); err != nil {
			return err
		}
		result.Sent = 1
		return result.print(c, ctx.String("output"), nil)
	}
	var first error
	err = d.store.Each(ctx.Context, filter, func(ls []*dlq.Letter) error {
		refused, err := f.again(ctx.Context, ls)
		if err != nil {
			return err
		}
		result.add(refused, len(ls))
		if first == nil && len(refused) > 0 {
			first = refused[0].Err
		}
		return nil
	})
	if err == nil && first == nil {
		first = missing(filter, int64(result.Sent+len(result.Refused)))
	}
	if err != nil {
		return err
	}
	return result.print(c, ctx.String("output"), first)
}

// again sends letters as they are, but for those that the stages would reject again.
func (f *fixer) again(ctx context.Context, ls []*dlq.Letter) (refused []dlq.Refusal, err error) {
	var ss []dlq.Sending
	for _, l := range ls {
		if f.check != nil {
			v, err := f.check.Run(ctx, l.Again(nil))
			if err != nil {
				return nil, err
			}
			if err := v.Err(); err != nil {
				refused = append(refused, dlq.Refusal{ID: l.ID, Err: err})
				continue
			}
		}
		ss = append(ss, dlq.Sending{Letter: l})
	}
	more, err := f.Send(ctx, ss...)
	return append(refused, more...), err
}

// corrected returns the value that the flags describe.
func corrected(ctx *cli.Context, check *dlq.Check, l *dlq.Letter) (value []byte, changed []string, err error) {
	if file := ctx.Path("value"); file != "" {
		if value, err = os.ReadFile(file); err != nil {
			return nil, nil, fault.New(fault.ConfigUsage, "value: %w", err)
		}
		value, err = check.Value(ctx.Context, l, value)
		return value, nil, err
	}
	set := map[string]json.RawMessage{}
	for _, s := range ctx.StringSlice("column") {
		name, text, ok := strings.Cut(s, "=")
		if !ok || !json.Valid([]byte(text)) {
			return nil, nil, usage("column: %q is not of the form name=JSON; text stands in quotes: note='\"x\"'", s)
		}
		set[name] = json.RawMessage(text)
	}
	doc, err := check.Document(ctx.Context, l)
	if err != nil {
		return nil, nil, err
	}
	value, changed, err = doc.Set(set)
	if err == nil && changed == nil {
		err = fault.New(fault.LetterRefused, "letter %d: the columns have these values already", l.ID)
	}
	return value, changed, err
}
