package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/coord/capture"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	kafkasink "cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
)

const crashFile = `version: 1
name: crash
schema: {cql: [tables.cql]}
source: {use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"], topics: [cdc.shop.orders], group: crash}}
stages: [decode]
sink: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
outlets: {dead_letter: OUTLET, invalid: OUTLET, stale: discard}
`

// cdcpipe dlq run is killed at random moments, and started again each time: no letter
// is lost, none is exported or archived twice, none is marked as sent twice, and an
// event that was sent twice is the same, which changes nothing.
func TestKilledDeadLetterRun(t *testing.T) {
	bin := program(t)
	for store, outlet := range map[string]string{
		"tables": `{use: postgres, with: {dsn: "${env:PG_DSN}"}}`,
		"topics": `{use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"]}}`,
	} {
		t.Run(store, func(t *testing.T) {
			s := stack(t)
			t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
			t.Setenv("PG_DSN", s.DSN())
			file := written(t, "crash.yaml", strings.ReplaceAll(crashFile, "OUTLET", outlet))
			killedRun(t, s, bin, file, store == "topics")
		})
	}
}

// leave writes n letters of each category as an outlet does, after so many before.
func leave(t *testing.T, s *devstack.Stack, inTopics bool, before, n int) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var sink interface {
		pipeline.Sink[pipeline.Reject]
		pipeline.Opener
		pipeline.Closer
	}
	sink, err := postgres.NewLetters(postgres.LettersConfig{DSN: s.DSN()}, "crash", quiet)
	if inTopics {
		sink, err = kafkasink.NewLetters(kafkasink.Config{Brokers: s.Brokers()}, quiet)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sink.Close(context.Background())
	var recs []pipeline.Record[pipeline.Reject]
	for i := 3 * before; i < 3*(before+n); i++ {
		code, o := []fault.Code{fault.TargetBusy, fault.RuleFailed, fault.TableRefused}[i%3], pipeline.DeadLetter
		if code == fault.RuleFailed {
			o = pipeline.Invalid
		}
		now := time.Now()
		e := &cdc.Event{Topic: "cdc.shop.orders", Offset: int64(i), Key: strconv.AppendInt(nil, int64(i), 10), Value: []byte("value " + strconv.Itoa(i)), Time: now}
		recs = append(recs, pipeline.Record[pipeline.Reject]{
			Header: &pipeline.Header{Partition: "cdc.shop.orders/0", Offset: e.Offset},
			Value:  pipeline.Reject{Outlet: o, Step: "sink", Cause: fault.New(code, "detail"), Origin: e, Attempts: 1, FirstFailed: now, LastFailed: now},
		})
	}
	if err := sink.Write(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
}

// leaveGroup makes all members leave a group.
func leaveGroup(t *testing.T, brokers []string, group string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	groups, err := kadm.NewClient(cl).DescribeGroups(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewLeaveGroupRequest()
	req.Group = group
	for _, m := range groups[group].Members {
		left := kmsg.NewLeaveGroupRequestMember()
		left.MemberID = m.MemberID
		req.Members = append(req.Members, left)
	}
	if _, err := req.RequestWith(t.Context(), cl); err != nil {
		t.Fatal(err)
	}
}

func killedRun(t *testing.T, s *devstack.Stack, bin, file string, inTopics bool) {
	const each = 300 // of each category, before each kill
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("CDCPIPE_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("CDCPIPE_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	dir, ctx := t.TempDir(), t.Context()
	moment := 400
	if inTopics {
		moment = 1500
	}
	produce(t, s.Brokers(), &kgo.Record{Topic: "cdc.shop.orders", Key: []byte("first"), Value: []byte("makes the topic")})
	n := 0
	more := func() { leave(t, s, inTopics, n, each); n += each }
	start := func(stderr io.Writer) (cmd *exec.Cmd) {
		cmd = exec.CommandContext(ctx, bin, "dlq", "run", "-f", file, "--dir", dir, "--wait", "1ms")
		cmd.Stderr = stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	// What a process was killed with is free at once here: the lease of letters does not
	// take ten minutes to end, nor the session of a group's member twenty seconds.
	free := func() {
		for _, table := range []string{"dlq_archive", "validation_errors"} {
			answer(ctx, s.DSN(), "UPDATE cdcpipe."+table+" SET due_at = now() WHERE status = 'open' AND due_at < 'infinity'")
		}
	}
	state := func() string {
		return answer(ctx, s.DSN(), `SELECT code, status, count(*) FROM cdcpipe.dlq_archive GROUP BY 1, 2 ORDER BY 1, 2`) + " " +
			answer(ctx, s.DSN(), `SELECT code, status, count(*), count(exported_at) FROM cdcpipe.validation_errors GROUP BY 1, 2`)
	}
	for range kills() {
		more()
		cmd := start(nil)
		<-time.After(time.Duration(100+rng.IntN(moment)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		t.Log(state())
		free()
		leaveGroup(t, s.Brokers(), "crash.dlq.dead_letter")
		leaveGroup(t, s.Brokers(), "crash.dlq.invalid")
	}
	more()
	var stderr watched
	cmd := start(&stderr)
	want := fmt.Sprintf("CDC-3006|archived|%d CDC-4014|resubmitted|%d CDC-2004|open|%d|%d", n, n, n, n)
	looks := 0
	until(t, func() string { return "got " + state() + ", want " + want + "\n" + stderr.String() }, func() bool {
		if looks++; looks%100 == 0 { // PostgreSQL may end what a killed process began after that
			free()
		}
		return state() == want
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	if got, want := answer(ctx, s.DSN(), `SELECT action, count(*), count(DISTINCT letter_id) FROM cdcpipe.letter_audit GROUP BY 1 ORDER BY 1`), fmt.Sprintf("archive|%d|%d resubmit|%d|%d", n, n, n, n); got != want {
		t.Errorf("the audit has %s, want %s", got, want)
	}
	sentOnce(t, s, n)
	exportedOnce(t, dir, n)
}

// sentOnce reads what was sent again: each letter's event, and of each but one text.
func sentOnce(t *testing.T, s *devstack.Stack, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ConsumeTopics("cdc.shop.orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	produce(t, s.Brokers(), &kgo.Record{Topic: "cdc.shop.orders", Key: []byte("first"), Value: []byte("the end")})
	times, all := map[string]int{}, 0
	for ended := false; !ended; {
		fs := cl.PollFetches(t.Context())
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if ended = ended || string(r.Value) == "the end"; string(r.Key) == "first" {
				return
			}
			all++
			times[string(r.Key)]++
			count := ""
			for _, h := range r.Headers {
				if h.Key == dlq.HeaderCount {
					count += string(h.Value)
				}
			}
			if string(r.Value) != "value "+string(r.Key) || count != "1" {
				t.Errorf("sent %q under %q, count %q", r.Value, r.Key, count)
			}
		})
	}
	for i := 0; i < 3*n; i += 3 {
		if times[strconv.Itoa(i)] == 0 {
			t.Errorf("the letter of offset %d was lost", i)
		}
	}
	if len(times) != n {
		t.Errorf("%d letters were sent, want %d", len(times), n)
	}
	t.Logf("%d events were sent of %d letters", all, len(times))
}

// exportedOnce reads the files: each letter stands in one of them, once.
func exportedOnce(t *testing.T, dir string, n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[int64]int{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			e, err := capture.Parse([]byte(line))
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			times[e.Offset]++
		}
	}
	for i := int64(1); i < int64(3*n); i += 3 {
		if times[i] != 1 {
			t.Errorf("the letter of offset %d stands in %d lines", i, times[i])
		}
	}
	if len(times) != n {
		t.Errorf("%d letters were exported, want %d", len(times), n)
	}
}
