package obs_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"cdcpipe/obs"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// What parts count themselves and what leaves, by table, are metrics like any other.
func TestMeasures(t *testing.T) {
	t.Parallel()
	stats := func() pipeline.Stats {
		return pipeline.Stats{Pipeline: "shop", Steps: []pipeline.StepStats{{Name: "a"}, {Name: "b", Measures: []pipeline.Measure{
			{Name: "broken_rules_total", Help: "Rules.", Labels: []pipeline.Label{{Name: "rule", Value: "x\xff"}}, Value: 3}, {Name: "share", Help: "Share.", Value: 0.5},
		}}}}
	}
	d := obs.NewDiverted("shop")
	event := &cdc.Event{Topic: "cdc.shop.users"}
	d.Note(pipeline.Reject{Step: "decode", Outlet: pipeline.DeadLetter, Cause: fault.New(fault.MalformedJSON, "x"), Origin: event})
	d.Note(pipeline.Reject{Step: "decode", Outlet: pipeline.DeadLetter, Cause: fault.New(fault.MalformedJSON, "y"), Origin: event})
	d.Note(pipeline.Reject{Step: "b", Outlet: pipeline.Stale, Cause: errors.New("x")})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(obs.NewMeasures(stats), d)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP cdcpipe_broken_rules_total Rules.
# TYPE cdcpipe_broken_rules_total counter
cdcpipe_broken_rules_total{pipeline="shop",rule="x�",step="b"} 3
# HELP cdcpipe_letters_total Records that left by an outlet, by table and code.
# TYPE cdcpipe_letters_total counter
cdcpipe_letters_total{code="CDC-0000",outlet="stale",pipeline="shop",step="b",table=""} 1
cdcpipe_letters_total{code="CDC-1001",outlet="dead_letter",pipeline="shop",step="decode",table="shop.users"} 2
# HELP cdcpipe_share Share.
# TYPE cdcpipe_share gauge
cdcpipe_share{pipeline="shop",step="b"} 0.5
`)); err != nil {
		t.Error(err)
	}
}

// Nothing is changed without a token, and nothing for another origin.
func TestHandle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		token, sent, method, site string
		want                      int
	}{
		{"secret", "Bearer secret", http.MethodPost, "", 200},
		{"secret", "Bearer secret", http.MethodPost, "cross-site", 403},
		{"secret", "Bearer secret", http.MethodGet, "cross-site", 200},
		{"secret", "", http.MethodPost, "", 401},
		{"secret", "", http.MethodGet, "", 401},
		{"", "", http.MethodGet, "", 200},
		{"", "Bearer ", http.MethodPost, "", 403},
	} {
		s := obs.NewServer(prometheus.NewRegistry(), tc.token)
		s.Handle("/v1/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		req, err := http.NewRequestWithContext(t.Context(), tc.method, "http://"+s.Addr()+"/v1/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", tc.sent)
		if tc.site != "" {
			req.Header.Set("Sec-Fetch-Site", tc.site)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tc.want {
			t.Errorf("%+v: got %d", tc, res.StatusCode)
		}
		if err := errors.Join(s.Close(t.Context()), <-served); err != nil {
			t.Error(err)
		}
	}
}
