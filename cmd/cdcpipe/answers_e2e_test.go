//go:build e2e

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	kafkasink "cdcpipe/sinks/kafka"
	"cdcpipe/sources/kafka"
)

// A broker is a real Kafka with ACLs, which allow everything until one is made.
type broker struct {
	testing.TB
	*kadm.Client
	addr string
}

// topic makes a topic with settings and a record.
func (b *broker) topic(name string, settings ...string) {
	b.Helper()
	configs := map[string]*string{}
	for i := 0; i < len(settings); i += 2 {
		configs[settings[i]] = &settings[i+1]
	}
	if _, err := b.CreateTopic(b.Context(), 1, 1, configs, name); err != nil {
		b.Fatal(err)
	}
}

func (b *broker) put(topic string, values ...string) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	for _, v := range values {
		if err := cl.ProduceSync(b.Context(), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			b.Fatal(err)
		}
	}
}

// deny takes a right away from everyone; the function gives it back.
func (b *broker) deny(acl *kadm.ACLBuilder, op kadm.ACLOperation) func() {
	b.Helper()
	acl = acl.Deny("User:ANONYMOUS").DenyHosts("*").Operations(op).ResourcePatternType(kadm.ACLPatternLiteral)
	if _, err := b.CreateACLs(b.Context(), acl); err != nil {
		b.Fatal(err)
	}
	return func() {
		b.Helper()
		if _, err := b.DeleteACLs(b.Context(), acl); err != nil {
			b.Fatal(err)
		}
	}
}

// reads runs a pipeline over a topic in the background. It returns what ends it, and
// how it ended.
func (b *broker) reads(topic string, edit func(*kafka.Config), offsets pipeline.Offsets) (*pipelinetest.Collector[*cdc.Event], <-chan error) {
	b.Helper()
	cfg := kafka.Config{Brokers: []string{b.addr}, Topics: []string{topic}, Group: topic, MetadataMaxAge: time.Second, ConnectTimeout: 10 * time.Second, FetchMaxWait: 100 * time.Millisecond}
	if edit != nil {
		edit(&cfg)
	}
	src, err := kafka.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	got := &pipelinetest.Collector[*cdc.Event]{}
	p := pipeline.New("answers", pipeline.Config{Logger: slog.New(slog.DiscardHandler), Offsets: offsets, CommitEvery: 100 * time.Millisecond, DrainTimeout: 5 * time.Second})
	pipeline.To(pipeline.From(p, "kafka", src), "collect", got)
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(b.Context(), 90*time.Second)
	b.Cleanup(cancel)
	go func() { ended <- p.Run(ctx) }()
	return got, ended
}

// fails waits for the end of a pipeline.
func (b *broker) fails(ended <-chan error, code fault.Code) {
	b.Helper()
	if err := <-ended; !fault.Is(err, code) && !strings.Contains(err.Error(), string(code)) {
		b.Errorf("got %v, want %s", err, code)
	} else {
		b.Log(err)
	}
}

func (b *broker) until(what string, ok func() bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			b.Fatalf("never: %s", what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// letters opens an outlet to a topic, and returns what writes a letter to it.
func (b *broker) letters(topic string, create bool, log *bytes.Buffer) func(value []byte) error {
	b.Helper()
	l, err := kafkasink.NewLetters(kafkasink.Config{Brokers: []string{b.addr}, Topic: topic, Create: &create, DeliveryTimeout: 3 * time.Second, ConnectTimeout: 10 * time.Second},
		slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close(context.WithoutCancel(b.Context())) })
	return func(value []byte) error {
		e := &cdc.Event{Topic: "t", Value: value}
		return l.Write(b.Context(), []pipeline.Record[pipeline.Reject]{{Header: &pipeline.Header{Partition: "t/0", Origin: e},
			Value: pipeline.Reject{Outlet: pipeline.DeadLetter, Step: "decode", Cause: fault.New(fault.MalformedJSON, "x"), Origin: e, Attempts: 1, FirstFailed: time.Now(), LastFailed: time.Now()}}})
	}
}

// What a real Kafka answers, where one broker can be brought to (its topics always
// have enough replicas): the source and the outlet do
// what the table of docs/reference/retries.md says.
func TestE2EAnswersOfKafka(t *testing.T) {
	stack, err := realstack.Start(t.Context(), realstack.Config{Dir: scratch(t), Parts: []realstack.Part{realstack.Kafka}, Runner: containers.FromEnv(), Partitions: 1,
		Kafka: map[string]string{"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "allow.everyone.if.no.acl.found": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Stop(context.Background()) })
	cl, err := kgo.NewClient(kgo.SeedBrokers(stack.KafkaAddr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	for name, run := range map[string]func(*broker){
		"source/topic denied": func(b *broker) {
			b.topic("denied")
			b.deny(kadm.NewACLs().Topics("denied"), kadm.OpRead)
			_, ended := b.reads("denied", nil, nil)
			b.fails(ended, fault.SourceDenied)
		},
		"source/group denied": func(b *broker) {
			b.topic("closed")
			b.deny(kadm.NewACLs().Groups("closed"), kadm.OpRead)
			_, ended := b.reads("closed", nil, nil)
			b.fails(ended, fault.SourceDenied)
		},
		"source/denied while it runs": func(b *broker) {
			b.topic("revoked")
			b.put("revoked", "a")
			got, ended := b.reads("revoked", nil, nil)
			b.until("a record is read", func() bool { return len(got.All()) == 1 })
			b.deny(kadm.NewACLs().Topics("revoked"), kadm.OpRead)
			b.fails(ended, fault.SourceDenied)
		},
		"source/topic missing": func(b *broker) {
			_, ended := b.reads("nosuch", nil, nil)
			b.fails(ended, fault.TopicMissing)
		},
		"source/topic deleted": func(b *broker) {
			b.topic("deleted")
			b.put("deleted", "a")
			got, ended := b.reads("deleted", nil, nil)
			b.until("a record is read", func() bool { return len(got.All()) == 1 })
			if _, err := b.DeleteTopics(b.Context(), "deleted"); err != nil {
				b.Fatal(err)
			}
			b.fails(ended, fault.TopicMissing)
		},
		"source/topic made anew": func(b *broker) {
			b.topic("anew")
			b.put("anew", "a")
			got, ended := b.reads("anew", nil, nil)
			b.until("a record is read", func() bool { return len(got.All()) == 1 })
			if _, err := b.DeleteTopics(b.Context(), "anew"); err != nil {
				b.Fatal(err)
			}
			b.until("it can be made", func() bool {
				_, err := b.CreateTopic(b.Context(), 1, 1, nil, "anew")
				return err == nil
			})
			b.fails(ended, fault.TopicRecreated)
		},
		"source/offset out of range": func(b *broker) {
			b.topic("trimmed")
			b.put("trimmed", "a", "b", "c")
			offsets := &pipelinetest.Offsets{}
			if err := offsets.Save(b.Context(), []pipeline.Mark{{Partition: "trimmed/0", Offset: 0}}); err != nil {
				b.Fatal(err)
			}
			trim := kadm.Offsets{}
			trim.AddOffset("trimmed", 0, 2, -1)
			if _, err := b.DeleteRecords(b.Context(), trim); err != nil {
				b.Fatal(err)
			}
			_, ended := b.reads("trimmed", nil, offsets)
			b.fails(ended, fault.OffsetLost)
			got, _ := b.reads("trimmed", func(c *kafka.Config) { c.OnLostOffset = "earliest" }, offsets)
			b.until("the rest is read", func() bool { return len(got.All()) == 1 })
		},
		"source/session timeout refused": func(b *broker) {
			b.topic("impatient")
			_, ended := b.reads("impatient", func(c *kafka.Config) { c.SessionTimeout = time.Second }, nil)
			b.fails(ended, fault.GroupRefused)
		},
		"source/protocol refused": func(b *broker) {
			b.topic("mixed")
			b.put("mixed", "a")
			other, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.ConsumerGroup("mixed"), kgo.ConsumeTopics("mixed"), kgo.Balancers(kgo.RangeBalancer()))
			if err != nil {
				b.Fatal(err)
			}
			defer other.Close()
			other.PollFetches(b.Context())
			_, ended := b.reads("mixed", nil, nil)
			b.fails(ended, fault.GroupRefused)
		},
		"source/instance taken": func(b *broker) {
			b.topic("twin")
			b.put("twin", "a")
			same := func(c *kafka.Config) { c.InstanceID = "worker" }
			got, ended := b.reads("twin", same, nil)
			b.until("a record is read", func() bool { return len(got.All()) == 1 })
			b.reads("twin", same, nil)
			b.fails(ended, fault.InstanceTaken)
		},
		"outlet/denied": func(b *broker) {
			b.topic("silent")
			write := b.letters("silent", false, &bytes.Buffer{})
			allow := b.deny(kadm.NewACLs().Topics("silent"), kadm.OpWrite)
			b.waits(write)
			allow()
			b.until("it is written", func() bool { return write([]byte("v")) == nil })
		},
		"outlet/topic deleted": func(b *broker) {
			write := b.letters("again", true, &bytes.Buffer{})
			if err := write([]byte("v")); err != nil {
				b.Fatal(err)
			}
			if _, err := b.DeleteTopics(b.Context(), "again"); err != nil {
				b.Fatal(err)
			}
			b.until("it is written to the topic made anew", func() bool { return write([]byte("v")) == nil })
		},
		"outlet/message too large": func(b *broker) {
			b.topic("small", "max.message.bytes", "100000")
			b.cuts("small")
		},
		"outlet/larger than a segment": func(b *broker) {
			b.topic("segment", "max.message.bytes", "10000000", "segment.bytes", "1048576")
			b.cuts("segment")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(&broker{t, kadm.NewClient(cl), stack.KafkaAddr()})
		})
	}
}

// waits fails unless a letter is an error that is waited out.
func (b *broker) waits(write func([]byte) error) {
	b.Helper()
	b.until("a write is refused", func() bool { return write([]byte("v")) != nil }) // an ACL takes a moment
	err := write([]byte("v"))
	if _, diverts := pipeline.OutletOf(err); !fault.Is(err, fault.OutletDown) || pipeline.IsFatal(err) || diverts {
		b.Errorf("got %v, fatal %v; want %s", err, pipeline.IsFatal(err), fault.OutletDown)
	}
	b.Log(err)
}

// cuts fails unless a letter that is too large is written without its end.
func (b *broker) cuts(topic string) {
	b.Helper()
	var log bytes.Buffer
	value := make([]byte, 3<<20)
	_, _ = rand.Read(value) // never fails
	if err := b.letters(topic, false, &log)(value); err != nil || !strings.Contains(log.String(), "without the end of its value") {
		b.Errorf("got %v, log %q", err, log.String())
	}
}
