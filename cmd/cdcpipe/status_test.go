package main

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cdcpipe/obs"
	"cdcpipe/pipeline"

	"github.com/prometheus/client_golang/prometheus"
)

// What a worker answers is what status prints, with the breaker's state and the lag.
func TestStatus(t *testing.T) {
	t.Parallel()
	stats := func() pipeline.Stats {
		return pipeline.Stats{
			Pipeline: "shop", Open: true, InFlight: 7,
			Steps: []pipeline.StepStats{{Name: "decode", Kind: pipeline.StageKind, In: 10, Out: 8, Diverted: map[pipeline.Outlet]int64{pipeline.DeadLetter: 2}},
				{Name: "postgres", Kind: pipeline.SinkKind, In: 8, Out: 1, Retries: 5, Breaker: pipeline.BreakerOpen}},
			Partitions: []pipeline.PartitionStats{{Partition: "t/0", Settled: pipeline.Mark{Partition: "t/0", Offset: 4}, Committed: pipeline.Mark{Partition: "t/0", Offset: 3},
				End: 10, Oldest: time.Now().Add(-time.Minute)}, {Partition: "t/1", End: -1}},
		}
	}
	admin := obs.NewServer(prometheus.NewRegistry(), "hush")
	admin.Handle("GET /v1/status", serveStatus(stats, func() bool { return false }))
	if err := admin.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go admin.Serve() //nolint:errcheck // it ends with Close
	t.Cleanup(func() { admin.Close(t.Context()) })

	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	if code, _, stderr := call(t, "config", "init", "-f", file); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := call(t, "status", "-f", file, "--admin", admin.Addr(), "--set", "admin.token=hush")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"shop: postgres fails: its circuit breaker is open, 7 records in flight", "postgres", "open", "t/0        3          5    1m0", "t/1        -1         ?    ?"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if code, stdout, _ = call(t, "status", "-f", file, "--admin", admin.Addr(), "--set", "admin.token=hush", "-o", "json"); code != 0 || !strings.Contains(stdout, `"breaker": "open"`) {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	code, stdout, stderr = call(t, "status", "-f", file, "--admin", admin.Addr(), "--set", "admin.token=hush", "--set", "redis.address=127.0.0.1:1")
	if code != exitUnavailable || !strings.Contains(stderr, "CDC-8008") || !strings.Contains(stdout, "7 records in flight") {
		t.Errorf("without Redis: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr = call(t, "status", "-f", file, "--admin", admin.Addr()); code != exitUnavailable || !strings.Contains(stderr, "401") {
		t.Errorf("without the token: exit %d\n%s", code, stderr)
	}
	if code, _, stderr = call(t, "status", "-f", file, "--admin", "127.0.0.1:1"); code != exitUnavailable || !strings.Contains(stderr, "CDC-8017") {
		t.Errorf("where nobody answers: exit %d\n%s", code, stderr)
	}
	other := httptest.NewServer(nil)
	defer other.Close()
	if code, _, _ = call(t, "status", "-f", file, "--admin", strings.TrimPrefix(other.URL, "http://")); code != exitUnavailable {
		t.Errorf("where something else answers: exit %d", code)
	}
	var out bytes.Buffer
	st := newStatus(pipeline.Stats{Pipeline: "p"}, true, time.Now())
	if st.print(&out); !strings.HasPrefix(out.String(), "p: draining") {
		t.Errorf("got %s", out.String())
	}
}
