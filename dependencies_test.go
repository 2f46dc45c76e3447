package cdcpipe_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every dependency that the module imports itself stands in docs/dependencies.md
// with a reason and a licence, and nothing else does.
func TestDependenciesDoc(t *testing.T) {
	t.Parallel()
	mod, tools := contents(t, "go.mod"), contents(t, "tools.mod")
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*([a-z][^\s]*/[^\s]*) v[^\s]+$`).FindAllStringSubmatch(mod, -1) {
		want = append(want, m[1])
	}
	if len(want) == 0 {
		t.Fatal("go.mod marks every dependency as indirect: run go mod tidy")
	}
	for _, m := range regexp.MustCompile(`(?m)^tool ([^\s]+)$`).FindAllStringSubmatch(tools, -1) {
		module, _, _ := strings.Cut(m[1], "/cmd/")
		want = append(want, module)
	}
	var got []string
	for line := range strings.Lines(contents(t, "docs/dependencies.md")) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		name := strings.TrimSpace(cells[0])
		if len(cells) < 3 || name == "module" || strings.HasPrefix(name, "--") {
			continue
		}
		if slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" }) {
			t.Errorf("%s has no reason or no licence", name)
		}
		got = append(got, name)
	}
	for _, m := range want {
		if !slices.Contains(got, m) {
			t.Errorf("%s is not documented", m)
		}
	}
	for _, m := range got {
		if !slices.Contains(want, m) {
			t.Errorf("%s is documented, and not imported", m)
		}
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
