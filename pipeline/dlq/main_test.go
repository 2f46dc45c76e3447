package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sinks/postgres/pgserver"
)

var server *pgserver.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(workerDSN) != "" { // a child of TestKilled
		return work()
	}
	return pgserver.During(map[string]string{"max_connections": "200"}, func(s *pgserver.Server) int {
		server = s
		return m.Run()
	})
}

var databases atomic.Int32

// database makes an empty database and returns its address.
func database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	query(t, server.DSN(), "CREATE DATABASE "+name)
	cfg, err := pgx.ParseConfig(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", cfg.User, cfg.Password, cfg.Port, name)
}

// query returns what a statement gives: columns with | between them, a line each.
func query(t testing.TB, dsn, sql string) string {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := c.Query(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var cells []string
		for _, v := range rows.RawValues() {
			cells = append(cells, string(v))
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dsn string) *dlq.Store {
	t.Helper()
	s, err := dlq.OpenStore(context.Background(), postgres.LettersConfig{DSN: dsn}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A spoiled record is one that left.
type spoiled struct {
	outlet  pipeline.Outlet
	offset  int64
	code    fault.Code
	key     string
	value   string
	headers []cdc.EventHeader
}

// keep writes letters as the outlet of the pipeline p does.
func keep(t testing.TB, dsn string, rs ...spoiled) {
	t.Helper()
	l, err := postgres.NewLetters(postgres.LettersConfig{DSN: dsn}, "p", quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	var recs []pipeline.Record[pipeline.Reject]
	for _, r := range rs {
		e := &cdc.Event{Topic: "cdc.shop.orders", Offset: r.offset, Key: []byte(r.key), Value: []byte(r.value), Headers: r.headers, Time: at}
		recs = append(recs, pipeline.Record[pipeline.Reject]{
			Header: &pipeline.Header{Partition: "cdc.shop.orders/0", Offset: r.offset},
			Value: pipeline.Reject{Outlet: r.outlet, Step: "sink", Cause: fault.New(r.code, "detail %d", r.offset), Origin: e, Attempts: 1,
				FirstFailed: at, LastFailed: at},
		})
	}
	if err := l.Write(context.Background(), recs); err != nil {
		t.Fatal(err)
	}
}

var at = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// cluster starts a Kafka with the topic of the letters.
func cluster(t testing.TB) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "cdc.shop.orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func events(t testing.TB, c *kfake.Cluster) *kafka.Events {
	t.Helper()
	never := false
	s, err := kafka.NewEvents(kafka.Config{Brokers: c.ListenAddrs(), Create: &never}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sent returns what stands in the topic, n records or as many as there are.
func sent(t testing.TB, c *kfake.Cluster, n int) (rs []*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("cdc.shop.orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for wait := 20 * time.Second; ; wait = 300 * time.Millisecond {
		if len(rs) < n {
			wait = 20 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		fs := cl.PollFetches(ctx)
		cancel()
		if fs.NumRecords() == 0 {
			if err := fs.Err0(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			return rs
		}
		rs = append(rs, fs.Records()...)
	}
}

func header(r *kgo.Record, name string) string {
	var last string
	for _, h := range r.Headers {
		if h.Key == name {
			last = string(h.Value)
		}
	}
	return last
}
