package kafka_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/kafka"
)

func TestEvents(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		at := time.UnixMilli(1795489469817)
		want := []kgo.Record{
			{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}}},
			{Key: []byte("k"), Value: nil}, // a tombstone
			{Key: nil, Value: []byte{}},
			{Key: []byte("l"), Value: []byte("w"), Headers: []kgo.RecordHeader{{Key: "b", Value: []byte{}}}},
		}
		var rs []*kgo.Record
		for i := range want {
			r := want[i]
			r.Topic, r.Timestamp = "t", at
			rs = append(rs, &r)
		}
		if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		src, _ := c.source(t, c.config())
		b, err := open(t, src).read(t)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) != len(want) {
			t.Fatalf("got %d records, want %d", len(b.Records), len(want))
		}
		size := 0
		for i, rec := range b.Records {
			e, w := rec.Value, want[i]
			if rec.Origin != any(e) || rec.Offset != int64(i) || rec.Partition != "t/0" || !rec.Time.Equal(at) || rec.Size != e.Size() {
				t.Errorf("record %d: header %+v", i, *rec.Header)
			}
			if e.Topic != "t" || e.Partition != 0 || e.Offset != int64(i) || !e.Time.Equal(at) {
				t.Errorf("record %d: got %+v", i, e)
			}
			if !same(e.Key, w.Key) || !same(e.Value, w.Value) {
				t.Errorf("record %d: got key %q and value %q, want %q and %q", i, e.Key, e.Value, w.Key, w.Value)
			}
			if !slices.EqualFunc(e.Headers, w.Headers, func(a cdc.EventHeader, b kgo.RecordHeader) bool { return a.Key == b.Key && same(a.Value, b.Value) }) {
				t.Errorf("record %d: got headers %v, want %v", i, e.Headers, w.Headers)
			}
			size += e.Size()
		}
		r := b.Records
		if r[0].Key != r[1].Key || r[0].Key == r[3].Key || r[2].Key != 0 {
			t.Errorf("ordering keys %x %x %x %x: want the first two equal, no key zero", r[0].Key, r[1].Key, r[2].Key, r[3].Key)
		}
		if b.Bytes != size || b.Through.Offset != 3 || b.Through.Epoch != 0 || len(b.Through.Log) != 22 {
			t.Errorf("got %d bytes through %v, want %d through 3", b.Bytes, b.Through, size)
		}
	})
}

// same is bytes.Equal that tells nil from empty.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// A batch has no more records than it may have.
func TestBatchRecords(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		var rs []*kgo.Record
		for i := range 25 {
			rs = append(rs, &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)})
		}
		if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		cfg := c.config()
		cfg.BatchRecords = 10
		src, _ := c.source(t, cfg)
		r := open(t, src)
		for _, want := range []int{10, 10, 5} {
			if b, err := r.read(t); err != nil || len(b.Records) != want {
				t.Errorf("got %d records (%v), want %d", len(b.Records), err, want)
			}
		}
	})
}

// Of transactions only what was committed is read, and their markers do not count
// as lag.
func TestTransactions(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		txn := c.client(t, kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		run := func(end kgo.TransactionEndTry, values ...string) {
			if err := txn.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			produce(t, txn, "t", 0, values...)
			if err := txn.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		src, _ := c.source(t, c.config())
		r := open(t, src)
		run(kgo.TryCommit, "a")     // 0, marker 1
		run(kgo.TryAbort, "b", "c") // 2, 3, marker 4
		produce(t, cl, "t", 0, "d") // 5
		run(kgo.TryAbort, "e")      // 6, marker 7
		wants(t, r.values(t, 2), "t/0:0=a", "t/0:5=d")
		for r.parts.mark("t/0").Offset < 7 {
			if b, err := r.read(t); err != nil || len(b.Records) > 0 {
				t.Fatalf("got %d records through %v (%v), want batches without records up to 7", len(b.Records), b.Through, err)
			}
		}
		if got := src.Ends(); got["t/0"] != 8 {
			t.Errorf("ends are %v", got)
		}
		if got := src.Stats().Partitions; len(got) != 1 || got[0].Lag != 0 || got[0].Position != 8 || got[0].HighWatermark != 8 {
			t.Errorf("got %+v, want no lag at 8", got)
		}
	})
}

// What compaction left out does not stop reading.
func TestCompacted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		if err := c.CreateTopic("t", 1, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "1"}); err != nil {
			t.Fatal(err)
		}
		cl := c.client(t)
		for i := range 6 {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Key: fmt.Append(nil, i%2), Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		c.Compact()
		src, _ := c.source(t, c.config())
		got := open(t, src).values(t, 2)
		if len(got) > 5 || got[len(got)-1] != "t/0:5=5" {
			t.Errorf("got %v, want gaps and then 5", got)
		}
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, kfake.SeedTopics(2, "t"))
		cl := c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		src, _ := c.source(t, c.config())
		r := open(t, src)
		src.PausePartitions("t/0", "another source's")
		produce(t, cl, "t", 0, "a")
		produce(t, cl, "t", 1, "b")
		wants(t, r.values(t, 1), "t/1:0=b")
		r.none(t)
		src.ResumePartitions("t/0")
		wants(t, r.values(t, 1), "t/0:0=a")
	})
}

// Topics that begin to exist are read, whole names are matched, and what is
// excluded is left out.
func TestPatterns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, kfake.SeedTopics(1, "cdc.shop.users", "cdc.shop.dlq", "xcdc.shop.users", "one.two"))
		cl := c.client(t)
		write := func(topics ...string) {
			for _, topic := range topics {
				if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(topic)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
		}
		write("cdc.shop.users", "cdc.shop.dlq", "xcdc.shop.users", "one.two")
		cfg := c.config()
		cfg.Topics, cfg.TopicPatterns, cfg.ExcludePatterns = []string{"one.two"}, []string{`cdc\.shop\..*`}, []string{`.*\.dlq`}
		src, _ := c.source(t, cfg)
		r := open(t, src)
		got := r.values(t, 2)
		slices.Sort(got)
		wants(t, got, "cdc.shop.users/0:0=cdc.shop.users", "one.two/0:0=one.two")
		r.none(t)
		for _, topic := range []string{"cdc.shop.orders", "onextwo"} {
			if err := c.CreateTopic(topic, 1, nil); err != nil {
				t.Fatal(err)
			}
		}
		write("cdc.shop.orders", "onextwo")
		wants(t, r.values(t, 1), "cdc.shop.orders/0:0=cdc.shop.orders")
		r.none(t)
	})
}

// An election that lost records which were read is noticed.
func TestTruncated(t *testing.T) {
	for _, policy := range []string{"fail", "earliest"} {
		t.Run(policy, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b", "c", "d")
				src, _ := c.source(t, c.config())
				r := open(t, src)
				b, err := r.read(t)
				for err == nil && b.Through.Offset < 3 {
					b, err = r.read(t)
				}
				if err != nil {
					t.Fatal(err)
				}
				r.close(t)
				c.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
					req := kreq.(*kmsg.OffsetForLeaderEpochRequest)
					resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
					for _, rt := range req.Topics {
						topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
						topic.Topic = rt.Topic
						for _, rp := range rt.Partitions {
							p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
							p.Partition, p.LeaderEpoch, p.EndOffset = rp.Partition, rp.LeaderEpoch, 2
							topic.Partitions = append(topic.Partitions, p)
						}
						resp.Topics = append(resp.Topics, topic)
					}
					return resp, nil, true
				})
				cfg := c.config()
				cfg.OnLostOffset = policy
				src, _ = c.source(t, cfg)
				r = open(t, src, b.Through)
				if policy == "fail" {
					r.fails(t, fault.OffsetLost)
					return
				}
				wants(t, r.values(t, 2), "t/0:2=c", "t/0:3=d")
				if got := r.parts.owned(); got != 2 {
					t.Errorf("got %d claims, want a second one for what goes back", got)
				}
			})
		})
	}
}

// What a broker answers that does not pass stops the source, and says why.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		key  kmsg.Key
		err  *kerr.Error
		want fault.Code
	}{
		{"fetch denied", kmsg.Fetch, kerr.TopicAuthorizationFailed, fault.SourceDenied},
		{"fetch refused", kmsg.Fetch, kerr.UnknownServerError, fault.FetchRefused},
		{"group denied", kmsg.JoinGroup, kerr.GroupAuthorizationFailed, fault.SourceDenied},
		{"session timeout", kmsg.JoinGroup, kerr.InvalidSessionTimeout, fault.GroupRefused},
		{"protocol", kmsg.JoinGroup, kerr.InconsistentGroupProtocol, fault.GroupRefused},
		{"fenced", kmsg.JoinGroup, kerr.FencedInstanceID, fault.InstanceTaken},
		{"offsets denied", kmsg.OffsetFetch, kerr.TopicAuthorizationFailed, fault.SourceDenied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				c.Fault(kfake.Fault{Keys: []kmsg.Key{tc.key}, Err: tc.err, Count: -1})
				produce(t, cl, "t", 0, "a")
				src, _ := c.source(t, c.config())
				open(t, src).fails(t, tc.want)
			})
		})
	}
}

func TestBatchTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, _ *kgo.Client) {
		cl := c.client(t, kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(4<<20))
		produce(t, cl, "t", 0, "a", strings.Repeat("x", 900_000))
		cfg := c.config()
		cfg.MaxBatchBytes = 100_000
		src, _ := c.source(t, cfg)
		r := open(t, src)
		wants(t, r.values(t, 1), "t/0:0=a")
		r.fails(t, fault.BatchTooLarge)
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ok := kafka.Config{Brokers: []string{"k:9092"}, Topics: []string{"t"}, Group: "g"}
	if err := ok.Validate(); err != nil {
		t.Errorf("got %v for a config that is good", err)
	}
	if err := kafka.DefaultConfig().Validate(); err == nil {
		t.Error("got no error for a config without brokers, topics and group")
	}
	for want, edit := range map[string]func(*kafka.Config){
		"brokers":                   func(c *kafka.Config) { c.Brokers = []string{"k"} },
		"topics":                    func(c *kafka.Config) { c.Topics = nil },
		"topic_patterns":            func(c *kafka.Config) { c.TopicPatterns = []string{"("} },
		"exclude_patterns":          func(c *kafka.Config) { c.ExcludePatterns = []string{"a)|(b"} },
		"group:":                    func(c *kafka.Config) { c.Group = "" },
		"group_protocol":            func(c *kafka.Config) { c.GroupProtocol = "eager" },
		"start":                     func(c *kafka.Config) { c.Start = "end" },
		"on_lost_offset":            func(c *kafka.Config) { c.OnLostOffset = "skip" },
		"isolation":                 func(c *kafka.Config) { c.Isolation = "none" },
		"session_timeout":           func(c *kafka.Config) { c.SessionTimeout = time.Millisecond },
		"revoke_wait":               func(c *kafka.Config) { c.RevokeWait = -1 },
		"batch_records":             func(c *kafka.Config) { c.BatchRecords = -1 },
		"fetch_max_partition_bytes": func(c *kafka.Config) { c.FetchMaxBytes = 1 },
		"tls":                       func(c *kafka.Config) { c.TLS.Cert = "c" },
		"sasl.mechanism":            func(c *kafka.Config) { c.SASL.Mechanism = "kerberos" },
	} {
		c := ok
		edit(&c)
		if _, err := kafka.New(c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}
