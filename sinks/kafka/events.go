package kafka

import (
	"context"
	"log/slog"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Events writes events to their topics as Debezium's agent does: keys hashed to
// partitions by murmur2. The partition and offset that an event bears are those it
// was read from, and of no account.
type Events struct{ p *producer }

var (
	_ pipeline.Sink[*cdc.Event] = (*Events)(nil)
	_ pipeline.Opener           = (*Events)(nil)
	_ pipeline.Closer           = (*Events)(nil)
	_ pipeline.Diverter         = (*Events)(nil)
)

// NewEvents returns a sink; nothing is dialled until Open. The client takes extra
// options after the sink's own.
func NewEvents(cfg Config, log *slog.Logger, extra ...kgo.Opt) (*Events, error) {
	p, err := newProducer(cfg, log, extra)
	if err != nil {
		return nil, err
	}
	return &Events{p: p}, nil
}

// Outlets returns dead_letter, for events that a topic does not take for their
// size.
func (s *Events) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.DeadLetter} }

// Open connects.
func (s *Events) Open(ctx context.Context) error { return s.p.open(ctx) }

// Close ends the connections.
func (s *Events) Close(context.Context) error {
	s.p.close()
	return nil
}

// Write returns once all replicas in sync have recs.
func (s *Events) Write(ctx context.Context, recs []pipeline.Record[*cdc.Event]) error {
	rs, slab := make([]*kgo.Record, len(recs)), make([]kgo.Record, len(recs))
	for i, rec := range recs {
		e := rec.Value
		r := &slab[i]
		*r = kgo.Record{Topic: e.Topic, Key: e.Key, Value: e.Value, Timestamp: e.Time}
		if s.p.cfg.Topic != "" {
			r.Topic = s.p.cfg.Topic
		}
		if len(e.Headers) > 0 {
			r.Headers = make([]kgo.RecordHeader, len(e.Headers))
			for j, h := range e.Headers {
				r.Headers[j] = kgo.RecordHeader(h)
			}
		}
		rs[i] = r
	}
	refused, err := s.p.produce(ctx, rs)
	if err != nil || len(refused) == 0 {
		return err
	}
	var f pipeline.Failures
	for i, r := range rs {
		if slices.Contains(refused, r) {
			f.Add(i, pipeline.Permanent(fault.New(fault.OutletDown, "topic %s does not take an event of %d bytes: raise its max.message.bytes", r.Topic, len(r.Value))))
		}
	}
	return f.Err()
}
