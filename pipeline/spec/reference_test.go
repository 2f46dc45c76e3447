package spec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

func vault(_ context.Context, name string) (string, error) {
	if name != "kv/shop#password" {
		return "", errors.New("no secret there")
	}
	return "from the vault", nil
}

// dsn loads whole with the sink's address given, and returns what it stands for.
func dsn(t *testing.T, written string, opts spec.Options) (string, error) {
	t.Helper()
	var w world
	text := strings.ReplaceAll(whole, `"${env:DSN}"`, written)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if opts.Environ == nil {
		opts.Environ = []string{"A=a", "EMPTY=", "NESTED=${env:A}", "A=last", "broken"}
	}
	opts.Resolvers = map[string]spec.Resolver{"vault": spec.ResolverFunc(vault)}
	s, err := spec.Parse(t.Context(), filepath.Join(dir, "shop.yaml"), []byte(text), parts(&w), opts)
	if err != nil {
		return "", err
	}
	if _, err := s.Build(plugin.Env{}); err != nil {
		return "", err
	}
	return w.dsn, nil
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`plain`:                              "plain",
		`"${env:A}"`:                         "last",
		`"x${env:A}y${env:A}"`:               "xlastylast",
		`"${env:GONE:-fallback}"`:            "fallback",
		`"${env:EMPTY:-fallback}"`:           "fallback",
		`"x${env:EMPTY}"`:                    "x",
		`"x${env:GONE:-}"`:                   "x",
		`"${env:GONE:-a:-b: c}"`:             "a:-b: c",
		`"${env:NESTED}"`:                    "${env:A}", // what is found is not looked into
		`"${file:secret}"`:                   "from a file",
		`"${vault:kv/shop#password}"`:        "from the vault",
		`"$$x $ $y $${env:A} 5$"`:            "$x $ $y ${env:A} 5$",
		`"$${env:A}"`:                        "${env:A}",
		`"$$$${env:A} $$${env:A} ${env:A}}"`: "$${env:A} $last last}",
	} {
		if got, err := dsn(t, written, spec.Options{}); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", written, got, err, want)
		}
	}
}

// TestEscape: any text can be written with $$ for $.
func TestEscape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.StringMatching(`([$]|[{}]|env:|A|-|\n|"|ä|.){1,12}`).Draw(rt, "text")
		var w world
		text := strings.ReplaceAll(whole, `"${env:DSN}"`, strconv.Quote(strings.ReplaceAll(want, "$", "$$")))
		s, err := spec.Parse(context.Background(), "shop.yaml", []byte(text), parts(&w), spec.Options{Environ: []string{"A=a"}})
		if err != nil {
			rt.Fatal(err)
		}
		if got := s.Config.Sink.With.(*tableConfig).DSN; got != want {
			rt.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestReferencesFromElsewhere(t *testing.T) {
	t.Parallel()
	// A value from the environment is taken as it is, unless it is a reference.
	for value, want := range map[string]string{
		"pa$$word${x": "pa$$word${x", "x${env:A}": "x${env:A}", "${env:A}": "a", "${file:secret}": "from a file",
	} {
		env := spec.Options{Environ: []string{"A=a", "CDCPIPE_SINK__WITH__DSN=" + value}}
		if got, err := dsn(t, "overridden", env); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", value, got, err, want)
		}
		set := spec.Options{Environ: []string{"A=a", "CDCPIPE_SINK__WITH__DSN=less"}, Set: map[string]string{"sink.with.dsn": value}}
		if got, err := dsn(t, "overridden", set); err != nil || got != want {
			t.Errorf("set %s: got %q, %v, want %q", value, got, err, want)
		}
	}
}

func TestReferenceAskedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	_, err := spec.Parse(t.Context(), "shop.yaml", []byte(strings.ReplaceAll(whole, "${env:DSN}", "${vault:a} ${vault:a}")+"log: {level: \"${vault:a}\"}\n"), parts(new(world)), spec.Options{
		Environ: []string{},
		Resolvers: map[string]spec.Resolver{"vault": spec.ResolverFunc(func(context.Context, string) (string, error) {
			asked.Add(1)
			return "info", nil
		})},
	})
	if err != nil || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// TestResolvedIsNotTold looks for what references stand for in every error.
func TestResolvedIsNotTold(t *testing.T) {
	t.Parallel()
	const secret = "bad hunter2"
	text := strings.ReplaceAll(whole, "topics: [cdc.shop.users]", `topics: [a], batch: "${env:DSN}", buffer: "${env:DSN}"`) +
		"log: {level: \"${env:DSN}\"}\nadmin: {listen: \"x${env:DSN}\"}\nredis: {address: \"${env:DSN}\"}\nlimits: {in_flight: \"${env:DSN}\"}\n"
	_, err := parse(t, new(world), text, "DSN="+secret)
	if n := len(spec.Problems(err)); n != 7 {
		t.Errorf("got %d problems: %v", n, err)
	}
	if err == nil || strings.Contains(fmt.Sprintf("%v %+v %q", err, err, err), "hunter2") {
		t.Errorf("told: %v", err)
	}
}

// TestPartsAreNotTold: nor is a part of what an option is made of, or the whole of parts
// that are too short to be a secret, or more than one secret that begins another.
func TestPartsAreNotTold(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"part ${env:SECRET}":      "no table ${env:SECRET}",
		"bad${env:AB}${env:CD}":   `cannot read "bad${env:AB}${env:CD}"`,
		"part ${env:SHORT}":       "no table ${env:SHORT}",
		"part ${env:SECRET} more": "no table ${env:SECRET} more",
	} {
		text := strings.ReplaceAll(whole, "${env:DSN}", written) + "redis: {address: \"a:1\", password: \"${env:SHORT}\"}\n"
		_, err := parse(t, new(world), text, "SECRET=hunter2", "SHORT=hunt", "AB=ab", "CD=cd")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunt") || strings.Contains(err.Error(), "abcd") {
			t.Errorf("%s: got %v, want %s", written, err, want)
		}
	}
}

func TestUnresolved(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(whole, "max: 70", `max: "${env:MAX}", ratio: "${nowhere:x}"`)
	s, err := spec.Parse(t.Context(), "shop.yaml", []byte(text), parts(new(world)), spec.Options{Environ: []string{}, Unresolved: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Build(plugin.Env{}); !fault.Is(err, fault.ConfigReference) {
		t.Errorf("got %v", err)
	}
	if _, err := spec.Parse(t.Context(), "shop.yaml", []byte(text+"limits: {in_flight: 0}"), parts(new(world)), spec.Options{Environ: []string{}, Unresolved: true}); len(spec.Problems(err)) != 1 {
		t.Errorf("what is wrong besides: got %v", err)
	}
}

// TestLooseTypes: what a reference stands for is of the type that its option asks for.
func TestLooseTypes(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("topics: [cdc.shop.users]", `topics: "${env:LIST}", batch: "${env:N}", buffer: "${env:N}", sasl: {user: "${env:N}"}`,
		"max: 70", `max: "${env:N}", strict: "${env:YES}", ratio: "${env:N}", small: "${env:N}", since: "${env:SINCE}", other: {a: "${env:N}"}`,
		"every: 1m", `every: "${env:T}"`, "workers: 2", `workers: "${env:N}"`).Replace(whole)
	s := mustParse(t, new(world), text, "DSN=x", "LIST=a, b", "N=7", "YES=true", "SINCE=2026-01-31T12:00:00Z", "T=5s")
	if got, want := s.Config.Source.With.(*logConfig), (&logConfig{Topics: []string{"a", "b"}, Batch: 7, Buffer: 7, SASL: &saslConfig{User: "7"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want := &checkConfig{Max: 7, Strict: true, Ratio: 7, Small: 7, Since: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Other: map[string]any{"a": "7"}}
	if got := s.Config.Stages[1].With.(*checkConfig); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Config.Stages[2].With.(*batchConfig).Every; got != 5*time.Second || s.Config.Stages[1].Workers != 7 {
		t.Errorf("got %v and %d workers", got, s.Config.Stages[1].Workers)
	}
	if _, err := parse(t, new(world), text, "DSN=x", "LIST=", "N=7", "YES=true", "SINCE=2026-01-31T12:00:00Z", "T=5s"); err == nil || !strings.Contains(err.Error(), "source.with.topics: is required") {
		t.Errorf("an empty list: got %v", err)
	}
}
