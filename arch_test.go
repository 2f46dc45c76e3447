package cdcpipe_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers is the architecture: a package may import packages of lower layers, and
// of its own layer only those below itself. A name that ends in /... stands for
// all packages below it.
var layers = []string{
	"pipeline/cdc pipeline/fault configs", // what a change is; what can go wrong; files
	"pipeline",                            // the engine: knows nothing of changes
	"pipeline/plugin pipeline/pipelinetest pipeline/letter pipeline/verify",              // its parts by name; testing them; what becomes of rejects; comparing replicas
	"coord coord/... obs obs/... stages/debezium",                                        // who runs what; what it looks like; formats of events
	"stages sources/... sinks/...",                                                       // the parts
	"pipeline/spec pipeline/dlq",                                                         // pipelines as files; working on letters
	"cmd/cdcpipe/devstack cmd/cdcpipe/realstack cmd/cdcpipe/vault cmd/cdcpipe/letterapi", // embedded servers; real ones; secrets; letters by HTTP
	"cmd/cdcpipe/demo cmd/cdcpipe/realstack/containers",                                  // the embedded default; real servers by Docker, for tests
	"cmd/...", // the programs
}

// engineDeps are the packages outside the standard library that the engine may
// bring along.
var engineDeps = []string{
	"github.com/bits-and-blooms/bitset", // of failsafe-go's circuit breaker
	"github.com/failsafe-go/failsafe-go",
}

const module = "cdcpipe"

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func list(t *testing.T, args ...string) (pkgs []pkg) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json=ImportPath,Standard,Imports"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// layerOf returns the layer of a package of this module, or -1 if it has none.
// An exact name counts before a pattern.
func layerOf(name string) int {
	for _, exact := range []bool{true, false} {
		for i, l := range layers {
			for p := range strings.FieldsSeq(l) {
				dir, pattern := strings.CutSuffix(p, "...")
				if exact && name == p || !exact && pattern && strings.HasPrefix(name, dir) {
					return i
				}
			}
		}
	}
	return -1
}

func ours(path string) (name string, ok bool) { return strings.CutPrefix(path, module+"/") }

// mayImport says why from must not import to, or nothing.
func mayImport(from, to string) string {
	fl, tl := layerOf(from), layerOf(to)
	switch {
	case tl < 0:
		return "which is in no layer"
	case tl > fl:
		return "which is in a higher layer"
	case tl == fl && !strings.HasPrefix(to, from+"/") && from != "cmd/cdcpipe":
		return "which is beside it"
	}
	return ""
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range list(t, "./...") {
		from, ok := ours(p.ImportPath)
		if !ok {
			continue // the root has nothing but this test and its documentation
		}
		if layerOf(from) < 0 {
			t.Errorf("%s is in no layer: add it to the table, where it belongs", from)
			continue
		}
		for _, imp := range p.Imports {
			if to, ok := ours(imp); ok {
				if why := mayImport(from, to); why != "" {
					t.Errorf("%s (layer %d) must not import %s (layer %d), %s", from, layerOf(from), to, layerOf(to), why)
				}
			} else if layerOf(from) == 0 && strings.Contains(imp, ".") {
				t.Errorf("%s must not import %s: it needs nothing but the standard library", from, imp)
			}
		}
	}
}

// Whoever embeds the engine gets little else.
func TestTheEngineBringsLittleAlong(t *testing.T) {
	for _, p := range list(t, "-deps", "./pipeline") {
		if p.Standard || p.ImportPath == module+"/pipeline" {
			continue
		}
		if !slices.ContainsFunc(engineDeps, func(d string) bool {
			return p.ImportPath == d || strings.HasPrefix(p.ImportPath, d+"/")
		}) {
			t.Errorf("the engine must not depend on %s", p.ImportPath)
		}
	}
}

// Docker's client is for tests.
func TestTheProgramKnowsNoDocker(t *testing.T) {
	for _, p := range list(t, "-deps", "./...") {
		if name, _ := ours(p.ImportPath); name == "cmd/cdcpipe/realstack/containers" || !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "github.com/ory/dockertest/") || imp == module+"/cmd/cdcpipe/realstack/containers" {
				t.Errorf("%s must not import %s", p.ImportPath, imp)
			}
		}
	}
}

// Whoever embeds a part brings the provider of spans along, and gets no exporter.
func TestSpansAreExportedByTheProgram(t *testing.T) {
	for _, p := range list(t, "./...") {
		name, _ := ours(p.ImportPath)
		for _, imp := range p.Imports {
			exporter := strings.HasPrefix(imp, "go.opentelemetry.io/otel/sdk") || strings.HasPrefix(imp, "go.opentelemetry.io/otel/exporters")
			if exporter && name != "obs/otlp" || imp == module+"/obs/otlp" && !strings.HasPrefix(name, "cmd/") {
				t.Errorf("%s must not import %s", p.ImportPath, imp)
			}
		}
	}
}

// The rule itself notices what it is for.
func TestMayImport(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		ok       bool
	}{
		{"pipeline", "pipeline/cdc", true}, // by layer; the engine's own test is stricter
		{"pipeline/cdc", "pipeline/fault", false},
		{"pipeline/plugin", "sources/kafka", false},
		{"sources/kafka", "sinks/postgres", false},
		{"sources/kafka", "pipeline/plugin", true},
		{"stages", "stages/debezium", true},
		{"stages/debezium", "stages", false},
		{"sinks/postgres", "sinks/postgres/pgserver", true},
		{"sinks/postgres/pgserver", "sinks/postgres", false},
		{"obs", "coord", false},
		{"cmd/cdcpipe", "cmd/demo", true},
		{"cmd/demo", "cmd/devstack", false},
		{"cmd/demo", "util", false},
	} {
		if why := mayImport(tc.from, tc.to); (why == "") != tc.ok {
			t.Errorf("%s imports %s: %q", tc.from, tc.to, why)
		}
	}
}
