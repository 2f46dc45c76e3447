package cdcpipe_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// documents returns the documentation by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			docs[path] = contents(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// Links of the documentation lead somewhere: to files, and to headings in them.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	docs["README.md"] = contents(t, "README.md")
	for path, text := range docs {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", path, m[1])
			} else if heading != "" && !anchors(contents(t, target))[heading] {
				t.Errorf("%s: %s has no such heading", path, m[1])
			}
		}
	}
}

// anchors returns the names that headings have in links.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

// Tests, benchmarks and examples that the documentation names exist.
func TestDocsNames(t *testing.T) {
	t.Parallel()
	defined := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, m := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllStringSubmatch(contents(t, path), -1) {
				defined[m[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range documents(t) {
		for _, name := range regexp.MustCompile("`(?:Test|Benchmark|Example_|Fuzz)\\w+`").FindAllString(text, -1) {
			if !defined[strings.Trim(name, "`")] {
				t.Errorf("%s: there is no %s", path, name)
			}
		}
	}
}

// Lines fit a window, but for those of tables and of blocks, which cannot be broken.
func TestDocsWidth(t *testing.T) {
	t.Parallel()
	const width = 120
	for path, text := range documents(t) {
		for i, line := range strings.Split(text, "\n") {
			if utf8.RuneCountInString(line) > width && !strings.HasPrefix(line, "|") && path != filepath.Join("docs", "reference", "fidelity.md") {
				t.Errorf("%s:%d: more than %d characters", path, i+1, width)
			}
		}
	}
}
