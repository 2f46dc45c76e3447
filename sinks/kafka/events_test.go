package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/kafka"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, err := kafka.NewEvents(kafka.Config{Brokers: c.ListenAddrs(), Partitions: 4, MaxMessageBytes: 1 << 17}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	var recs []pipeline.Record[*cdc.Event]
	for i := range 40 {
		e := &cdc.Event{
			Topic: []string{"a", "b"}[i%2], Offset: int64(i), Key: fmt.Append(nil, i/2%5), Value: fmt.Append(nil, i), Time: time.UnixMilli(int64(1000 + i)),
			Headers: []cdc.EventHeader{{Key: "h", Value: fmt.Append(nil, i)}},
		}
		if i == 7 {
			e.Value = []byte(strings.Repeat("x", 200_000))
		}
		recs = append(recs, pipeline.Record[*cdc.Event]{Header: &pipeline.Header{Partition: "g/0", Offset: int64(i)}, Value: e})
	}
	err = s.Write(t.Context(), recs)
	f, ok := errors.AsType[*pipeline.Failures](err)
	if !ok || len(f.Index) != 1 || f.Index[0] != 7 {
		t.Fatalf("got %v, want that record 7 failed", err)
	}
	if to, ok := pipeline.OutletOf(f.Errs[0]); !ok || to != pipeline.DeadLetter {
		t.Errorf("record 7 is to leave by %q", to)
	}
	rs := append(read(t, c, "a", 20), read(t, c, "b", 19)...)
	last, parts := map[string]int64{}, map[string]int32{}
	for _, r := range rs {
		i, err := strconv.Atoi(string(r.Value))
		if err != nil {
			t.Fatal(err)
		}
		e := recs[i].Value
		if r.Topic != e.Topic || !bytes.Equal(r.Key, e.Key) || !r.Timestamp.Equal(e.Time) || header(r, "h") != string(e.Headers[0].Value) {
			t.Errorf("event %d: got %+v", i, r)
		}
		id := r.Topic + string(r.Key)
		if p, seen := parts[id]; seen && p != r.Partition || int64(i) < last[id] {
			t.Errorf("event %d: key %s in partition %d after %d, and after event %d", i, r.Key, r.Partition, p, last[id])
		}
		last[id], parts[id] = int64(i), r.Partition
	}
	want := kgo.StickyKeyPartitioner(nil).ForTopic("a")
	for _, r := range rs {
		if p := want.Partition(r, 4); int32(p) != r.Partition {
			t.Errorf("key %s is in partition %d, want %d as murmur2 has it", r.Key, r.Partition, p)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ok := kafka.Config{Brokers: []string{"k:9092"}}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	for want, edit := range map[string]func(*kafka.Config){
		"brokers":           func(c *kafka.Config) { c.Brokers = nil },
		"partitions":        func(c *kafka.Config) { c.Partitions = -1 },
		"replication":       func(c *kafka.Config) { c.Replication = -1 },
		"max_message_bytes": func(c *kafka.Config) { c.MaxMessageBytes = 10 },
		"delivery_timeout":  func(c *kafka.Config) { c.DeliveryTimeout = 1 },
	} {
		c := ok
		edit(&c)
		if _, err := kafka.NewLetters(c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}
