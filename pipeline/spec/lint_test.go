package spec_test

import (
	"fmt"
	"strings"
	"testing"

	"cdcpipe/pipeline/spec"
)

func TestLint(t *testing.T) {
	t.Parallel()
	lint := func(text string, vars ...string) string {
		var b strings.Builder
		for _, f := range mustParse(t, new(world), text, vars...).Lint() {
			fmt.Fprintln(&b, f.Code, &f.Problem)
		}
		return b.String()
	}
	if got := lint(whole, "DSN=postgres://u:hunter2@h/db"); got != "" {
		t.Errorf("nothing is doubtful, got\n%s", got)
	}
	golden(t, "testdata/lint.want", lint(`version: 1
name: shop
source: {use: kafka, with: {topics: [a], sasl: {user: u, password: hunter2}}}
stages:
  - decode
  - validate
  - {use: batch, with: {records: 1000, bytes: 4MiB}}
sink: {use: postgres, lanes: 8, with: {dsn: "postgres://u:hunter2@h/db"}}
outlets: {dead_letter: discard, invalid: discard, stale: discard}
limits: {in_flight: 7999, in_flight_bytes: 31MiB, drain_timeout: 4s}
admin: {listen: ":9464"}
redis: {address: "localhost:1", password: "${env:GONE:-hunter2}"}
`))
	if got := lint(showy, "TOPICS=a", "HOST=h", "CDCPIPE_SCHEMA__CASSANDRA__PASSWORD=x", "CDCPIPE_SOURCE__WITH__SASL__PASSWORD=hunter2"); strings.Count(got, "CDC-6104") != 2 || strings.Contains(got, "hunter2") {
		t.Errorf("got\n%s", got)
	}
}

func TestLintSecrets(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]bool{
		`x`: true, `"${env:DSN}"`: false, `"${env:GONE:-x}"`: true,
		`postgres://h/db`: false, `postgres://u@h/db`: false, `postgres://u:p@h/db`: true, `"postgres://h/db?password=p"`: true,
		`"postgres://u:${env:DSN}@h/db"`: false, `"${env:GONE:-postgres://h/db}"`: false, `"${env:GONE:-postgres://u:p@h/db}"`: true,
		`host=h dbname=d`: false, `host=h password=p`: true, `"host=h password=${env:DSN}"`: false, `"x${env:DSN}"`: false,
	} {
		found := mustParse(t, new(world), strings.ReplaceAll(whole, `"${env:DSN}"`, written), "DSN=d", "EMPTY=").Lint()
		if got := len(found) == 1 && found[0].Path == "sink.with.dsn"; got != want {
			t.Errorf("%s: got %v, want %v", written, found, want)
		}
	}
}

func TestLintUnresolved(t *testing.T) {
	t.Parallel()
	s, err := spec.Parse(t.Context(), "shop.yaml", []byte(whole), parts(new(world)), spec.Options{Environ: []string{}, Unresolved: true})
	if err != nil || len(s.Lint()) != 0 {
		t.Errorf("got %v, %v", s.Lint(), err)
	}
}
