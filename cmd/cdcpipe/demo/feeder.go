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
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/kafka"
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
	kept, err := postgres.New(postgres.Config{DSN: stack.DSN(), Connections: 2}, "generator", nil, log)
	if err != nil {
		return nil, err
	}
	cfg := kafka.DefaultConfig()
	cfg.Brokers = stack.Brokers()
	events, err := kafka.NewEvents(cfg, log)
	if err != nil {
		return nil, err
	}
	p := pipeline.New("generator", pipeline.Config{InFlight: 20_000, CommitEvery: time.Second, CommitRecords: 50_000, Offsets: kept, Logger: log})
	f := pipeline.From(p, "generator", src)
	pipeline.To(f, "kafka", offsets{events, kept}, pipeline.Batches(2000, 0))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
		return pipeline.Fatal(recs[0].Value.Cause) // the broker is our own, and takes all events
	}))
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

// An offsets is a PostgreSQL sink that only keeps offsets. It opens with the
// sink that it goes with.
type offsets struct {
	*kafka.Events
	kept *postgres.Sink
}

func (o offsets) Open(ctx context.Context) error {
	if err := o.kept.Open(ctx); err != nil {
		return err
	}
	return o.Events.Open(ctx)
}

func (o offsets) Close(ctx context.Context) error {
	return errors.Join(o.Events.Close(ctx), o.kept.Close(ctx))
}
