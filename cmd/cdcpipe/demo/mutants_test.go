package demo_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A mutant is the merge with one deliberate bug, and the test that must notice.
type mutant struct{ name, file, old, new, pkg, test string }

const (
	here = "./cmd/cdcpipe/demo"
	sink = "./sinks/postgres"
)

var mutants = []mutant{
	{"no ties", "sinks/postgres/mergesql.go", `u.compete(ts, rank("EXCLUDED")+" > "+rank("t"), shadows)`, `_ = rank; u.compete(ts, "false", shadows)`, here, "TestMergeAgreesWithOracle"},
	{"ties without values", "sinks/postgres/mergesql.go", `return "coalesce(" + stored + ", '')"`, `return "coalesce(NULL::bytea, substr(" + stored + ", 1, 0), '')"`, here, "TestMergeAgreesWithOracle"},
	{"integers tie as signed", "sinks/postgres/coltype.go", `"int4send(%s)"`, `"int8send(%s::bigint + 2147483648)"`, here, "TestMergeAgreesWithOracle"},
	{"a value beats a tombstone", "sinks/postgres/mergesql.go", "THEN %[4]d ELSE 0 END", "THEN -%[4]d ELSE 0 END", here, "TestMergeAgreesWithOracle"},
	{"older cells win", "sinks/postgres/mergesql.go", "(EXCLUDED.%[1]s > t.%[1]s OR t.%[1]s IS NULL AND EXCLUDED.%[1]s IS NOT NULL OR EXCLUDED.%[1]s = t.%[1]s AND %[2]s)", "(EXCLUDED.%[1]s IS NOT NULL OR %[2]s)", here, "TestMergeAgreesWithOracle"},
	{"a deletion loses ties", "sinks/postgres/viewsql.go", "%[1]s.%[3]s > %[1]s.%[2]s)", "%[1]s.%[3]s >= %[1]s.%[2]s)", here, "TestMergeAgreesWithOracle"},
	{"what expired is shown", "sinks/postgres/viewsql.go", "OR %[1]s.%[4]s > n.s OR", "OR %[1]s.%[4]s > 0 OR", here, "TestMergeAgreesWithOracle"},
	{"rows without markers", "sinks/postgres/viewsql.go", `IS NOT NULL AND " + marker.visible("t")`, `IS NULL AND " + marker.visible("t")`, here, "TestMergeAgreesWithOracle"},
	{"rows by markers alone", "sinks/postgres/viewsql.go", `lives = append(lives, l.regular()[i].live("t"))`, `_ = i`, here, "TestMergeAgreesWithOracle"},
	{"late rows miss ranges", "sinks/postgres/mergesql.go", `"GREATEST(%s, q.%s, r.del)"`, `"GREATEST(%s, q.%s)"`, here, "TestMergeAgreesWithOracle"},
	{"late rows miss partitions", "sinks/postgres/mergesql.go", `fmt.Sprintf("GREATEST(%s, q.%s, r.del)", deleted, del)`, `fmt.Sprintf("GREATEST(%s, r.del)", deleted)`, here, "TestMergeAgreesWithOracle"},
	{"partitions spare rows", "sinks/postgres/mergesql.go", "(t.%[5]s IS NULL OR t.%[5]s < q.%[5]s)", "(t.%[5]s < q.%[5]s)", here, "TestMergeAgreesWithOracle"},
	{"ranges spare rows", "sinks/postgres/mergesql.go", "(t.%[3]s IS NULL OR t.%[3]s < g.del)", "(t.%[3]s < g.del)", here, "TestMergeAgreesWithOracle"},
	{"any range will do", "sinks/postgres/mergesql.go", "max(q.del) AS del", "min(q.del) AS del", sink, "TestRangesOverlap"},
	{"descending is ascending", "pipeline/cdc/order.go", "b[j] = ^b[j]", "_ = j", here, "TestMergeAgreesWithOracle"},
	{"bounds on the wrong side", "pipeline/cdc/order.go", "return append(b, markAfter)", "return append(b, markBefore)", here, "TestMergeAgreesWithOracle"},
	{"a batch forgets", "sinks/postgres/batch.go", "	r.Row.Merge(c)\n", "", here, "TestMergeAgreesWithOracle"},
	{"a batch breaks ties its own way", "pipeline/cdc/cell.go", "d := c.Value.Compare(o.Value)", "d := o.Value.Compare(c.Value)", here, "TestMergeAgreesWithOracle"},
	{"deletions do not wait", "sinks/postgres/write.go", "p.exec(g.layout.lockAll)", "p.exec(g.layout.lock)", sink, "TestDeletionMeetsRow"},
	{"rows do not wait", "sinks/postgres/write.go", "p.exec(g.layout.lock)\n", "p.exec(\"SELECT 1\")\n", sink, "TestDeletionMeetsRow"},
	{"what failed counts as merged", "sinks/postgres/recent.go", "r.slots[f[0]%recentSlots] = fingerprint{}", "_ = f", sink, "TestRefusedIsNotRemembered"},
}

// TestMutants puts one bug at a time into the merge and expects the test named
// for it to fail. It takes minutes, and runs if CDCPIPE_MUTANTS is 1.
func TestMutants(t *testing.T) {
	if os.Getenv("CDCPIPE_MUTANTS") != "1" {
		t.Skip("set CDCPIPE_MUTANTS=1")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			file := filepath.Join(root, m.file)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(src, []byte(m.old)); n != 1 {
				t.Fatalf("%q stands %d times in %s", m.old, n, m.file)
			}
			dir := t.TempDir()
			changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(changed, bytes.Replace(src, []byte(m.old), []byte(m.new), 1), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(overlay, replace, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-count=1", "-run", "^"+m.test+"$", m.pkg)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CDCPIPE_MUTANTS=", "CDCPIPE_STATEMENTS=40000")
			switch out, err := cmd.CombinedOutput(); {
			case err == nil:
				t.Errorf("%s did not notice", m.test)
			case !strings.Contains(string(out), "--- FAIL"):
				t.Errorf("it was not a test that failed:\n%s", out)
			}
		})
	}
}
