package realstack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cdcpipe/pipeline/fault"
)

// fakeMaven puts a mvn on PATH that runs a script, with the directory that jars
// belong in as $out.
func fakeMaven(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	program(t, filepath.Join(bin, "mvn"), `for a; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done; mkdir -p "$out"; `+script)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

var testLibrary = library{Name: "lib-1", Coordinates: []coordinate{{"g", "a", "1"}}, Needs: []string{"a-1.jar", "b-*.jar"}}

// Whoever comes at once waits for the one that fetches; what is there is not
// fetched again.
func TestFetchOnce(t *testing.T) {
	cache := t.TempDir()
	runs := filepath.Join(t.TempDir(), "runs")
	fakeMaven(t, `grep -q '<artifactId>a</artifactId>' pom.xml || exit 9; echo x >>`+runs+`; sleep 0.2; echo jar >"$out/a-1.jar"; echo jar >"$out/b-2.jar"`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			dir, err := testLibrary.fetch(t.Context(), cache, "/none", func(string) {})
			if err != nil {
				t.Error(err)
			} else if err := testLibrary.whole(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if b, _ := os.ReadFile(runs); string(b) != "x\n" {
		t.Errorf("Maven ran as often as %q", b)
	}
	t.Setenv("PATH", "")
	if _, err := testLibrary.fetch(t.Context(), cache, "/none", func(string) {}); err != nil {
		t.Errorf("with everything there, Maven is needed: %v", err)
	}
}

// A download that fails, is cut short or is given up is never taken for whole.
func TestFetchIncomplete(t *testing.T) {
	cache := t.TempDir()
	fetch := func(ctx context.Context) error {
		_, err := testLibrary.fetch(ctx, cache, "/none", func(string) {})
		return err
	}
	fakeMaven(t, `echo jar >"$out/a-1.jar"; echo "no route to the repository"; exit 1`)
	if err := fetch(t.Context()); !fault.Is(err, fault.ArtifactMissing) || !strings.Contains(err.Error(), "no route") {
		t.Errorf("Maven fails: %v", err)
	}
	fakeMaven(t, `echo jar >"$out/a-1.jar"; : >"$out/b-1.jar"`)
	if err := fetch(t.Context()); !fault.Is(err, fault.ArtifactMissing) || !strings.Contains(err.Error(), "b-1.jar is empty") {
		t.Errorf("an empty jar: %v", err)
	}
	fakeMaven(t, `echo jar >"$out/a-1.jar"; sleep 60`)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up: %v", err)
	}
	// As a killed process leaves it.
	if err := os.MkdirAll(filepath.Join(cache, "lib-1.new.X", "jars"), 0o755); err != nil {
		t.Fatal(err)
	}
	if testLibrary.whole(filepath.Join(cache, "lib-1")) == nil {
		t.Error("what is not whole counts as it")
	}
	fakeMaven(t, `echo jar >"$out/a-1.jar"; echo jar >"$out/b-1.jar"`)
	if err := fetch(t.Context()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "*.new.*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestMavenMissing(t *testing.T) {
	t.Setenv("PATH", "")
	if _, err := testLibrary.fetch(t.Context(), t.TempDir(), "/none", func(string) {}); !fault.Is(err, fault.MavenMissing) {
		t.Errorf("got %v", err)
	}
}

func TestPickJava(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	home := func(version string) string {
		h := filepath.Join(dir, version)
		program(t, filepath.Join(h, "bin", "java"), `echo 'openjdk version "`+version+`" 2025-04-15' >&2`)
		return h
	}
	old, wanted := home("1.8.0_402"), home("17.0.15")
	if got, err := pickJava(t.Context(), []string{dir, old, home("21"), wanted}); err != nil || got != wanted {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := pickJava(t.Context(), []string{dir, old}); !fault.Is(err, fault.JavaMissing) || !strings.Contains(err.Error(), old+" is 8") {
		t.Errorf("got %v", err)
	}
}
