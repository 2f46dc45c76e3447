package kafka_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/kafka"
)

func newCluster(t testing.TB) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func letters(t *testing.T, c *kfake.Cluster, cfg kafka.Config) *kafka.Letters {
	t.Helper()
	cfg.Brokers = c.ListenAddrs()
	l, err := kafka.NewLetters(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

func reject(outlet pipeline.Outlet, e *cdc.Event) pipeline.Record[pipeline.Reject] {
	return pipeline.Record[pipeline.Reject]{
		Header: &pipeline.Header{Partition: "t/1", Offset: e.Offset, Origin: e},
		Value: pipeline.Reject{
			Outlet: outlet, Step: "decode", Cause: fault.New(fault.MalformedJSON, "at byte 7"), Origin: e,
			Attempts: 3, FirstFailed: time.Unix(1, 0), LastFailed: time.Unix(2, 0),
		},
	}
}

// read returns n records of a topic.
func read(t testing.TB, c *kfake.Cluster, topic string, n int) (rs []*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.DisableClientMetrics(), kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(rs) < n {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("%s: got %d of %d records: %v", topic, len(rs), n, err)
		}
		rs = append(rs, fs.Records()...)
	}
	return rs
}

func header(r *kgo.Record, key string) string {
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func TestLetters(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l := letters(t, c, kafka.Config{})
	e := &cdc.Event{
		Topic: "cdc.shop.users", Partition: 1, Offset: 42, Key: []byte("k\xff"), Value: []byte("{\x00"), Time: time.UnixMilli(1795489469817),
		Headers: []cdc.EventHeader{{Key: "traceparent", Value: []byte("00")}, {Key: "traceparent", Value: nil}},
	}
	tombstone := &cdc.Event{Topic: "cdc.shop.users", Offset: 43}
	var recs []pipeline.Record[pipeline.Reject]
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale, "other"} {
		recs = append(recs, reject(o, e), reject(o, tombstone))
	}
	if err := l.Write(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"cassandra.cdc.dlq", "cassandra.cdc.validation_errors", "cassandra.cdc.staleness_audit", "cassandra.cdc.other"} {
		rs := read(t, c, topic, 2)
		r := rs[0]
		if !bytes.Equal(r.Key, e.Key) || !bytes.Equal(r.Value, e.Value) || !r.Timestamp.Equal(e.Time) {
			t.Errorf("%s: got key %q, value %q, time %v", topic, r.Key, r.Value, r.Timestamp)
		}
		if r.Headers[0].Key != "traceparent" || string(r.Headers[0].Value) != "00" || r.Headers[1].Value != nil {
			t.Errorf("%s: got headers %v, want the record's own first", topic, r.Headers)
		}
		for key, want := range map[string]string{
			"__connect.errors.topic": "cdc.shop.users", "__connect.errors.partition": "1", "__connect.errors.offset": "42",
			"cdcpipe.error.code": "CDC-1001", "cdcpipe.attempts": "3",
		} {
			if got := header(r, key); got != want {
				t.Errorf("%s: got %s %q, want %q", topic, key, got, want)
			}
		}
		if rs[1].Value != nil || rs[1].Key != nil {
			t.Errorf("%s: got key %q and value %q for a tombstone without key", topic, rs[1].Key, rs[1].Value)
		}
	}
}

func TestLettersTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l := letters(t, c, kafka.Config{Topic: "mine", Partitions: 3})
	if got := len(c.PartitionInfos("mine")); got != 3 {
		t.Errorf("the topic has %d partitions, want 3", got)
	}
	if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{reject(pipeline.Stale, &cdc.Event{Topic: "t"})}); err != nil {
		t.Fatal(err)
	}
	read(t, c, "mine", 1)
}

func TestLettersWithoutTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	no := false
	l := letters(t, c, kafka.Config{Create: &no})
	recs := []pipeline.Record[pipeline.Reject]{reject(pipeline.DeadLetter, &cdc.Event{Topic: "t"})}
	if err := l.Write(t.Context(), recs); !fault.Is(err, fault.TopicMissing) || pipeline.IsFatal(err) {
		t.Errorf("got %v, want %s, to be tried again", err, fault.TopicMissing)
	}
	named, err := kafka.NewLetters(kafka.Config{Brokers: c.ListenAddrs(), Topic: "cassandra.cdc.dlq", Create: &no}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close(t.Context())
	if err := named.Open(t.Context()); !fault.Is(err, fault.TopicMissing) {
		t.Errorf("got %v, want %s at the start", err, fault.TopicMissing)
	}
	if found, err := named.Check(t.Context()); !fault.Is(err, fault.TopicMissing) {
		t.Errorf("doctor: %s, %v, want %s", found, err, fault.TopicMissing)
	}
	if err := c.CreateTopic("cassandra.cdc.dlq", 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), recs); err != nil {
		t.Errorf("once there is a topic: %v", err)
	}
	if found, err := named.Check(t.Context()); err != nil || found != "topic cassandra.cdc.dlq" {
		t.Errorf("doctor: %s, %v", found, err)
	}
}

// A topic that is deleted is created again.
func TestLettersTopicDeleted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l := letters(t, c, kafka.Config{DeliveryTimeout: time.Second})
	recs := []pipeline.Record[pipeline.Reject]{reject(pipeline.DeadLetter, &cdc.Event{Topic: "t"})}
	if err := l.Write(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteTopic("cassandra.cdc.dlq"); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 5 {
		if err = l.Write(t.Context(), recs); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	read(t, c, "cassandra.cdc.dlq", 1)
}

// A letter that does not fit loses the end of its value, says so, and holds up no
// other.
func TestLettersTooLarge(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"topic", "changed"} {
		t.Run(config, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			limit := map[string]string{"max.message.bytes": "300000"}
			if config == "topic" {
				if err := c.CreateTopic("dlq", 1, limit); err != nil {
					t.Fatal(err)
				}
			}
			l := letters(t, c, kafka.Config{Topic: "dlq"})
			if config == "changed" { // behind the sink's back
				if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{reject(pipeline.Stale, &cdc.Event{Topic: "t"})}); err != nil {
					t.Fatal(err)
				}
				lower(t, c)
			}
			var recs []pipeline.Record[pipeline.Reject]
			want := map[string][]byte{}
			for i := range 10 {
				v := make([]byte, 100_000) // more together than the topic takes
				if i == 5 {
					v = make([]byte, 400_000)
				}
				rand.Read(v)
				key := strconv.Itoa(i)
				want[key] = v
				recs = append(recs, reject(pipeline.DeadLetter, &cdc.Event{Topic: "t", Partition: 7, Offset: int64(i), Key: []byte(key), Value: v}))
			}
			if err := l.Write(t.Context(), recs); err != nil {
				t.Fatal(err)
			}
			n := len(recs)
			if config == "changed" {
				n++
			}
			for _, r := range read(t, c, "dlq", n) {
				v, cut := want[string(r.Key)], header(r, "cdcpipe.truncated") == "true"
				switch {
				case v == nil:
				case cut && string(r.Key) != "5", !cut && !bytes.Equal(r.Value, v):
					t.Errorf("letter %s: cut %v, got %d bytes of %d", r.Key, cut, len(r.Value), len(v))
				case cut && (!bytes.HasPrefix(v, r.Value) || len(r.Value) < 1<<16 || header(r, "cdcpipe.value.size") != "400000" || len(header(r, "cdcpipe.value.sha256")) != 64):
					t.Errorf("letter %s: got %d bytes and headers %v", r.Key, len(r.Value), r.Headers)
				}
			}
			if got := l.Truncated(); got != 1 {
				t.Errorf("%d letters were truncated, want 1", got)
			}
		})
	}
}

// lower makes the topic take less than it did.
func lower(t *testing.T, c *kfake.Cluster) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.DisableClientMetrics(), kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, "dlq"
	res.Configs = append(res.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "max.message.bytes", Value: new("300000")})
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.Resources[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}

// A topic that takes next to nothing stops the pipeline.
func TestLettersNoneFits(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	if err := c.CreateTopic("dlq", 1, map[string]string{"max.message.bytes": "2000"}); err != nil {
		t.Fatal(err)
	}
	l := letters(t, c, kafka.Config{Topic: "dlq"})
	err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{reject(pipeline.DeadLetter, &cdc.Event{Topic: "t", Value: []byte(strings.Repeat("x", 5000))})})
	if !pipeline.IsFatal(err) || !fault.Is(err, fault.OutletDown) {
		t.Errorf("got %v, want a fatal %s", err, fault.OutletDown)
	}
}

// What a broker refuses is tried again by the engine; a write ends with its context.
func TestLettersFail(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l := letters(t, c, kafka.Config{DeliveryTimeout: time.Second})
	recs := []pipeline.Record[pipeline.Reject]{reject(pipeline.DeadLetter, &cdc.Event{Topic: "t"})}
	h := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	if err := l.Write(t.Context(), recs); !fault.Is(err, fault.OutletDown) {
		t.Errorf("got %v, want %s", err, fault.OutletDown)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Write(ctx, recs); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	h.Remove()
	if err := l.Write(t.Context(), recs); err != nil {
		t.Error(err)
	}
}

// A write ends in time even if the broker never answers it.
func TestLettersNoAnswer(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	l := letters(t, c, kafka.Config{DeliveryTimeout: time.Second})
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, true })
	began := time.Now()
	if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{reject(pipeline.Stale, &cdc.Event{Topic: "t"})}); !fault.Is(err, fault.OutletDown) {
		t.Errorf("got %v, want %s", err, fault.OutletDown)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}
