package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"cdcpipe/cmd/cdcpipe/demo"
)

// calls is held during a call: all programs of a process share urfave/cli's help flag.
var calls sync.Mutex

// call runs the program to its end, in this process.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	calls.Lock()
	defer calls.Unlock()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"cdcpipe"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// The embedded default merges every event, compares every row, and when it has ended
// begins anew.
func TestEmbedded(t *testing.T) {
	dir := scratch(t)
	code, stdout, stderr := call(t, "run", "--events", "30000", "--data", dir, "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	var s demo.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if s.Events != 30_000 || !s.Compared || s.Mismatches != 0 || s.Rows < 1000 || s.DeadLetters == 0 || s.Invalid == 0 || s.Stale == 0 || s.Seconds <= 0 {
		t.Errorf("got %+v", s)
	}
	for _, name := range []string{"events", "seconds", "events_per_second", "rows", "mismatches", "dead_letters", "invalid", "stale"} {
		if !strings.Contains(stdout, `"`+name+`": `) {
			t.Errorf("the summary has no %s", name)
		}
	}
	for _, want := range []string{"not for production", "psql postgres://", "/metrics"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("nothing says %q:\n%s", want, stderr)
		}
	}
	// Once it has ended, the next begins anew.
	code, stdout, stderr = call(t, "run", "--events", "30000", "--data", dir)
	if code != 0 || !strings.Contains(stdout, "30000 events in") || !strings.Contains(stdout, "rows compared with the oracle, 0 differ") {
		t.Errorf("again: exit %d\n%s%s", code, stdout, stderr)
	}
	// So does another one.
	if code, stdout, stderr = call(t, "run", "--events", "5000", "--seed", "2", "--data", dir); code != 0 || !strings.Contains(stdout, "5000 events in") {
		t.Errorf("another: exit %d\n%s%s", code, stdout, stderr)
	}
}

// A watched buffer is written by the program while the test reads it.
type watched struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// get asks the admin server.
func get(ctx context.Context, url string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

// Without an end the embedded default runs until it is told to stop, answers
// probes, and ends in order; a second run goes on, and the comparison holds.
func TestStopped(t *testing.T) {
	bin, dir := program(t), scratch(t)
	cmd := exec.CommandContext(t.Context(), bin, "run", "--data", dir, "--rate", "5000", "--admin", "127.0.0.1:0")
	var stdout bytes.Buffer
	var stderr watched
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	admin := regexp.MustCompile(`http://(\S+)/metrics`)
	until(t, stderr.String, func() bool { return admin.MatchString(stderr.String()) })
	at := "http://" + admin.FindStringSubmatch(stderr.String())[1]
	until(t, stderr.String, func() bool { code, _ := get(t.Context(), at+"/readyz"); return code == 200 })
	if code, body := get(t.Context(), at+"/livez"); code != 200 {
		t.Errorf("/livez: %d %s", code, body)
	}
	merged := regexp.MustCompile(`cdcpipe_records_out_total\{[^}]*kind="sink"[^}]*\} [1-9]`)
	until(t, func() string { _, m := get(t.Context(), at+"/metrics"); return m }, func() bool {
		_, m := get(t.Context(), at+"/metrics")
		return merged.MatchString(m)
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if !strings.Contains(stdout.String(), "not compared; the next run goes on from here") {
		t.Errorf("stdout: %s", stdout.String())
	}
	// Another run must not be mixed with it.
	if code, _, errs := call(t, "run", "--events", "100", "--data", dir); code == 0 || !strings.Contains(errs, "CDC-8009") || !strings.Contains(errs, "--reset") {
		t.Errorf("another run: exit %d\n%s", code, errs)
	}
	if code, out, errs := call(t, "run", "--events", "100", "--data", dir, "--reset"); code != 0 || !strings.Contains(out, "100 events in") {
		t.Errorf("reset: exit %d\n%s%s", code, out, errs)
	}
}

// A second signal does not wait for what cannot be finished.
func TestAbandoned(t *testing.T) {
	bin := program(t)
	s := stack(t)
	produce(t, s.Brokers(), shop()[0], shop()[4])
	t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
	t.Setenv("PG_DSN", s.DSN())
	cmd := exec.CommandContext(t.Context(), bin, "run", "-f", "../../configs/pipeline.yaml", "--admin", "127.0.0.1:0")
	var stderr watched
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, stderr.String, func() bool { return strings.Contains(stderr.String(), "running") })
	until(t, stderr.String, func() bool {
		return answer(t.Context(), s.DSN(), "SELECT count(*) FROM shop.orders") == "1"
	})
	// The sink cannot write while another holds the table that it needs.
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE shop__cdc.orders__base IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	produce(t, s.Brokers(), shop()[1:]...)
	blocked := func() string {
		return answer(t.Context(), s.DSN(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
	}
	until(t, stderr.String, func() bool { return blocked() != "0" })
	for _, said := range []string{"finishing what is in flight", "abandoning what is in flight"} {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		until(t, stderr.String, func() bool { return strings.Contains(stderr.String(), said) })
	}
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != exitInterrupted || !strings.Contains(stderr.String(), "CDC-8011") {
		t.Errorf("%v\n%s", err, stderr.String())
	}
}
