package coord_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/rueidis"

	"cdcpipe/coord"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// at connects to a server without a password.
func at(addr string) func(context.Context) (rueidis.Client, error) {
	return func(ctx context.Context) (rueidis.Client, error) {
		return coord.Connect(ctx, coord.RedisConfig{Addresses: []string{addr}})
	}
}

func TestWorkerComesAndGoes(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	client, err := coord.Connect(t.Context(), coord.RedisConfig{Addresses: []string{redis.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stats := func() pipeline.Stats {
		return pipeline.Stats{Pipeline: "shop", InFlight: 7, Partitions: []pipeline.PartitionStats{
			{Partition: "a b/0", Committed: pipeline.Mark{Partition: "a b/0", Offset: 41}}}}
	}
	w := coord.NewWorker(at(redis.Addr()), stats, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	workers := func() []coord.Report {
		t.Helper()
		rs, err := coord.Workers(t.Context(), client, "shop")
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	until(t, "the worker is listed", func() bool { return len(workers()) == 1 })
	if r := workers()[0]; r.Worker != w.Name() || r.InFlight != 7 || len(r.Partitions) != 1 || !strings.Contains(r.Worker, "-") {
		t.Errorf("got %+v", r)
	}
	until(t, "checkpoints are there", func() bool {
		cs, err := coord.Checkpoints(t.Context(), client, "shop")
		return err == nil && len(cs) == 1 && cs[0].Offset == 41 && cs[0].Partition == "a b/0" && cs[0].Worker == w.Name()
	})
	// A worker that dies is off the list by itself.
	redis.FastForward(coord.HeartbeatTTL + time.Second)
	if rs := workers(); len(rs) != 0 {
		t.Errorf("still listed: %+v", rs)
	}
	stop()
	<-done
}

func TestWorkerLeaves(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	client, err := coord.Connect(t.Context(), coord.RedisConfig{Addresses: []string{redis.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	w := coord.NewWorker(at(redis.Addr()), func() pipeline.Stats { return pipeline.Stats{Pipeline: "shop"} }, slog.New(slog.DiscardHandler))
	go func() { w.Run(ctx); close(done) }()
	until(t, "the worker is listed", func() bool { return len(redis.Keys()) == 1 })
	stop()
	<-done
	if keys := redis.Keys(); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}

func TestConnectRefused(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	addr := redis.Addr()
	redis.Close()
	if _, err := coord.Connect(t.Context(), coord.RedisConfig{Addresses: []string{addr}}); !fault.Is(err, fault.RedisDown) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []coord.RedisConfig{{}, {Addresses: []string{"nohost"}}} {
		if bad.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}
