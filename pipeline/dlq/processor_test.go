package dlq_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/coord/capture"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := dlq.Policy{MaxReplays: 9}
	for _, tc := range []struct {
		code  fault.Code
		count int
		after time.Duration
		do    dlq.Action
		until time.Duration
	}{
		{fault.TargetBusy, 0, 0, dlq.Later, time.Minute},
		{fault.TargetBusy, 0, time.Minute, dlq.Send, time.Minute},
		{fault.BrokerDown, 3, 7 * time.Minute, dlq.Later, 8 * time.Minute},
		{fault.BrokerDown, 8, 59 * time.Minute, dlq.Later, time.Hour},
		{fault.BrokerDown, 9, time.Hour, dlq.Shelf, 0},
		{fault.MalformedJSON, 0, 0, dlq.Files, 0},
		{fault.RuleFailed, 0, 0, dlq.Files, 0},
		{fault.ValueRefused, 7, 0, dlq.Files, 0},
		{fault.TableRefused, 0, 0, dlq.Shelf, 0},
		{fault.Unknown, 0, 0, dlq.Shelf, 0},
		{"CDC-99", 0, 0, dlq.Shelf, 0},
	} {
		l := &dlq.Letter{Code: tc.code, Received: received}
		if tc.count > 0 {
			l.Event.Headers = count(tc.count)
		}
		got := p.Decide(l, received.Add(tc.after))
		if got.Do != tc.do || got.Do == dlq.Shelf && got.Note == "" || tc.until > 0 && !got.Until.Equal(received.Add(tc.until)) {
			t.Errorf("%s, sent %d times, after %v: got %+v", tc.code, tc.count, tc.after, got)
		}
	}
}

// processor returns one that waits for nothing.
func processor(s *dlq.Store, e *kafka.Events, dir string) *dlq.Processor {
	return &dlq.Processor{
		Name: "p", Store: s, Events: e, Dir: dir, Actor: "test", Policy: dlq.Policy{Wait: time.Nanosecond}, Poll: 20 * time.Millisecond, Lease: 300 * time.Millisecond,
		Once: true, Retry: pipeline.Retry{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond}, Logger: quiet,
	}
}

// letters are n of each category.
func letters(n int) (rs []spoiled) {
	for i := range n {
		for c, code := range []fault.Code{fault.TargetBusy, fault.RuleFailed, fault.TableRefused} {
			o := pipeline.DeadLetter
			if code == fault.RuleFailed {
				o = pipeline.Invalid
			}
			nr := 3*i + c
			rs = append(rs, spoiled{o, int64(nr), code, "k" + strconv.Itoa(nr), "v\x00\"\n" + strconv.Itoa(nr), nil})
		}
	}
	return rs
}

// exports returns how often each offset stands in the files of a directory.
func exports(t *testing.T, dir string) (lines, rows map[int64]int) {
	t.Helper()
	lines, rows = map[int64]int{}, map[int64]int{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") { // what was killed left it
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		switch filepath.Ext(e.Name()) {
		case ".jsonl":
			for sc := bufio.NewScanner(f); sc.Scan(); {
				e, err := capture.Parse(sc.Bytes())
				if err != nil || string(e.Value) != "v\x00\"\n"+strconv.FormatInt(e.Offset, 10) {
					t.Fatalf("%v in %s", err, sc.Text())
				}
				lines[e.Offset]++
			}
		case ".csv":
			all, err := csv.NewReader(f).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range all[1:] {
				offset, err := strconv.ParseInt(row[8], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				rows[offset]++
			}
		default:
			t.Errorf("%s was left", e.Name())
		}
	}
	return lines, rows
}

func TestProcessor(t *testing.T) {
	t.Parallel()
	dsn, kafka, dir := database(t), cluster(t), t.TempDir()
	s := open(t, dsn)
	keep(t, dsn, letters(50)...)
	keep(t, dsn, spoiled{pipeline.DeadLetter, 1000, fault.TargetBusy, "k", "again", count(5)})
	p := processor(s, events(t, kafka), dir)
	if err := p.Pipeline().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, dsn, `SELECT status, code, count(*), min(coalesce(note, '')) FROM cdcpipe.dlq_archive GROUP BY 1, 2 ORDER BY 1, 2`); got !=
		"archived|CDC-3006|50|nothing that a program could do: CDC-3006\narchived|CDC-4014|1|it was sent again 5 times, and came back\nresubmitted|CDC-4014|50|" {
		t.Errorf("got %s", got)
	}
	if got := query(t, dsn, `SELECT status, count(*), bool_and(exported_at IS NOT NULL), bool_and(due_at = 'infinity') FROM cdcpipe.validation_errors GROUP BY 1`); got != "open|50|t|t" {
		t.Errorf("got %s", got)
	}
	if rs := sent(t, kafka, 50); len(rs) != 50 {
		t.Errorf("%d were sent", len(rs))
	}
	lines, rows := exports(t, dir)
	if len(lines) != 50 || len(rows) != 50 {
		t.Errorf("%d lines, %d rows", len(lines), len(rows))
	}
	// What was dealt with is purged when its time has come; what is open stays.
	p.Retention = time.Nanosecond
	p.PurgeOld(t.Context())
	if got := query(t, dsn, `SELECT (SELECT count(*) FROM cdcpipe.dlq_archive), (SELECT count(*) FROM cdcpipe.validation_errors)`); got != "0|50" {
		t.Errorf("left: %s", got)
	}
}

// workerDSN and the others tell a child of TestKilled what it is to do.
const (
	workerDSN     = "CDCPIPE_TEST_DLQ_DSN"
	workerBrokers = "CDCPIPE_TEST_DLQ_BROKERS"
	workerDir     = "CDCPIPE_TEST_DLQ_DIR"
)

// work is the whole program of a child.
func work() int {
	ctx := context.Background()
	s, err := dlq.OpenStore(ctx, postgres.LettersConfig{DSN: os.Getenv(workerDSN)}, quiet)
	if err == nil {
		never := false
		var e *kafka.Events
		if e, err = kafka.NewEvents(kafka.Config{Brokers: strings.Split(os.Getenv(workerBrokers), ","), Create: &never}, quiet); err == nil {
			err = processor(s, e, os.Getenv(workerDir)).Pipeline().Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The processor is killed at random moments: no letter is lost, none is in two files,
// and what was sent twice is the same event, which changes nothing.
func TestKilled(t *testing.T) {
	t.Parallel()
	const n = 400
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("CDCPIPE_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("CDCPIPE_SEED=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	dsn, kafka, dir := database(t), cluster(t), t.TempDir()
	open(t, dsn)
	keep(t, dsn, letters(n)...)
	child := func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), workerDSN+"="+dsn, workerBrokers+"="+strings.Join(kafka.ListenAddrs(), ","), workerDir+"="+dir)
		cmd.Stderr = os.Stderr
		return cmd
	}
	killed, done := 0, false
	for !done {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(40+dice.IntN(160))*time.Millisecond)
		if killed >= 40 { // now it may finish
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		}
		err := child(ctx).Run()
		done = err == nil && query(t, dsn, `SELECT count(*) FROM cdcpipe.dlq_archive WHERE status = 'open'`) == "0" &&
			query(t, dsn, `SELECT count(*) FROM cdcpipe.validation_errors WHERE exported_at IS NULL`) == "0"
		if ctx.Err() != nil {
			killed++
		} else if err != nil {
			t.Fatalf("it failed: %v", err)
		}
		cancel()
		if killed > 41 {
			t.Fatal("it does not finish")
		}
	}
	if got, want := query(t, dsn, `SELECT status, code, count(*) FROM cdcpipe.dlq_archive GROUP BY 1, 2 ORDER BY 1, 2`), fmt.Sprintf("archived|CDC-3006|%d\nresubmitted|CDC-4014|%d", n, n); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	lines, rows := exports(t, dir)
	times, twice := map[string]int{}, 0
	for _, r := range sent(t, kafka, n) {
		if string(r.Value) != "v\x00\"\n"+strings.TrimPrefix(string(r.Key), "k") || header(r, dlq.HeaderCount) != "1" {
			t.Errorf("sent %q under %q, count %s", r.Value, r.Key, header(r, dlq.HeaderCount))
		}
		if times[string(r.Key)]++; times[string(r.Key)] > 1 {
			twice++
		}
	}
	for i := range n {
		if times["k"+strconv.Itoa(3*i)] == 0 {
			t.Errorf("letter %d was lost", 3*i)
		}
		if at := int64(3*i + 1); lines[at] != 1 || rows[at] != 1 {
			t.Errorf("letter %d stands in %d files of lines and %d of rows", at, lines[at], rows[at])
		}
	}
	if len(times) != n || len(lines) != n {
		t.Errorf("%d were sent, %d exported", len(times), len(lines))
	}
	audit, err := json.Marshal(query(t, dsn, `SELECT action, count(*), count(DISTINCT letter_id) FROM cdcpipe.letter_audit GROUP BY 1 ORDER BY 1`))
	if err != nil || string(audit) != fmt.Sprintf("%q", fmt.Sprintf("archive|%d|%d\nresubmit|%d|%d", n, n, n, n)) {
		t.Errorf("the audit has %s, %v", audit, err)
	}
	t.Logf("killed %d times, %d of %d events were sent twice", killed, twice, n)
}

// Several processors share the letters: each is dealt with by one of them.
func TestProcessorsAtOnce(t *testing.T) {
	t.Parallel()
	const n, workers = 200, 3
	dsn, kafka, dir := database(t), cluster(t), t.TempDir()
	keepers := make([]*dlq.Processor, workers)
	for i := range keepers {
		keepers[i] = processor(open(t, dsn), events(t, kafka), dir)
		keepers[i].Lease = time.Minute
	}
	keep(t, dsn, letters(n)...)
	errs := make(chan error, workers)
	for _, p := range keepers {
		go func() { errs <- p.Pipeline().Run(t.Context()) }()
	}
	for range keepers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if got := len(sent(t, kafka, n)); got != n {
		t.Errorf("%d were sent, want %d", got, n)
	}
	lines, rows := exports(t, dir)
	for i := range n {
		if at := int64(3*i + 1); lines[at] != 1 || rows[at] != 1 {
			t.Errorf("letter %d stands in %d files of lines and %d of rows", at, lines[at], rows[at])
		}
	}
	if got, want := query(t, dsn, `SELECT action, count(*) FROM cdcpipe.letter_audit GROUP BY 1 ORDER BY 1`), fmt.Sprintf("archive|%d\nresubmit|%d", n, n); got != want {
		t.Errorf("the audit has %s, want %s", got, want)
	}
}
