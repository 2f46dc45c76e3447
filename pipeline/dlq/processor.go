package dlq

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// A Processor does with letters what needs nobody to decide: it sends again what was
// transient, exports what is wrong with the data, archives the rest, and purges what
// was dealt with long ago. It is a pipeline like any other: killed anywhere, the next
// one goes on.
type Processor struct {
	Name   string // of the pipeline; its letters alone are looked at
	Store  *Store
	Events pipeline.Sink[*cdc.Event] // sends letters; opened and closed by the pipeline
	Dir    string                    // of exports
	Actor  string                    // for the audit; defaults to cdcpipe dlq run
	Policy Policy

	// Outlets are whose letters are looked at; dead_letter and invalid by default.
	Outlets []pipeline.Outlet

	// Retention is how long letters are kept that were dealt with; defaults to 720h,
	// and a negative one keeps them for ever. Letters that are open are kept however
	// old.
	Retention time.Duration

	Poll, Lease time.Duration // of [Source]
	Once        bool          // end when nothing more is due
	Retry       pipeline.Retry
	Logger      *slog.Logger
}

// Pipeline wires the pipeline.
func (p *Processor) Pipeline() *pipeline.Pipeline {
	p.defaults()
	pl := pipeline.New(p.Name+".dlq", pipeline.Config{InFlight: 5000, CommitEvery: 200 * time.Millisecond, CommitRecords: 500, Logger: p.Logger})
	letters := pipeline.From(pl, "letters", &Source{
		Store: p.Store, Filter: Filter{Pipeline: p.Name}, Outlets: p.Outlets, Poll: p.Poll, Lease: p.Lease, Once: p.Once, Logger: p.Logger,
	})
	tasks := pipeline.Then[*Letter, Task](letters, "categorise", p.Policy)
	retry := pipeline.WithRetry(p.Retry)
	resubmitter := &sender{Resubmitter{Store: p.Store, Events: p.Events, Actor: p.Actor, MaxReplays: p.Policy.MaxReplays}}
	pipeline.To[Task](pipeline.Then[Task, Task](tasks, "transient", only(Send)), "resubmit", resubmitter, retry, pipeline.Batches(500, 50*time.Millisecond))
	exporter := &exports{Exporter{p.Store, p.Dir}}
	pipeline.To[Task](pipeline.Then[Task, Task](tasks, "invalid", only(Files)), "export", exporter, retry, pipeline.Batches(1000, time.Second))
	shelver := &Shelver{p.Store, p.Actor}
	pipeline.To[Task](pipeline.Then[Task, Task](tasks, "other", only(Shelf)), "archive", shelver, retry, pipeline.Batches(500, 50*time.Millisecond))
	pipeline.To[Task](pipeline.Then[Task, Task](tasks, "waiting", only(Later)), "wait", shelver, retry, pipeline.Batches(500, 50*time.Millisecond))
	return pl
}

func (p *Processor) defaults() {
	fill(&p.Actor, "cdcpipe dlq run")
	fill(&p.Retention, 720*time.Hour)
	if len(p.Outlets) == 0 {
		p.Outlets = []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid}
	}
	if p.Logger == nil {
		p.Logger = slog.Default()
	}
}

// purgeEvery is how often old letters are looked for.
const purgeEvery = time.Hour

// PurgeOld purges what was dealt with before the retention, now and every hour, until
// ctx ends. A failure is logged, and tried again an hour later.
func (p *Processor) PurgeOld(ctx context.Context) {
	p.defaults()
	for p.Retention > 0 {
		for _, o := range p.Outlets {
			n, err := p.Store.Expire(ctx, Filter{Outlet: o, Pipeline: p.Name}, time.Now().Add(-p.Retention), p.Actor)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				p.Logger.Warn("old letters were not purged", "outlet", string(o), "err", err)
			case n > 0:
				p.Logger.Info("letters purged that were dealt with long ago", "outlet", string(o), "letters", n)
			}
		}
		if p.Once {
			return
		}
		t := time.NewTimer(purgeEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// A sender opens and closes what it sends with.
type sender struct{ Resubmitter }

func (s *sender) Open(ctx context.Context) error {
	if o, ok := s.Events.(pipeline.Opener); ok {
		return o.Open(ctx)
	}
	return nil
}

func (s *sender) Close(ctx context.Context) error {
	if c, ok := s.Events.(pipeline.Closer); ok {
		return c.Close(ctx)
	}
	return nil
}

// exports is an [Exporter] of tasks.
type exports struct{ Exporter }

func (x *exports) Write(ctx context.Context, recs []pipeline.Record[Task]) error {
	b := pipeline.NewBatch[*Letter](len(recs))
	for _, r := range recs {
		b.Append(pipeline.Header{Partition: r.Partition, Offset: r.Offset}, r.Value.Letter)
	}
	return x.Exporter.Write(ctx, b.Records)
}

// Validate reports what is missing.
func (p *Processor) Validate() error {
	var errs []error
	if p.Name == "" {
		errs = append(errs, errors.New("the name of the pipeline is missing"))
	}
	if p.Store == nil || p.Events == nil {
		errs = append(errs, errors.New("the store or the events' sink is missing"))
	}
	if p.Dir == "" {
		errs = append(errs, errors.New("the directory of exports is missing"))
	}
	return errors.Join(errs...)
}
