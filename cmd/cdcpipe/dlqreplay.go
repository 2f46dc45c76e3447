package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

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
		if err != nil {
			return err
		}
		if form := ctx.String("output"); form != "table" {
			err = document(c, form, map[string]int64{"matching": n})
		} else {
			fmt.Fprintf(c.out, "%d would be sent\n", n)
		}
		return errors.Join(err, missing(f, n))
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
	if err == nil && first == nil {
		first = missing(f, int64(result.Sent+len(result.Refused)))
	}
	return errors.Join(err, result.print(c, ctx.String("output"), first))
}
