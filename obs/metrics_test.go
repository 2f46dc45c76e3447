package obs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// finished returns a pipeline that has run: five records in, one dropped, one
// diverted.
func finished(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	var log pipelinetest.Log[int]
	for i := range 5 {
		log.Append("t/0", uint64(i+1), i)
	}
	p := pipeline.New("shop", pipeline.Config{})
	f := pipeline.Then(pipeline.From(p, "log", log.Reader(2, false)), "odd", pipeline.StageFunc[int, int](
		func(_ context.Context, in []pipeline.Record[int], out *pipeline.Outbox[int]) error {
			for i, r := range in {
				switch r.Value {
				case 1:
					out.Drop(i, "boring")
				case 2:
					out.Divert(i, pipeline.Stale, errors.New("old"))
				default:
					out.Emit(i, r.Value)
				}
			}
			return nil
		}), pipeline.Diverts(pipeline.Stale))
	pipeline.To(f, "out", new(pipelinetest.Collector[int]))
	pipeline.Bind(p, pipeline.Stale, pipeline.Discard)
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCollector(t *testing.T) {
	t.Parallel()
	c := obs.NewCollector(finished(t).Stats)
	if err := testutil.CollectAndCompare(c, strings.NewReader(`
# HELP cdcpipe_diverted_records_total Records that left by an outlet.
# TYPE cdcpipe_diverted_records_total counter
cdcpipe_diverted_records_total{outlet="stale",pipeline="shop",step="odd"} 1
# HELP cdcpipe_dropped_records_total Records that a step left out knowingly, by reason.
# TYPE cdcpipe_dropped_records_total counter
cdcpipe_dropped_records_total{pipeline="shop",reason="boring",step="odd"} 1
# HELP cdcpipe_records_out_total Records that a step passed on; of a sink, that are durable.
# TYPE cdcpipe_records_out_total counter
cdcpipe_records_out_total{kind="outlet",pipeline="shop",step="dead_letter"} 0
cdcpipe_records_out_total{kind="outlet",pipeline="shop",step="stale"} 1
cdcpipe_records_out_total{kind="sink",pipeline="shop",step="out"} 3
cdcpipe_records_out_total{kind="source",pipeline="shop",step="log"} 5
cdcpipe_records_out_total{kind="stage",pipeline="shop",step="odd"} 3
# HELP cdcpipe_inflight_records Records read but not settled.
# TYPE cdcpipe_inflight_records gauge
cdcpipe_inflight_records{pipeline="shop"} 0
`), "cdcpipe_diverted_records_total", "cdcpipe_dropped_records_total", "cdcpipe_records_out_total", "cdcpipe_inflight_records"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.CollectAndLint(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n := testutil.CollectAndCount(c, "cdcpipe_stage_duration_seconds"); n != 4 {
		t.Errorf("%d histograms of durations, want one for each step but the source", n)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(obs.NewCollector(finished(t).Stats))
	ready := errors.New("draining")
	s := obs.NewServer(reg, "", obs.Check{Name: "pipeline", Check: func(context.Context) error { return ready }},
		obs.Check{Name: "postgres", Check: func(context.Context) error { return nil }})
	if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := obs.NewServer(reg, "").Listen(t.Context(), s.Addr()); err == nil {
		t.Error("an address is taken twice")
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	get := func(path string) (int, string) { return get(t, s, path, "") }
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, `cdcpipe_stage_duration_seconds_bucket{pipeline="shop",step="odd"`) {
		t.Errorf("/metrics: %d %s", code, body)
	}
	if code, body := get("/livez"); code != 200 || body != "ok\n" {
		t.Errorf("/livez: %d %s", code, body)
	}
	if code, body := get("/readyz?verbose"); code != 503 || body != "[-]pipeline draining\n[+]postgres ok\n" {
		t.Errorf("/readyz: %d %s", code, body)
	}
	ready = nil
	if code, body := get("/readyz"); code != 200 || body != "ok\n" {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, s *obs.Server, path, authorization string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// With a token only the probes answer everybody.
func TestServerToken(t *testing.T) {
	t.Parallel()
	s := obs.NewServer(prometheus.NewPedanticRegistry(), "secret")
	if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	for _, tc := range []struct {
		path, authorization string
		code                int
	}{
		{"/metrics", "", 401}, {"/metrics", "secret", 401}, {"/metrics", "Bearer secret2", 401}, {"/metrics", "Bearer secret", 200},
		{"/livez", "", 200}, {"/readyz", "", 200},
	} {
		if code, body := get(t, s, tc.path, tc.authorization); code != tc.code {
			t.Errorf("%s with %q: %d %s", tc.path, tc.authorization, code, body)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
