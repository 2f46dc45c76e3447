package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

// TestLayers: the caller's options lie over the environment, that over the file, and
// that over the defaults.
func TestLayers(t *testing.T) {
	t.Parallel()
	s, err := spec.Parse(t.Context(), "shop.yaml", []byte(whole+"limits: {in_flight: 1, in_flight_bytes: 2, drain_timeout: 3s}\nlog:\n"), parts(new(world)), spec.Options{
		Environ: []string{
			"CDCPIPE_LIMITS__IN_FLIGHT_BYTES=1KiB", "CDCPIPE_LIMITS__DRAIN_TIMEOUT=4s", "CDCPIPE_NAME=other", "CDCPIPE_SINK__WITH__DSN=dsn",
			"CDCPIPE_SOURCE__WITH__TOPICS=a.b,c", "CDCPIPE_OUTLETS__STALE__USE=discard", "CDCPIPE_LOG__FORMAT=text",
			"CDCPIPE_VERSION=7", "CDCPIPE_PG_BIN=x", "OTHER__THING=y", "CDCPIPE_SINK__LANES=2",
		},
		Set: map[string]string{"limits.drain_timeout": "5s", "sink.with.dsn": "set", "stages": "decode, sample"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config
	if got, want := c.Limits, (spec.Limits{InFlight: 1, InFlightBytes: 1024, DrainTimeout: 5 * time.Second}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(c.Stages) != 2 || c.Stages[1].Use != "sample" {
		t.Errorf("got %+v", c.Stages)
	}
	if shown, err := s.Show(false); err != nil || !strings.Contains(string(shown), "- use: sample") {
		t.Errorf("got %s, %v", shown, err)
	}
	if c.Name != "other" || c.Log.Format != "text" || c.Log.Level != "info" || c.Commit.Records != 1000 || c.Sink.Lanes != 2 {
		t.Errorf("got %+v", c)
	}
	if got := c.Source.With.(*logConfig).Topics; len(got) != 2 || got[0] != "a.b" {
		t.Errorf("got %q", got)
	}
	if got := c.Sink.With.(*tableConfig).DSN; got != "set" {
		t.Errorf("got %q", got)
	}
}

func TestLayersClash(t *testing.T) {
	t.Parallel()
	for range 20 { // whatever the order of maps
		_, err := parse(t, new(world), whole, "DSN=x", "CDCPIPE_SINK__WITH=a", "CDCPIPE_SINK__WITH__DSN=b")
		if ps := spec.Problems(err); len(ps) == 0 || !strings.Contains(err.Error(), "environment variable CDCPIPE_SINK__WITH__DSN: is given together with the environment variable CDCPIPE_SINK__WITH, which it lies within") {
			t.Fatalf("got %v", err)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	_, err := spec.Load(t.Context(), "no/such.yaml", parts(new(world)), spec.Options{})
	if !fault.Is(err, fault.ConfigFile) || !strings.Contains(err.Error(), "no/such.yaml") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	write(t, dir, "shop.yaml", strings.ReplaceAll(whole, "${env:DSN}", "${file:secrets/dsn}")+"schema: {cassandra: {hosts: [a], tls: {ca: ca.pem, cert: /c, key: k}}}\n")
	write(t, dir, "secrets/dsn", "dsn\r\n")
	s, err := spec.Load(t.Context(), filepath.Join(dir, "shop.yaml"), parts(new(world)), spec.Options{Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Config.Sink.With.(*tableConfig).DSN; got != "dsn" {
		t.Errorf("got %q", got)
	}
	if got, want := s.Config.Schema.Cassandra.TLS, (plugin.TLS{CA: filepath.Join(dir, "ca.pem"), Cert: "/c", Key: plugin.Secret(filepath.Join(dir, "k"))}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Config.Schema.Cassandra.Port; got != 9042 {
		t.Errorf("got port %d", got)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "types.cql", "USE shop;\nCREATE TYPE address (street text);\n")
	write(t, dir, "cql/tables.cql", "CREATE TABLE users (id int PRIMARY KEY, home frozen<address>);\n")
	load := func(files string) (*spec.Spec, error) {
		text := whole + "schema: {cql: [" + files + "]}\n"
		return spec.Parse(t.Context(), filepath.Join(dir, "shop.yaml"), []byte(text), parts(new(world)), spec.Options{Environ: []string{"DSN=x"}})
	}
	s, err := load("types.cql, cql/tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Catalog(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Lookup("shop", "users") == nil {
		t.Errorf("got %v", c.Tables())
	}

	write(t, dir, "broken.cql", "\n\nCREATE TABLE users (id nonsense PRIMARY KEY);\n")
	for files, want := range map[string]string{
		"types.cql, gone.cql": "shop.yaml:13:15: schema.cql[1]: open ", "types.cql, broken.cql, cql/tables.cql": filepath.Join(dir, "broken.cql") + ":3:",
	} {
		s, err := load(files)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Catalog(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", files, err, want)
		}
	}
}

// TestInline: the fields of an inlined struct are options of the struct around it.
func TestInline(t *testing.T) {
	t.Parallel()
	type Common struct {
		Name string `yaml:"name"`
	}
	type config struct {
		Common `yaml:",inline"`
		Plain  int
		Hidden int `yaml:"-"`
		hidden int
	}
	r := parts(new(world))
	var got config
	plugin.Judge(r, "inline", "", config{}, func(_ plugin.Env, c config) (pipeline.Judge, error) {
		got = c
		return pipeline.JudgeFunc(func(*pipeline.Header) error { return nil }), nil
	})
	text := strings.Replace(whole, "- decode", "- {use: inline, with: {name: a, plain: 2}}\n  - decode", 1)
	if _, err := spec.Parse(t.Context(), "shop.yaml", []byte(text), r, spec.Options{Environ: []string{"DSN=x"}}); err != nil {
		t.Fatal(err)
	}
	if got.Name != "a" || got.Plain != 2 || got.hidden != 0 {
		t.Errorf("got %+v", got)
	}
	if err := validate(compiled(t, r), []byte(text)); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"hidden", "Hidden", "common"} {
		_, err := spec.Parse(t.Context(), "shop.yaml", []byte(strings.Replace(text, "plain:", key+":", 1)), r, spec.Options{Environ: []string{"DSN=x"}})
		if !fault.Is(err, fault.ConfigUnknown) {
			t.Errorf("%s: got %v", key, err)
		}
	}
}
