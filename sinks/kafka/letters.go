// Package kafka writes to Kafka topics: [Letters], what left a pipeline by an
// outlet, and [Events], as Debezium's agent would.
package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// TopicOf returns the topic that letters of an outlet go to by default.
func TopicOf(o pipeline.Outlet) string {
	switch o {
	case pipeline.DeadLetter:
		return "cassandra.cdc.dlq"
	case pipeline.Invalid:
		return "cassandra.cdc.validation_errors"
	case pipeline.Stale:
		return "cassandra.cdc.staleness_audit"
	}
	return "cassandra.cdc." + string(o)
}

// Letters writes rejected records to topics: key, value and time as they were
// read, byte for byte, the record's own headers, and then those that say why it
// left ([letter.Letter.Headers]).
//
// A letter that the topic does not take for its size is written without the end of
// its value, so that it does not hold up all others for ever, and says so in the
// headers cdcpipe.truncated, cdcpipe.value.size and cdcpipe.value.sha256. The
// whole record still stands where __connect.errors.topic, partition and offset say.
// It is logged, and counted by Truncated.
type Letters struct {
	p         *producer
	truncated atomic.Int64
}

var (
	_ pipeline.Sink[pipeline.Reject] = (*Letters)(nil)
	_ pipeline.Opener                = (*Letters)(nil)
	_ pipeline.Closer                = (*Letters)(nil)
	_ pipeline.Diverter              = (*Letters)(nil)
)

// NewLetters returns an outlet's sink; nothing is dialled until Open. The client
// takes extra options after the sink's own.
func NewLetters(cfg Config, log *slog.Logger, extra ...kgo.Opt) (*Letters, error) {
	p, err := newProducer(cfg, log, extra)
	if err != nil {
		return nil, err
	}
	return &Letters{p: p}, nil
}

// Outlets returns none: an outlet has no outlet.
func (l *Letters) Outlets() []pipeline.Outlet { return nil }

// Open connects, and creates the topic if one is named.
func (l *Letters) Open(ctx context.Context) error {
	if t := l.p.cfg.Topic; t != "" {
		return l.p.open(ctx, t)
	}
	return l.p.open(ctx)
}

// Close ends the connections.
func (l *Letters) Close(context.Context) error {
	l.p.close()
	return nil
}

// Truncated returns how many letters were written without the end of their value.
func (l *Letters) Truncated() int64 { return l.truncated.Load() }

// Write returns once all replicas in sync have recs.
func (l *Letters) Write(ctx context.Context, recs []pipeline.Record[pipeline.Reject]) error {
	rs := make([]*kgo.Record, len(recs))
	for i, r := range recs {
		rs[i] = l.record(letter.Of(r))
	}
	large, err := l.p.produce(ctx, rs)
	if err != nil || len(large) == 0 {
		return err
	}
	return l.truncate(ctx, large)
}

func (l *Letters) record(lt letter.Letter) *kgo.Record {
	e, topic := lt.Event, l.p.cfg.Topic
	if topic == "" {
		topic = TopicOf(lt.Outlet)
	}
	r := &kgo.Record{Topic: topic, Key: e.Key, Value: e.Value, Timestamp: e.Time}
	for _, h := range lt.Headers() {
		r.Headers = append(r.Headers, kgo.RecordHeader(h))
	}
	return r
}

// maxKept is how much is kept of a value, and of any header and the key, that does
// not fit: a size that every broker takes unless it was told not to.
const maxKept = 64 << 10

// truncate writes letters that were refused for their size. One that is refused
// again is not written at all, and stops the pipeline: the topic takes next to
// nothing.
func (l *Letters) truncate(ctx context.Context, large []*kgo.Record) error {
	short := make([]*kgo.Record, len(large))
	for i, r := range large {
		sum := sha256.Sum256(r.Value)
		c := &kgo.Record{Topic: r.Topic, Timestamp: r.Timestamp, Key: cut(r.Key), Value: cut(r.Value)}
		for _, h := range r.Headers {
			c.Headers = append(c.Headers, kgo.RecordHeader{Key: h.Key, Value: cut(h.Value)})
		}
		c.Headers = append(c.Headers,
			kgo.RecordHeader{Key: "cdcpipe.truncated", Value: []byte("true")},
			kgo.RecordHeader{Key: "cdcpipe.value.size", Value: strconv.AppendInt(nil, int64(len(r.Value)), 10)},
			kgo.RecordHeader{Key: "cdcpipe.value.sha256", Value: hex.AppendEncode(nil, sum[:])})
		short[i] = c
	}
	refused, err := l.p.produce(ctx, short)
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return pipeline.Fatal(fault.New(fault.OutletDown, "topic %s does not take even a letter that was cut to %d bytes: raise its max.message.bytes", refused[0].Topic, len(refused[0].Value)))
	}
	l.truncated.Add(int64(len(large)))
	for _, r := range large {
		l.p.log.Error("a letter is too large for its topic and was written without the end of its value: raise the topic's max.message.bytes",
			"topic", r.Topic, "bytes", len(r.Value), "from", origin(r))
	}
	return nil
}

func cut(b []byte) []byte {
	if len(b) > maxKept {
		return b[:maxKept:maxKept]
	}
	return b
}

// origin says where the record of a letter stands.
func origin(r *kgo.Record) string {
	var topic, partition, offset string
	for _, h := range r.Headers { // the letter's own come last
		switch h.Key {
		case "__connect.errors.topic":
			topic = string(h.Value)
		case "__connect.errors.partition":
			partition = string(h.Value)
		case "__connect.errors.offset":
			offset = string(h.Value)
		}
	}
	return topic + "/" + partition + " offset " + offset
}
