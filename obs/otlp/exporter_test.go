package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"cdcpipe/obs/otlp"
	"cdcpipe/pipeline/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A received collector keeps what it is sent, by either protocol.
type received struct {
	collector.UnimplementedTraceServiceServer
	mu     sync.Mutex
	spans  []string
	about  string // the resource
	status int
	hold   chan struct{} // answers wait until it is closed, if it is not nil
}

func (r *received) take(req *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range req.GetResourceSpans() {
		r.about = rs.GetResource().String()
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				r.spans = append(r.spans, s.GetName())
			}
		}
	}
}

func (r *received) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.spans)
}

func (r *received) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.take(req)
	return &collector.ExportTraceServiceResponse{}, nil
}

func (r *received) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.hold != nil {
		<-r.hold
	}
	if r.status != 0 {
		http.Error(w, "no", r.status)
		return
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	var m collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.take(&m)
}

// serve starts a collector and returns its URL.
func serve(t *testing.T, r *received) string {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL
}

func export(t *testing.T, cfg otlp.Config) (*otlp.Exporter, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	cfg.Service, cfg.Version, cfg.Instance = "cdcpipe", "1.2", "host-7"
	e, err := otlp.New(t.Context(), cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return e, log
}

func spans(e *otlp.Exporter, n int) {
	for range n {
		_, s := e.TracerProvider().Tracer("test").Start(context.Background(), "x")
		s.End()
	}
}

// counted compares the counts of spans.
func counted(t *testing.T, e *otlp.Exporter, exported, dropped string) {
	t.Helper()
	if err := testutil.CollectAndCompare(e, strings.NewReader(`
# HELP cdcpipe_spans_total Spans that a collector took, and those that were dropped.
# TYPE cdcpipe_spans_total counter
cdcpipe_spans_total{result="dropped"} `+dropped+`
cdcpipe_spans_total{result="exported"} `+exported+"\n")); err != nil {
		t.Error(err)
	}
}

func end(t *testing.T, e *otlp.Exporter, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestExport(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
	r := new(received)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	collector.RegisterTraceServiceServer(g, r)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	defer func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for _, cfg := range []otlp.Config{{Endpoint: serve(t, r)}, {Endpoint: "http://" + l.Addr().String(), Protocol: otlp.GRPC}} {
		r.spans = nil
		e, log := export(t, cfg)
		spans(e, 1000)
		end(t, e, time.Minute)
		counted(t, e, "1000", "0")
		if r.count() != 1000 || log.Len() != 0 {
			t.Errorf("%s: %d spans arrived\n%s", cfg.Protocol, r.count(), log)
		}
		for _, want := range []string{"service.name", "cdcpipe", "host-7", "1.2", "deployment.environment.name", "staging", "telemetry.sdk.language"} {
			if !strings.Contains(r.about, want) {
				t.Errorf("%s: the resource has no %s: %s", cfg.Protocol, want, r.about)
			}
		}
	}
}

func TestRatio(t *testing.T) {
	r, none := new(received), 0.0
	e, _ := export(t, otlp.Config{Endpoint: serve(t, r), Ratio: &none})
	spans(e, 100)
	end(t, e, time.Minute)
	counted(t, e, "0", "0")
	if r.count() != 0 {
		t.Errorf("%d spans", r.count())
	}
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	all := 1.0
	e, _ = export(t, otlp.Config{Endpoint: serve(t, r), Ratio: &all})
	spans(e, 100)
	end(t, e, time.Minute)
	counted(t, e, "100", "0")
}

// A collector that fails is logged once, until it takes spans again.
func TestCollectorDown(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	r := &received{status: http.StatusBadRequest}
	e, log := export(t, otlp.Config{Endpoint: serve(t, r)})
	for range 3 {
		spans(e, 512)
	}
	end(t, e, time.Minute)
	counted(t, e, "0", "1536")
	if n := strings.Count(log.String(), string(fault.CollectorDown)); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
}

// A collector that does not answer neither holds up whoever ends spans nor the end.
func TestCollectorSlow(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
	r := &received{hold: make(chan struct{})}
	e, log := export(t, otlp.Config{Endpoint: serve(t, r)})
	t.Cleanup(func() { close(r.hold) }) // before the server ends
	begun := time.Now()
	spans(e, 20_000)
	end(t, e, 100*time.Millisecond)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	counted(t, e, "0", "20000")
	if !strings.Contains(log.String(), string(fault.CollectorDown)) {
		t.Errorf("logged:\n%s", log)
	}
}

func TestWanted(t *testing.T) {
	for _, v := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		t.Setenv(v, "")
	}
	for _, tc := range []struct {
		variable, value  string
		unasked, ifAsked bool
	}{
		{"OTEL_SDK_DISABLED", "", false, true},
		{"OTEL_SDK_DISABLED", "True", false, false},
		{"OTEL_TRACES_EXPORTER", "none", false, false},
		{"OTEL_TRACES_EXPORTER", "otlp", true, true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:4318", true, true},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://x:4318/v1/traces", true, true},
	} {
		t.Run(tc.variable+"="+tc.value, func(t *testing.T) {
			t.Setenv(tc.variable, tc.value)
			if got := otlp.Wanted(false); got != tc.unasked {
				t.Errorf("unasked: %v", got)
			}
			if got := otlp.Wanted(true); got != tc.ifAsked {
				t.Errorf("asked: %v", got)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, v := range []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		t.Run(v, func(t *testing.T) {
			t.Setenv(v, "pigeon")
			if _, err := otlp.New(t.Context(), otlp.Config{}, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.ConfigValue) || !strings.Contains(err.Error(), v) {
				t.Errorf("got %v", err)
			}
		})
	}
}
