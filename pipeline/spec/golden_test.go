package spec_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cdcpipe/pipeline/spec"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// golden compares got with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// TestErrors loads files that are wrong, each beside what is said about it.
func TestErrors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			opts := spec.Options{Environ: []string{"SECRET=hunter2hunter2", "NUMBER=seventy", "CDCPIPE_PG_BIN=/usr/bin"}}
			if strings.HasSuffix(file, "/layers.yaml") {
				opts.Environ = append(opts.Environ, "CDCPIPE_LIMITS__DRAIN_TIMEOUT=soon", "CDCPIPE_LIMIT__IN_FLIGHT=1", "CDCPIPE_SINK__WITH__DSN=${env:GONE}")
				opts.Set = map[string]string{"commit.records": "many", "sink.with.dns": "x"}
			}
			s, err := spec.Load(t.Context(), file, parts(new(world)), opts)
			if err == nil || s != nil {
				t.Fatalf("got %v, %v", s, err)
			}
			var got strings.Builder
			for _, f := range spec.Problems(err) {
				fmt.Fprintln(&got, strings.ReplaceAll(f.Error(), "testdata/errors/", ""))
			}
			if text := strings.ReplaceAll(err.Error(), "testdata/errors/", "") + "\n"; text != got.String() {
				t.Errorf("the error is\n%s\nand its problems are\n%s", text, &got)
			}
			if strings.Contains(got.String(), "hunter2") || strings.Contains(got.String(), "seventy") {
				t.Errorf("a value is told: %s", &got)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".want", got.String())
		})
	}
}
