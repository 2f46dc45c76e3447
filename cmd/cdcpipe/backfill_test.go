package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cdcpipe/configs"
)

const staleFile = `version: 1
name: stale
schema: {cql: [tables.cql]}
source: {use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"], topics: [cdc.shop.orders, cdc.shop.users], group: stale, metadata_max_age: 1s}}
stages:
  - decode
  - use: validate
    with: {tables: [{match: shop.orders, columns: {qty: {min: 0}}}]}
  - use: stale_check
    with: {policy: refuse, tables: [{match: shop.users, policy: audit}]}
sink: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
outlets:
  dead_letter: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
  invalid: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
  stale: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
admin: {listen: "127.0.0.1:0", token: secret}
`

// Old changes of one table are refused until the switch says otherwise, and again
// after it; those of another, whose policy is audit, are merged all the while.
func TestBackfill(t *testing.T) {
	s := stack(t)
	t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
	t.Setenv("PG_DSN", s.DSN())
	dir := t.TempDir()
	tables, err := configs.FS.ReadFile("tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"stale.yaml": []byte(staleFile), "tables.cql": tables} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	produce(t, s.Brokers(), shop()...)
	var stdout bytes.Buffer
	var stderr watched
	ended := make(chan int, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		ended <- run(ctx, []string{"cdcpipe", "run", "-f", filepath.Join(dir, "stale.yaml")}, &stdout, &stderr)
	}()
	query := func(sql, want string) {
		t.Helper()
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() + "\n" + stderr.String() }, func() bool { return got() == want })
	}
	query("SELECT count(*), min(code), min(table_name), bool_and(winner IS NULL AND written > 0) FROM cdcpipe.staleness_audit", "3|CDC-5002|orders|t")
	query("SELECT age FROM shop.users", "30")
	query("SELECT f->>'rule', record->'columns'->>'qty', status FROM cdcpipe.validation_errors, jsonb_array_elements(failures) AS f", "qty.min|-3|open")
	query("SELECT rule, column_name, table_name FROM cdcpipe.error_log WHERE outlet = 'invalid'", "qty.min|qty|orders")

	at := "http://" + regexp.MustCompile(`127\.0\.0\.1:\d+/metrics`).FindString(stderr.String())
	at = strings.TrimSuffix(at, "/metrics")
	ask := func(method, path, body, token, origin string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
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
		return res.StatusCode, string(text)
	}
	for _, tc := range []struct {
		method, body, token, origin string
		status                      int
		want                        string
	}{
		{"GET", "", "secret", "", 200, `{"backfill":false,"refuses":true}`},
		{"POST", `{"backfill": true}`, "wrong", "", 401, "bearer token"},
		{"POST", `{"backfill": true}`, "secret", "http://elsewhere.example", 403, "cross-origin"},
		{"POST", `{"backfill": 1}`, "secret", "", 400, "the body must be"},
		{"POST", `{}`, "secret", "", 400, "the body must be"},
		{"POST", `{"backfill": true, "x": 1}`, "secret", "", 400, "the body must be"},
		{"DELETE", "", "secret", "", 405, "Method Not Allowed"},
		{"GET", "", "secret", "", 200, `"backfill":false`},
		{"POST", `{"backfill": true}`, "secret", "", 200, `{"backfill":true,"refuses":true}`},
	} {
		if status, body := ask(tc.method, "/v1/backfill", tc.body, tc.token, tc.origin); status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s by %s from %q: got %d %s", tc.method, tc.body, tc.token, tc.origin, status, body)
		}
	}
	if strings.Count(stderr.String(), `"action":"backfill"`) != 1 {
		t.Errorf("the log has not one line about the switch:\n%s", stderr.String())
	}
	produce(t, s.Brokers(), shop()...)
	query("SELECT qty FROM shop.orders", "7")
	_, metrics := ask("GET", "/metrics", "", "secret", "")
	for _, want := range []string{
		`cdcpipe_letters_total{code="CDC-5002",outlet="stale",pipeline="stale",step="stale_check",table="shop.orders"} 3`,
		`cdcpipe_validation_errors_total{pipeline="stale",rule="qty.min",severity="error",step="validate",table="shop.orders"} 2`,
		`cdcpipe_stale_backfill{pipeline="stale",step="stale_check"} 1`, `cdcpipe_validation_alert{pipeline="stale",step="validate"} 0`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, metrics)
		}
	}
	if status, body := ask("POST", "/v1/backfill", `{"backfill": false}`, "secret", ""); status != 200 || !strings.Contains(body, "false") {
		t.Errorf("got %d %s", status, body)
	}
	produce(t, s.Brokers(), shop()[:3]...)
	query("SELECT count(*) FROM cdcpipe.staleness_audit WHERE code = 'CDC-5002'", "6")
	stop()
	if code := <-ended; code != 0 || stdout.Len() > 0 {
		t.Errorf("exit %d, %s%s", code, stdout.String(), stderr.String())
	}
}
