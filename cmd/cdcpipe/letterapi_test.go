package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The admin API does what the commands do: it lists, shows, checks, sends and audits;
// changes want the token, and no page of another origin.
func TestLetterAPI(t *testing.T) {
	s := stack(t)
	_, stop, stderr := spoil(t, s, lettersFile)
	query := func(sql, want string) {
		t.Helper()
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() + "\n" + stderr.String() }, func() bool { return got() == want })
	}
	query("SELECT count(*) FROM cdcpipe.validation_errors", "1")
	query("SELECT count(*) FROM cdcpipe.dlq_archive", "1")
	at := "http://" + strings.TrimSuffix(regexp.MustCompile(`127\.0\.0\.1:\d+/metrics`).FindString(stderr.String()), "/metrics")
	ask := func(method, path, body, token, origin string) (int, string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text), res.Header.Get("Content-Type")
	}
	const resubmit, replay = "/v1/validation-errors/1/resubmit", "/v1/dead-letters/replay"
	for _, tc := range []struct {
		method, path, body, token, origin string
		status                            int
		want                              string
	}{
		{"GET", "/v1/validation-errors", "", "secret", "", 200, `"code":"CDC-2004"`},
		{"GET", "/v1/validation-errors?code=CDC-1", "", "secret", "", 200, `{"letters":[]}`},
		{"GET", "/v1/validation-errors?table=shop.orders&state=all&limit=1&key=customer&since=2026-01-01T00:00:00Z", "", "secret", "", 200, `"id":1`},
		{"GET", "/v1/validation-errors?state=lost", "", "secret", "", 422, `"location":"query.state"`},
		{"GET", "/v1/validation-errors?limit=5000", "", "secret", "", 422, "limit"},
		{"GET", "/v1/validation-errors?tabel=x", "", "secret", "", 422, "tabel"},
		{"GET", "/v1/validation-errors?table=a.b.c", "", "secret", "", 400, "CDC-6011"},
		{"GET", "/v1/validation-errors?code=2004", "", "secret", "", 400, "CDC-6011"},
		{"GET", "/v1/validation-errors", "", "wrong", "", 401, "bearer token"},
		{"GET", "/v1/validation-errors/1", "", "secret", "", 200, `"failures":[{"code":"CDC-2004","rule":"qty.min"`},
		{"GET", "/v1/validation-errors/99", "", "secret", "", 404, `"code":"CDC-8020"`},
		{"GET", "/v1/validation-errors/x", "", "secret", "", 422, "path.id"},
		{"GET", "/v1/dead-letters", "", "secret", "", 200, `"code":"CDC-1001"`},
		{"GET", "/v1/dead-letters/1", "", "secret", "", 200, `"value":"{\"op\":"`},
		{"DELETE", "/v1/dead-letters/1", "", "secret", "", 405, ""},
		{"POST", resubmit, `{"columns":{"qty":3}}`, "wrong", "", 401, "bearer token"},
		{"POST", resubmit, `{"columns":{"qty":3}}`, "secret", "http://elsewhere.example", 403, "cross-origin"},
		{"POST", resubmit, "", "secret", "", 422, "CDC-2004"},
		{"POST", resubmit, `{"columns":{"qty":-4}}`, "secret", "", 422, "qty.min"},
		{"POST", resubmit, `{"columns":{"qty":-4,"note":"far too long"}}`, "secret", "", 422, "note"},
		{"POST", resubmit, `{"columns":{"qty":"many"}}`, "secret", "", 422, "CDC-1008"},
		{"POST", resubmit, `{"columns":{"item":7}}`, "secret", "", 422, "part of the key"},
		{"POST", resubmit, `{"columns":{"nowhere":7}}`, "secret", "", 422, "CDC-1016"},
		{"POST", resubmit, `{"value":"garbage"}`, "secret", "", 422, "CDC-1001"},
		{"POST", resubmit, `{"value":{"op":"i"}}`, "secret", "", 422, "CDC-10"},
		{"POST", resubmit, `{"columns":{},"value":1}`, "secret", "", 400, "not both"},
		{"POST", resubmit, `{"column":{"qty":3}}`, "secret", "", 422, "unexpected property"},
		{"POST", resubmit, `{"columns":`, "secret", "", 400, ""},
		{"POST", "/v1/validation-errors/99/resubmit", `{"columns":{"qty":3}}`, "secret", "", 404, "CDC-8020"},
		{"POST", replay, `{}`, "secret", "", 400, "which letters"},
		{"POST", replay, `{"all":true,"dry_run":true}`, "secret", "", 200, `"matching":1`},
		{"POST", replay, `{"ids":[99]}`, "secret", "", 200, `"missing":1`},
		{"POST", replay, `{"state":"secret-word"}`, "secret", "", 422, "body.state"},
	} {
		status, body, kind := ask(tc.method, tc.path, tc.body, tc.token, tc.origin)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s %s by %s from %q: got %d %s", tc.method, tc.path, tc.body, tc.token, tc.origin, status, body)
		}
		if (status == 400 || status == 404 || status == 422) && kind != "application/problem+json" {
			t.Errorf("%s %s: got %d as %s", tc.method, tc.path, status, kind)
		}
		if strings.Contains(body, "secret-word") {
			t.Errorf("%s quotes what was sent: %s", tc.path, body)
		}
	}
	query("SELECT count(*) FROM cdcpipe.letter_audit", "0")
	query("SELECT status, resubmissions FROM cdcpipe.validation_errors", "open|0")
	if status, body, _ := ask("POST", resubmit, `{"columns":{"qty":3}}`, "secret", ""); status != 200 || !strings.Contains(body, `"sent":1`) {
		t.Errorf("got %d %s", status, body)
	}
	query("SELECT item, qty FROM shop.orders WHERE item = 2", "2|3")
	if status, body, _ := ask("POST", replay, `{"ids":[1]}`, "secret", ""); status != 200 || !strings.Contains(body, `"sent":1`) {
		t.Errorf("got %d %s", status, body)
	}
	query("SELECT count(*) FROM cdcpipe.dlq_archive", "2")
	if status, body, _ := ask("POST", replay, `{"all":true,"max_replays":1}`, "secret", ""); status != 200 || !strings.Contains(body, `"sent":0,"refused":[{"id":2,"code":"CDC-8022"`) {
		t.Errorf("got %d %s", status, body)
	}
	query("SELECT string_agg(action || letters || (actor LIKE 'admin API, from 127.%'), ',' ORDER BY id) FROM cdcpipe.letter_audit", "resubmitvalidation_errorstrue,resubmitdlq_archivetrue")
	if log := stderr.String(); strings.Count(log, `"msg":"audit","action":"resubmit"`) != 1 || strings.Count(log, `"msg":"audit","action":"replay"`) != 3 {
		t.Errorf("the log has not a line for each change:\n%s", log)
	}
	_, body, _ := ask("GET", "/v1/validation-errors/1", "", "secret", "")
	if !strings.Contains(body, `"history":[{"at":`) || !strings.Contains(body, `"state":"resubmitted"`) {
		t.Errorf("got %s", body)
	}
	status, body, _ := ask("GET", "/v1/openapi.json", "", "secret", "")
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("got %d %s, %v", status, body, err)
	}
	for path, method := range map[string]string{"/v1/validation-errors": "get", "/v1/validation-errors/{id}": "get", "/v1/validation-errors/{id}/resubmit": "post", "/v1/dead-letters": "get", "/v1/dead-letters/{id}": "get", replay: "post"} {
		if doc.Paths[path][method] == nil {
			t.Errorf("%s %s is not described", method, path)
		}
	}
	if code, stderr := stop(); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
