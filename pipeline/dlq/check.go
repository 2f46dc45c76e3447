package dlq

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
	"cdcpipe/stages"
)

// Check says whether an event would pass a pipeline's stages: those that decode, check
// and transform. What reads from elsewhere (hydrate) or goes by the age of a change
// (stale_check) is left out. The parts are those that the pipeline's builder returned.
type Check struct {
	Stages []any
	Logger *slog.Logger
}

// A Verdict is what became of an event.
type Verdict struct {
	Decoded  *cdc.Change      // as the first stage made it; nil if it could not
	Failures []letter.Failure // every rule that it breaks; none if it passes
}

// Err returns a fault that names every failure, or nil.
func (v *Verdict) Err() error {
	if len(v.Failures) == 0 {
		return nil
	}
	lines := make([]string, len(v.Failures))
	for i, f := range v.Failures {
		lines[i] = string(f.Code) + " " + f.Detail
	}
	return fault.New(fault.LetterRefused, "nothing was changed, since the event would be rejected again:\n%s", strings.Join(lines, "\n"))
}

// one is a source of a single event.
type one struct {
	event *cdc.Event
	done  bool
}

func (*one) Open(context.Context, pipeline.Partitions) error { return nil }

func (o *one) Read(context.Context) (pipeline.Batch[*cdc.Event], error) {
	if o.done {
		return pipeline.Batch[*cdc.Event]{}, io.EOF
	}
	o.done = true
	b := pipeline.NewBatch[*cdc.Event](1)
	b.Append(pipeline.Header{Partition: "check", Offset: 1, Size: o.event.Size(), Origin: o.event}, o.event)
	b.Through = pipeline.Mark{Partition: "check", Offset: 1}
	return b, nil
}

func (*one) Commit(context.Context, []pipeline.Mark) error { return nil }

// Run sends an event through the stages, and nowhere else. An error says that they
// could not judge it.
func (c Check) Run(ctx context.Context, e *cdc.Event) (*Verdict, error) {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	v := &Verdict{}
	p := pipeline.New("check", pipeline.Config{Logger: log})
	raw := pipeline.From(p, "letter", &one{event: e})
	var flow *pipeline.Flow[*cdc.Change]
	once := []pipeline.Option{pipeline.WithRetry(pipeline.Retry{Attempts: 1}), pipeline.WithBreaker(pipeline.Breaker{Failures: -1})}
	for i, part := range c.Stages {
		name := fmt.Sprintf("stage%d", i)
		switch st := part.(type) {
		case *stages.Hydrate, *stages.StaleCheck:
		case pipeline.Stage[*cdc.Event, *cdc.Change]:
			if flow == nil {
				flow = pipeline.Then(raw, name, kept(st), once...)
				flow = pipeline.Then(flow, "decoded", pipeline.Map(func(c *cdc.Change) (*cdc.Change, error) {
					v.Decoded = c
					return c, nil
				}), once...)
			}
		case pipeline.Stage[*cdc.Change, *cdc.Change]:
			if flow != nil {
				flow = pipeline.Then(flow, name, kept(st), once...)
			}
		}
	}
	if flow == nil {
		return nil, fault.New(fault.ConfigUsage, "the pipeline has no stage that decodes events, so nothing can be checked")
	}
	passed := false
	pipeline.To(flow, "passed", pipeline.SinkFunc[*cdc.Change](func(context.Context, []pipeline.Record[*cdc.Change]) error {
		passed = true
		return nil
	}))
	rejects := pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
		for _, r := range recs {
			l := letter.Of(r)
			v.Failures = append(v.Failures, l.Failures...)
		}
		return nil
	})
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		pipeline.Bind(p, o, rejects)
	}
	if err := p.Run(ctx); err != nil {
		return nil, fmt.Errorf("check the event: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("check the event: %w", err)
	}
	if !passed && len(v.Failures) == 0 && v.Decoded == nil {
		v.Failures = []letter.Failure{{Code: fault.NotAnEnvelope, Detail: "the value is null, which says nothing"}}
	}
	return v, nil
}

// A stage that is neither opened nor closed: it belongs to whoever built it.
type borrowed[In, Out any] struct{ stage pipeline.Stage[In, Out] }

func (b borrowed[In, Out]) Process(ctx context.Context, in []pipeline.Record[In], out *pipeline.Outbox[Out]) error {
	return b.stage.Process(ctx, in, out)
}

func (b borrowed[In, Out]) Outlets() []pipeline.Outlet {
	if d, ok := b.stage.(pipeline.Diverter); ok {
		return d.Outlets()
	}
	return []pipeline.Outlet{pipeline.DeadLetter}
}

func kept[In, Out any](st pipeline.Stage[In, Out]) pipeline.Stage[In, Out] {
	return borrowed[In, Out]{st}
}

// Correction checks a corrected value of a letter. Besides passing the stages, it must
// be of the same row as the original, as far as that can be decoded.
func (c Check) Correction(ctx context.Context, l *Letter, value []byte) error {
	e := l.Again(value)
	v, err := c.Run(ctx, e)
	if err != nil {
		return err
	}
	if err := v.Err(); err != nil {
		return err
	}
	if d := v.Decoded; d != nil && l.Table != "" && (d.Table.Keyspace != l.Keyspace || d.Table.Name != l.Table) {
		return fault.New(fault.LetterRefused, "nothing was changed: the value is of table %s.%s, the letter of %s", d.Table.Keyspace, d.Table.Name, l.TableName())
	}
	was, err := c.Run(ctx, &l.Event)
	if err != nil {
		return err
	}
	if was.Decoded == nil || v.Decoded == nil {
		return nil
	}
	if !slices.EqualFunc(was.Decoded.Key, v.Decoded.Key, func(a, b cdc.Value) bool { return string(a) == string(b) && (a == nil) == (b == nil) }) {
		return fault.New(fault.LetterRefused, "nothing was changed: the value has another key than the original, which its topic is divided by")
	}
	return nil
}
