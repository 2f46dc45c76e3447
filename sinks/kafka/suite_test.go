package kafka_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sinks/kafka"
)

// kept returns what all topics hold, without duplicates.
func kept(t testing.TB, c *kfake.Cluster) map[string]bool {
	t.Helper()
	cl, err := kgo.NewClient(kgo.DisableClientMetrics(), kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for topic, parts := range ends {
		n := 0
		for _, p := range parts {
			n += int(p.Offset)
		}
		for _, r := range read(t, c, topic, n) {
			all[fmt.Sprintf("%s: %q=%q at %v", topic, r.Key, r.Value, r.Timestamp.UnixMilli())] = true
		}
	}
	return all
}

func TestLettersConformance(t *testing.T) {
	t.Parallel()
	var values []pipeline.Reject
	for i := range 40 {
		o := []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale}[i%3]
		values = append(values, reject(o, &cdc.Event{Topic: "t", Offset: int64(i), Key: fmt.Append(nil, i%5), Value: fmt.Append(nil, i), Time: time.UnixMilli(int64(i + 1))}).Value)
	}
	pipelinetest.SinkSuite[pipeline.Reject]{
		New: func(t testing.TB) (func() pipeline.Sink[pipeline.Reject], func() any) {
			c := newCluster(t)
			return func() pipeline.Sink[pipeline.Reject] {
				l, err := kafka.NewLetters(kafka.Config{Brokers: c.ListenAddrs()}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				return l
			}, func() any { return kept(t, c) }
		},
		Values: func() []pipeline.Reject { return slices.Clone(values) },
	}.Run(t)
}

func TestEventsConformance(t *testing.T) {
	t.Parallel()
	pipelinetest.SinkSuite[*cdc.Event]{
		New: func(t testing.TB) (func() pipeline.Sink[*cdc.Event], func() any) {
			c := newCluster(t)
			return func() pipeline.Sink[*cdc.Event] {
				s, err := kafka.NewEvents(kafka.Config{Brokers: c.ListenAddrs()}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				return s
			}, func() any { return kept(t, c) }
		},
		Values: func() (es []*cdc.Event) {
			for i := range 40 {
				es = append(es, &cdc.Event{Topic: []string{"a", "b"}[i%2], Key: fmt.Append(nil, i%5), Value: fmt.Append(nil, i), Time: time.UnixMilli(int64(i + 1))})
			}
			return es
		},
	}.Run(t)
}
