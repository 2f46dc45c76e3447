package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Survey tells of every topic whether it is read, and of those that are how much was
// written and when.
func TestSurvey(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, kfake.SeedTopics(3, "cdc.shop.orders", "cdc.shop.users", "other"))
	cfg := c.config()
	cfg.Topics, cfg.TopicPatterns = nil, []string{`cdc\.shop\..*`}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.Dialer(c.net.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	newest := time.UnixMilli(1_700_000_000_000)
	for i, at := range []time.Time{newest, newest.Add(-time.Hour)} {
		r := &kgo.Record{Topic: "cdc.shop.users", Partition: int32(i), Value: []byte("x"), Timestamp: at}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	src, _ := c.source(t, cfg)
	topics, err := src.Survey(t.Context())
	if err != nil || len(topics) != 3 {
		t.Fatalf("got %+v, %v", topics, err)
	}
	for i, want := range []struct {
		name   string
		read   bool
		ended  int64
		newest time.Time
	}{{"cdc.shop.orders", true, 0, time.Time{}}, {"cdc.shop.users", true, 2, newest}, {"other", false, 0, time.Time{}}} {
		if got := topics[i]; got.Name != want.name || got.Read != want.read || got.Ended != want.ended || !got.Newest.Equal(want.newest) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if !src.Reads("cdc.shop.new") || src.Reads("cdc.shopping") {
		t.Error("Reads goes by something else than the patterns")
	}
}
