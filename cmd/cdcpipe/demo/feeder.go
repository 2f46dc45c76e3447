package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/generator"
)

// A feeder is a pipeline from the generator to Kafka. It keeps its place in
// PostgreSQL, as the pipeline on show does.
type feeder struct{ pipeline *pipeline.Pipeline }

func newFeeder(g *generator.Generator, rate float64, stack *devstack.Stack, log *slog.Logger) (*feeder, error) {
	src, err := generator.NewSource(g, rate)
	if err != nil {
		return nil, err
	}
	offsets, err := postgres.New(postgres.Config{DSN: stack.DSN(), Connections: 2}, "generator", nil, log)
	if err != nil {
		return nil, err
	}
	p := pipeline.New("generator", pipeline.Config{InFlight: 20_000, CommitEvery: time.Second, CommitRecords: 50_000, Offsets: offsets, Logger: log})
	f := pipeline.From(p, "generator", src)
	pipeline.To(f, "kafka", &events{brokers: stack.Brokers(), offsets: offsets}, pipeline.Batches(2000, 0))
	return &feeder{p}, nil
}

// generated counts the events that are in Kafka, those of earlier processes
// included.
func (f *feeder) generated() uint64 {
	for _, p := range f.pipeline.Stats().Partitions {
		if p.Settled != (pipeline.Mark{}) {
			return uint64(p.Settled.Offset + 1)
		}
	}
	return 0
}

func createTopics(ctx context.Context, brokers, topics []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return fault.Wrap(fault.BrokerDown, err)
	}
	defer client.Close()
	rs, err := kadm.NewClient(client).CreateTopics(ctx, partitions, 1, nil, topics...)
	if err != nil {
		return fault.Wrap(fault.BrokerDown, fmt.Errorf("make topics: %w", err))
	}
	for _, r := range rs {
		if r.Err != nil && !errors.Is(r.Err, kerr.TopicAlreadyExists) {
			return fault.Wrap(fault.BrokerDown, fmt.Errorf("make topic %s: %w", r.Topic, r.Err))
		}
	}
	return nil
}

// endOffsets returns the ends of all partitions of topics.
func endOffsets(ctx context.Context, brokers, topics []string) (map[pipeline.Partition]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, fault.Wrap(fault.BrokerDown, err)
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fault.Wrap(fault.BrokerDown, fmt.Errorf("list the ends of topics: %w", err))
	}
	ends := map[pipeline.Partition]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		ends[pipeline.Partition(fmt.Sprintf("%s/%d", o.Topic, o.Partition))] = o.Offset
	})
	return ends, nil
}

var _ pipeline.Sink[*cdc.Event] = (*events)(nil)

// events produces events to their topics.
type events struct {
	brokers []string
	offsets *postgres.Sink
	client  *kgo.Client
}

func (e *events) Open(ctx context.Context) (err error) {
	if err := e.offsets.Open(ctx); err != nil {
		return err
	}
	e.client, err = kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	return err
}

func (e *events) Close(ctx context.Context) error {
	if e.client != nil {
		e.client.Close()
	}
	return e.offsets.Close(ctx)
}

func (e *events) Outlets() []pipeline.Outlet { return nil }

func (e *events) Write(ctx context.Context, recs []pipeline.Record[*cdc.Event]) error {
	rs := make([]*kgo.Record, len(recs))
	for i, r := range recs {
		v := r.Value
		rs[i] = &kgo.Record{Topic: v.Topic, Key: v.Key, Value: v.Value}
		for _, h := range v.Headers {
			rs[i].Headers = append(rs[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	return e.client.ProduceSync(ctx, rs...).FirstErr()
}
