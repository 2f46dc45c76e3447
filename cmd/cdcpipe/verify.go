package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	"cdcpipe/pipeline/verify"
)

func verifyCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "compare the replica with Cassandra, and heal it if asked to",
		Description: "Compares tables by digests, then the rows where these differ: values, write times, expiries, rows\n" +
			"that are missing or too many. The pipeline may run meanwhile: what differs is read again after a\n" +
			"while. It exits 0 only if nothing differs, or everything was healed.",
		Flags: []cli.Flag{
			fileFlag(), setFlag(), tableFlag(), output(), logLevelFlag(),
			&cli.BoolFlag{Name: "repair", Usage: "merge into the replica what Cassandra has of rows that differ"},
			&cli.DurationFlag{Name: "settle", Usage: "report what still differs after `DURATION`, which should be longer than the stream is behind", Value: 10 * time.Second},
			&cli.IntFlag{Name: "parallel", Usage: "`N` reads of Cassandra at a time", Value: 4},
			&cli.IntFlag{Name: "limit", Usage: "look for no more once `N` rows of a table differ", Value: 10_000},
		},
		Action: func(ctx *cli.Context) error { return verifyFile(c, ctx) },
	}
}

// A verifySummary is what a call of verify has found.
type verifySummary struct {
	Equal         bool                `json:"equal"` // or healed
	Tables        []verify.Result     `json:"tables"`
	Differences   []verify.Difference `json:"differences"`
	Seconds       float64             `json:"seconds"`
	RowsPerSecond float64             `json:"rows_per_second"`
}

func verifyFile(c console, ctx *cli.Context) error {
	limitMemory()
	if ctx.Duration("settle") <= 0 || ctx.Int("parallel") < 1 || ctx.Int("limit") < 1 {
		return usage("settle, parallel and limit must be positive")
	}
	o, err := openOrigin(c, ctx)
	if err != nil {
		return err
	}
	defer o.close()
	built, err := o.spec.Build(plugin.Env{Logger: o.log, Catalog: o.catalog(), Reader: o.reader})
	if err != nil {
		return err
	}
	replica, ok := built.Sink.(verify.Replica)
	if !ok {
		return fault.New(fault.ConfigValue, "%s: the sink %s keeps no rows that could be compared", ctx.Path("file"), o.spec.Config.Sink.Use)
	}
	abandoned, abandon := context.WithCancelCause(ctx.Context)
	defer abandon(nil)
	soft, done := stops(abandoned, o.log, func() { abandon(pipeline.ErrAbandoned) })
	defer done()
	if opener, ok := built.Sink.(pipeline.Opener); ok {
		if err := opener.Open(soft); err != nil {
			return err
		}
	}
	if closer, ok := built.Sink.(pipeline.Closer); ok {
		defer func() { _ = closer.Close(context.WithoutCancel(ctx.Context)) }() // it was only read from, or has answered
	}
	return compare(soft, c, ctx, o, built, replica)
}

// compare compares the tables one by one, and says what came of it.
func compare(soft context.Context, c console, ctx *cli.Context, o *origin, built *spec.Built, replica verify.Replica) error {
	text := ctx.String("output") != "json"
	s := verifySummary{Differences: []verify.Difference{}}
	var at atomic.Int64
	cfg := verify.Config{
		Settle: ctx.Duration("settle"), Parallel: ctx.Int("parallel"), Limit: ctx.Int("limit"), Map: mapper(built.Stages),
		Found: func(d verify.Difference) {
			if text {
				fmt.Fprintln(c.out, differenceLine(d))
				return
			}
			s.Differences = append(s.Differences, d)
		},
		Progress: func(_ *cdc.Table, what string, done, of int64) {
			if what == "digests" {
				at.Store(1000 * done / of)
			}
		},
	}
	if sink, ok := built.Sink.(pipeline.Sink[*cdc.Change]); ok && ctx.Bool("repair") {
		cfg.Repair = func(ctx context.Context, changes []*cdc.Change) ([]int, error) { return o.merge(ctx, sink, changes) }
	}
	began := time.Now()
	var before atomic.Int64 // tables that are done
	end := watch(func(g *gauge) {
		g.show(1000*before.Load()+at.Load(), 1000*int64(len(o.tables)), "comparing")
	}, newGauge(c.err, "thousandths"))
	var err error
	for _, t := range o.tables {
		from, to := mapped(built.Stages, t)
		if to == nil {
			err = fault.New(fault.TransformUnfit, "table %s cannot be mapped by the file's stages", t)
			break
		}
		var r verify.Result
		r, err = verify.Table(soft, cfg, o.reader, replica, from, to)
		s.Tables = append(s.Tables, r)
		if err != nil {
			break
		}
		at.Store(0)
		before.Add(1)
	}
	end()
	s.Seconds = time.Since(began).Seconds()
	return c.verified(s, text, err)
}

// verified prints the summary, and returns what the command comes to.
func (c console) verified(s verifySummary, text bool, err error) error {
	var rows, differing, repaired int64
	truncated := false
	for _, r := range s.Tables {
		rows, differing, repaired, truncated = rows+r.Rows, differing+r.Differing, repaired+r.Repaired, truncated || r.Truncated
	}
	s.RowsPerSecond = float64(rows) / s.Seconds
	s.Equal = err == nil && differing == repaired && !truncated
	if !text {
		if err := c.json(s); err != nil {
			return err
		}
	} else if err == nil {
		fmt.Fprintf(c.out, "%s of %s compared in %.1f s, %.0f a second; %d differ, %d healed\n",
			plural(rows, "row"), plural(int64(len(s.Tables)), "table"), s.Seconds, s.RowsPerSecond, differing, repaired)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Incomplete, err)
	case err != nil:
		return err
	case truncated:
		return fault.New(fault.ReplicaDiffers, "%s differ, and more may", plural(differing, "row"))
	case !s.Equal:
		return fault.New(fault.ReplicaDiffers, "the replica of %s is not what Cassandra has", plural(differing-repaired, "row"))
	}
	return nil
}

func differenceLine(d verify.Difference) string {
	line := fmt.Sprintf("%s  %s  ", d.Table, d.Key)
	if d.Column != "" {
		line += d.Column + "  "
	}
	line += d.What + ":"
	for _, side := range [...]struct{ who, has string }{{"Cassandra", d.Cassandra}, {"replica", d.Replica}} {
		if side.has == "" {
			side.has = "nothing"
		}
		line += fmt.Sprintf(" %s has %s;", side.who, side.has)
	}
	if d.Repaired {
		return line + " healed"
	}
	return line[:len(line)-1]
}

// A changer is a stage that makes one change of another.
type changer interface {
	Change(c *cdc.Change) (*cdc.Change, error)
}

// mapper returns what the stages make of a change that was read.
func mapper(stages []any) func(*cdc.Change) (*cdc.Change, error) {
	return func(c *cdc.Change) (_ *cdc.Change, err error) {
		for _, st := range stages {
			if m, ok := st.(changer); ok && c != nil {
				if c, err = m.Change(c); err != nil {
					return nil, err
				}
			}
		}
		return c, nil
	}
}

// mapped returns t as it is read, of facts or not, and as the replica has it, nil if
// it has none.
func mapped(stages []any, t *cdc.Table) (from, to *cdc.Table) {
	from, to = t, t
	for _, st := range stages {
		m, ok := st.(plugin.TableMapper)
		if !ok {
			continue
		}
		one := m.MapTables([]*cdc.Table{to})
		if len(one) != 1 {
			return from, nil
		}
		to = one[0]
		if _, changes := st.(changer); !changes {
			from = to
		}
	}
	return from, to
}

// merge merges changes that heal rows. It returns the positions of those that the
// sink refuses. What lost to a newer change has been healed by that.
func (o *origin) merge(ctx context.Context, sink pipeline.Sink[*cdc.Change], changes []*cdc.Change) (refused []int, err error) {
	b := pipeline.NewBatch[*cdc.Change](len(changes))
	for i, c := range changes {
		b.Append(pipeline.Header{Partition: "verify", Offset: int64(i), Key: c.Hash()}, c)
	}
	err = sink.Write(ctx, b.Records)
	failures, ok := errors.AsType[*pipeline.Failures](err)
	if !ok {
		return nil, err
	}
	for n, i := range failures.Index {
		if to, _ := pipeline.OutletOf(failures.Errs[n]); to != pipeline.Stale {
			o.log.Error("row cannot be healed", "table", changes[i].Table.String(), "err", failures.Errs[n])
			refused = append(refused, i)
		}
	}
	return refused, nil
}
