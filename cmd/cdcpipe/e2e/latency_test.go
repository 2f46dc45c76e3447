//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// latencyTables have one column for when the row was sent, in microseconds.
var latencyTables = []string{
	"CREATE TABLE never.latency (k int PRIMARY KEY, sent bigint, v text) WITH cdc = true",
	"CREATE TABLE always.latency (k int PRIMARY KEY, sent bigint, v text) WITH cdc = true",
}

// BenchmarkLatency measures how long after it was sent to Cassandra a row is visible
// in PostgreSQL, and how much of that is the program's own: the time since the agent
// gave the event to Kafka. Visible is when PostgreSQL committed
// (pg_xact_commit_timestamp). It writes at a low rate, and at half of the rate at
// which a backlog is worked off.
func BenchmarkLatency(b *testing.B) {
	if _, err := the.pg.Exec(b.Context(), "ALTER SYSTEM SET track_commit_timestamp = on"); err != nil {
		b.Fatal(err)
	}
	if err := the.Component(realstack.Postgres).Restart(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := the.settle(b.Context(), time.Minute); err != nil {
		b.Fatal(err)
	}
	for _, ks := range []string{never, always} {
		next, most := 0, 0.0
		b.Run(ks+"/backlog", func(b *testing.B) {
			for b.Loop() {
				const rows = 10_000
				begun := time.Now()
				write(b, ks, next, rows, 0)
				next += rows
				if err := the.settle(b.Context(), 2*time.Minute); err != nil {
					b.Fatal(err)
				}
				most = rows / time.Since(begun).Seconds()
				b.ReportMetric(most, "rows/s")
			}
		})
		for _, rate := range []struct {
			name string
			of   func() float64
		}{{"low", func() float64 { return 50 }}, {"half", func() float64 { return most / 2 }}} {
			b.Run(ks+"/"+rate.name, func(b *testing.B) {
				if rate.of() == 0 {
					b.Skip("the rate of a backlog is not known")
				}
				for b.Loop() {
					rows := int(rate.of() * 10)
					write(b, ks, next, rows, rate.of())
					if err := the.settle(b.Context(), time.Minute); err != nil {
						b.Fatal(err)
					}
					measure(b, ks, next, rows)
					next += rows
				}
				b.ReportMetric(rate.of(), "rows/s")
			})
		}
	}
}

// write inserts rows from first on, so many a second, or as fast as it can.
func write(b *testing.B, ks string, first, rows int, rate float64) {
	b.Helper()
	work := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for k := range work {
				if err := the.exec(b.Context(), "INSERT INTO "+ks+".latency (k, sent, v) VALUES (?, ?, 'x')", k, time.Now().UnixMicro()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	begun := time.Now()
	for i := range rows {
		if rate > 0 {
			<-time.After(time.Until(begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		}
		work <- first + i
	}
	close(work)
	wg.Wait()
}

// measure reports the latencies of rows.
func measure(b *testing.B, ks string, first, rows int) {
	b.Helper()
	recorded := recordTimes(b, ks)
	//nolint:rowserrcheck // ForEachRow does
	found, err := the.pg.Query(b.Context(), fmt.Sprintf(`SELECT k, sent, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1e6)::bigint
		FROM %s__cdc.latency__base WHERE k >= $1 AND k < $2`, ks), first, first+rows)
	if err != nil {
		b.Fatal(err)
	}
	var whole, own []time.Duration
	var k int
	var sent, visible int64
	_, err = pgx.ForEachRow(found, []any{&k, &sent, &visible}, func() error {
		whole = append(whole, time.Duration(visible-sent)*time.Microsecond)
		own = append(own, time.UnixMicro(visible).Sub(recorded[k]))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(whole) != rows {
		b.Fatalf("%d rows of %d", len(whole), rows)
	}
	report := func(what string, d []time.Duration) {
		slices.Sort(d)
		for _, q := range []int{50, 99} {
			b.ReportMetric(float64(d[(len(d)-1)*q/100].Milliseconds()), fmt.Sprintf("%s-p%d-ms", what, q))
		}
	}
	report("whole", whole)
	report("own", own)
	b.ReportMetric(0, "ns/op")
}

// recordTimes returns when the agent gave the event of each row to Kafka.
func recordTimes(b *testing.B, ks string) map[int]time.Time {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	topic := the.Topic(ks, "latency")
	ends, err := the.kafka.ListEndOffsets(ctx, topic)
	if err != nil {
		b.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	client, err := kgo.NewClient(kgo.SeedBrokers(the.KafkaAddr()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	times := map[int]time.Time{}
	for left > 0 && ctx.Err() == nil {
		for r := range client.PollFetches(ctx).RecordsAll() {
			var k int
			if _, err := fmt.Sscanf(string(r.Key), `{"k":%d}`, &k); err != nil {
				b.Fatalf("%s: %v", r.Key, err)
			}
			times[k] = r.Timestamp
			left--
		}
	}
	return times
}
