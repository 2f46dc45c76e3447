package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/devstack"
)

// stack starts the embedded servers for one test.
func stack(t *testing.T) *devstack.Stack {
	t.Helper()
	dir, err := os.MkdirTemp("", "cdcpipe-cmd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL's user must pass
		t.Fatal(err)
	}
	s, err := devstack.Start(t.Context(), devstack.Config{Dir: dir, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// event is a change event as Debezium's agent writes it, with the write time in
// microseconds; after is in JSON.
func event(topic, key, op string, ts int64, after string) *kgo.Record {
	f := strings.Split(topic, ".")
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: fmt.Appendf(nil,
		`{"ts_ms":1767225631000,"op":%q,"source":{"version":"3.4.1.Final","connector":"cassandra","name":%q,"ts_ms":%d,"snapshot":"false","db":"NULL","sequence":null,"ts_us":%d,"ts_ns":%d,"cluster":"c","file":"CommitLog-7-1.log","pos":1,"keyspace":%q,"table":%q},"after":%s}`,
		op, f[0], ts/1000, ts, ts*1000, f[1], f[2], after)}
}

func cell(v string) string { return `{"value":` + v + `,"deletion_ts":null,"set":true}` }

// shop is what the tests of the shop's files send: two rows, one of them changed
// out of order, one event that breaks a rule, and one that is no event.
func shop() []*kgo.Record {
	const orders, users, t0 = "cdc.shop.orders", "cdc.shop.users", 1767225601000000
	order := func(item int, qty, note string) string {
		return fmt.Sprintf(`{"customer":%s,"placed":%s,"item":%s,"at":null,"note":%s,"price":%s,"qty":%s,"_range_start":null,"_range_end":null}`,
			cell("1"), cell(`"a"`), cell(strconv.Itoa(item)), note, cell(`"1.50"`), qty)
	}
	return []*kgo.Record{
		event(orders, `{"customer":1,"placed":"a","item":1}`, "i", t0, order(1, cell("5"), cell(`"old"`))),
		event(orders, `{"customer":1,"placed":"a","item":1}`, "u", t0+2, order(1, "null", cell(`"newest"`))),
		event(orders, `{"customer":1,"placed":"a","item":1}`, "u", t0+1, order(1, cell("7"), cell(`"late"`))),
		event(orders, `{"customer":1,"placed":"a","item":2}`, "i", t0, order(2, cell("-3"), "null")),
		event(users, `{"id":"00000000-0000-4000-8000-000000000001"}`, "i", t0,
			`{"id":`+cell(`"00000000-0000-4000-8000-000000000001"`)+`,"active":`+cell("true")+`,"age":`+cell("30")+`,"balance":`+cell(`"12.34"`)+
				`,"created":null,"email":`+cell(`"ann@example.org"`)+`,"_range_start":null,"_range_end":null}`),
		{Topic: users, Key: []byte("x"), Value: []byte(`{"op":`)},
	}
}

func produce(t *testing.T, brokers []string, rs ...*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// answer returns what a query gives, all rows in one line, or why it cannot.
func answer(ctx context.Context, dsn, sql string) string {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err.Error()
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var cols []string
		for _, v := range rows.RawValues() {
			cols = append(cols, string(v))
		}
		lines = append(lines, strings.Join(cols, "|"))
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return strings.Join(lines, " ")
}

// until waits for a condition.
func until(t *testing.T, why func() string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal(why())
		}
		<-time.After(20 * time.Millisecond)
	}
}

// running runs the program until the test ends it, and returns what it printed.
func running(t *testing.T, args ...string) (stop func() (code int, stderr string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append([]string{"cdcpipe"}, args...), &stdout, &stderr) }()
	t.Cleanup(cancel)
	return func() (int, string) {
		cancel()
		return <-ended, stderr.String()
	}
}

// Every file of configs runs, and does what it says.
func TestConfigs(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]func(*testing.T, string){"pipeline.yaml": testPipelineFile, "rules.yaml": testRulesFile, "replay.yaml": testReplayFile,
		"embedded.yaml": func(*testing.T, string) {}} // what TestEmbedded and TestKilled run
	for _, f := range files {
		test, ok := tested[filepath.Base(f)]
		if !ok {
			t.Errorf("%s has no test", f)
			continue
		}
		t.Run(filepath.Base(f), func(t *testing.T) { test(t, f) })
	}
}

func testPipelineFile(t *testing.T, file string) {
	s := stack(t)
	t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
	t.Setenv("PG_DSN", s.DSN())
	produce(t, s.Brokers(), shop()...)
	stop := running(t, "run", "-f", file, "--admin", "127.0.0.1:0")
	want := "1|a|1|7|1.50|newest 1|a|2|-3|1.50|"
	orders := func() string {
		return answer(t.Context(), s.DSN(), "SELECT customer, placed, item, qty, price, note FROM shop.orders ORDER BY item")
	}
	until(t, orders, func() bool { return orders() == want })
	if code, stderr := stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ConsumeTopics("cassandra.cdc.dlq"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	fs := client.PollFetches(t.Context())
	letters := fs.Records()
	if len(letters) != 1 || string(letters[0].Value) != `{"op":` {
		t.Fatalf("dead letters: %v, %v", letters, fs.Errors())
	}
	headers := map[string]string{}
	for _, h := range letters[0].Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers["cdcpipe.error.code"] != "CDC-1001" || headers["__connect.errors.topic"] != "cdc.shop.users" || headers["cdcpipe.error.fix"] == "" {
		t.Errorf("headers: %v", headers)
	}
}

func testRulesFile(t *testing.T, file string) {
	s := stack(t)
	t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
	t.Setenv("PG_DSN", s.DSN())
	t.Setenv("HASH_KEY", "secret")
	produce(t, s.Brokers(), shop()...)
	stop := running(t, "run", "-f", file, "--admin", "127.0.0.1:0")
	invalid := func() string {
		return answer(t.Context(), s.DSN(), "SELECT topic, code, detail FROM cdcpipe.validation_errors")
	}
	want := `cdc.shop.orders|CDC-2004|rule quantity: "qty == nil || qty > 0" is false`
	until(t, invalid, func() bool { return invalid() == want })
	for sql, want := range map[string]string{
		"SELECT age, balance, domain, is_active, length(email) FROM crm.people":                                   "30|0|example.org|t|64",
		"SELECT customer, placed, item, qty FROM shop.orders":                                                     "1|a|1|7",
		"SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' AND column_name = 'note'": "",
	} {
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() }, func() bool { return got() == want })
	}
	if code, stderr := stop(); code != 0 || strings.Contains(stderr, "secret") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func testReplayFile(t *testing.T, file string) {
	s := stack(t)
	letters := t.TempDir()
	t.Setenv("PG_DSN", s.DSN())
	t.Setenv("REPLAY_TABLES", abs(t, "../../testdata/corpus/hand-users/schema.cql"))
	t.Setenv("REPLAY_EVENTS", abs(t, "../../testdata/corpus/hand-users/events.jsonl.gz"))
	t.Setenv("REPLAY_LETTERS", letters)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"cdcpipe", "run", "-f", file, "--admin", "127.0.0.1:0"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	if got := answer(t.Context(), s.DSN(), "SELECT count(*) FROM shop.users"); got != "7" {
		t.Errorf("%s users; Cassandra had 7\n%s", got, stderr.String())
	}
}

func abs(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
