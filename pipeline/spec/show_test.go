package spec_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/spec"
)

const showy = `# A file with all sorts of values.
version: 1
name: shop
x-dlq: &dlq {use: kafka, with: {topic: "${env:TOPIC:-dead letters}"}}
schema:
  cql: [schema.cql]
  cassandra: {hosts: [a], password: "${vault:kv/shop#password}", tls: {ca: ca.pem}}
source:
  use: kafka
  with:
    topics: ${env:TOPICS}
    batch: 0x10
    buffer: 2MiB
    sasl: {user: "it's", password: "${env:PASSWORD:-hunter2}"}
stages:
- decode
- use: validate
  workers: 2
  with: {rules: [{name: old, age: 90s}], other: {a: [1, null, {b: true}]}, since: 2026-01-31T12:00:00Z}
sink: {use: postgres, retry: {max: 10s}, with: {dsn: "postgres://u:hunter2@${env:HOST}/db"}}
outlets: {dead_letter: *dlq, invalid: *dlq, stale: discard}
redis: {address: "localhost:6379", password: hunter2}
canary: {every: 2s}
`

func showySpec(t *testing.T, w *world) *spec.Spec {
	t.Helper()
	s, err := spec.Parse(t.Context(), "conf/shop.yaml", []byte(showy), parts(w), spec.Options{
		Environ:   []string{"TOPICS=one,two", "HOST=pg", "CDCPIPE_ADMIN__TOKEN=hunter2", "CDCPIPE_COMMIT__RECORDS=5"},
		Resolvers: map[string]spec.Resolver{"vault": spec.ResolverFunc(vault)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShow(t *testing.T) {
	t.Parallel()
	s := showySpec(t, new(world))
	for file, defaults := range map[string]bool{"testdata/show.yaml": false, "testdata/show-defaults.yaml": true} {
		got, err := s.Show(defaults)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), "hunter2") {
			t.Errorf("a secret is shown:\n%s", got)
		}
		golden(t, file, string(got))

		// What is shown is a configuration, and shows as it did.
		again, err := spec.Parse(t.Context(), "shown.yaml", got, parts(new(world)), spec.Options{Environ: []string{}, Unresolved: true})
		if err != nil {
			t.Errorf("%s does not load: %v", file, err)
			continue
		}
		if twice, _ := again.Show(defaults); string(twice) != string(got) {
			t.Errorf("%s shows as\n%s", file, twice)
		}
	}
}
