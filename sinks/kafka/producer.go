package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/fault"
)

// A producer writes batches of records. It is the part that sinks have in common.
type producer struct {
	cfg   Config
	log   *slog.Logger
	extra []kgo.Opt
	cl    *kgo.Client

	mu     sync.Mutex
	limits map[string]int32 // of topics that exist: the largest batch that they take
}

// defaultLimit is the largest batch that topics take unless they are told
// otherwise.
const defaultLimit = 1_000_012

func newProducer(cfg Config, log *slog.Logger, extra []kgo.Opt) (*producer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	return &producer{cfg: cfg.withDefaults(), log: log, extra: extra, limits: map[string]int32{}}, nil
}

// open connects. The producer is idempotent and waits for all replicas in sync, as
// is the client's default.
func (p *producer) open(ctx context.Context, topics ...string) error {
	cl, err := kafkaconn.Dial(ctx, p.cfg.connection(), p.log, append([]kgo.Opt{
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytesFn(p.limit),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.AllowIdempotentProduceCancellation(), // a duplicate, if the answer was lost, rather than a write without end
		kgo.UnknownTopicRetries(2),
	}, p.extra...)...)
	if err != nil {
		return err
	}
	p.cl = cl
	ctx, cancel := context.WithTimeout(ctx, p.cfg.ConnectTimeout)
	defer cancel()
	return p.ensure(ctx, topics...)
}

func (p *producer) close() {
	if p.cl != nil {
		p.cl.Close()
	}
}

// limit returns the largest batch that a topic takes.
func (p *producer) limit(topic string) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n, ok := p.limits[topic]; ok {
		return n
	}
	return defaultLimit
}

// ensure creates topics that do not exist, and learns what they take.
func (p *producer) ensure(ctx context.Context, topics ...string) error {
	for _, t := range topics {
		p.mu.Lock()
		_, known := p.limits[t]
		p.mu.Unlock()
		if known {
			continue
		}
		if err := p.create(ctx, t); fault.CodeOf(err) != fault.Unknown {
			return err
		} else if err != nil {
			return fault.Wrap(fault.OutletDown, fmt.Errorf("create topic %s: %w", t, err))
		}
		n := p.ask(ctx, t)
		p.mu.Lock()
		p.limits[t] = n
		p.mu.Unlock()
	}
	return nil
}

func (p *producer) create(ctx context.Context, topic string) error {
	if !*p.cfg.Create {
		there, err := exists(ctx, p.cl, topic)
		if err == nil && !there {
			err = fault.New(fault.TopicMissing, "%s does not exist, and create is false", topic)
		}
		return err
	}
	replication := int16(p.cfg.Replication)
	if replication == 0 {
		replication = -1 // the brokers' default (KIP-464)
	}
	size := strconv.FormatInt(int64(p.cfg.MaxMessageBytes), 10)
	_, err := kadm.NewClient(p.cl).CreateTopic(ctx, int32(p.cfg.Partitions), replication, map[string]*string{"max.message.bytes": &size}, topic)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case err == nil:
		p.log.Info("topic created", "topic", topic, "partitions", p.cfg.Partitions)
	}
	return err
}

// ask returns a topic's max.message.bytes, or what most topics have if the brokers
// do not tell.
func (p *producer) ask(ctx context.Context, topic string) int32 {
	configs, err := kadm.NewClient(p.cl).DescribeTopicConfigs(ctx, topic)
	if err != nil || len(configs) != 1 {
		return defaultLimit
	}
	for _, c := range configs[0].Configs {
		if c.Key == "max.message.bytes" {
			if n, err := strconv.ParseInt(c.MaybeValue(), 10, 32); err == nil {
				return int32(min(max(n, 512), 64<<20))
			}
		}
	}
	return defaultLimit
}

// produce writes records and returns those that their topics do not take for their
// size. Any other failure is an error, whatever else was written.
func (p *producer) produce(ctx context.Context, rs []*kgo.Record) (refused []*kgo.Record, err error) {
	var topics []string
	for _, r := range rs {
		if len(topics) == 0 || topics[len(topics)-1] != r.Topic {
			topics = append(topics, r.Topic)
		}
	}
	if err := p.ensure(ctx, topics...); err != nil {
		return nil, err
	}
	refused, err = p.try(ctx, rs)
	if err != nil || len(refused) == 0 || len(rs) == 1 {
		return refused, err
	}
	var alone []*kgo.Record // a batch may be too large of which no record is
	for _, r := range refused {
		r.Context = nil // of the try before
		again, err := p.try(ctx, []*kgo.Record{r})
		if err != nil {
			return nil, err
		}
		alone = append(alone, again...)
	}
	return alone, nil
}

func (p *producer) try(ctx context.Context, rs []*kgo.Record) (refused []*kgo.Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.DeliveryTimeout) // the client's own timeout counts from a record's timestamp
	defer cancel()
	for _, res := range p.cl.ProduceSync(ctx, rs...) {
		if res.Err == nil {
			continue
		}
		switch classify(res.Err) {
		case written:
			continue
		case tooLarge:
			refused = append(refused, res.Record)
			continue
		case topicGone:
			p.forget(res.Record.Topic)
		}
		if err == nil { // one stands for all
			err = fault.Wrap(fault.OutletDown, fmt.Errorf("write to topic %s: %w", res.Record.Topic, res.Err))
		}
	}
	return refused, err
}

// forget has a topic looked at anew when it is next written to. The client would
// never write to another of the same name.
func (p *producer) forget(topic string) {
	p.mu.Lock()
	_, known := p.limits[topic]
	delete(p.limits, topic)
	p.mu.Unlock()
	if known {
		p.cl.PurgeTopicsFromProducing(topic)
	}
}
