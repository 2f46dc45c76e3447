package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A mutant is the engine without one of the lines that enforce a guarantee, and
// the test that must notice.
type mutant struct {
	name, file, old, new string
	test                 string
}

var mutants = []mutant{
	// 1: Nothing is committed before it is durable.
	{"commit past an open batch", "ledger.go", "n < len(l.open) && l.open[n].done", "n < len(l.open)", "TestLedgerNeverPassesAnOpenBatch"},
	{"commit past an open batch, in use", "ledger.go", "n < len(l.open) && l.open[n].done", "n < len(l.open)", "TestCrashes"},
	{"settle a failed write", "write.go", "if err == nil { // Guarantee 1", "if err == nil || aboutWorld(err) { // Guarantee 1", "TestCrashes"},
	{"settle with the first record", "ticket.go", "case left > 0:", "case false:", "TestExpandMergeDropSettleExactlyOnce"},
	{"settle with the first output", "outbox.go", "o.extra = append(o.extra, o.from[i].ticket)", "", "TestExpandMergeDropSettleExactlyOnce"},
	{"settle with the first branch", "flow.go", "retainAll(recs, len(f.taps)-1)", "_ = retainAll[T]", "TestFanOutWaitsForBothBranches"},
	{"settle parts that failed", "write.go", "if cause == nil && !waiting[keyOf(r.Header)] {", "if at >= 0 && len(rejects) == 0 && cause == nil || cause != nil && !retryable(cause) {", "TestCrashes"},
	{"commit for a retired claim", "ledger.go", "if l.retired {", "if false {", "TestRetiredLedgerYieldsNoMark"},
	{"commit beside a revocation", "commit.go", "\tselect {\n\tcase g.held <- struct{}{}:\n\t\treturn\n", "\tg.held = make(chan struct{}, 1)\n\tselect {\n\tcase g.held <- struct{}{}:\n\t\treturn\n", "TestRevokeDuringCommit"},
	{"commit at the source first", "commit.go", "if err := c.offsets.Save(ctx, unsaved); err != nil {", "c.source(ctx, marks)\n\t\tif err := c.offsets.Save(ctx, unsaved); err != nil {", "TestOffsetsOfRecord"},
	{"send on what is not tracked", "read.go", "case !ours: // revoked since it was read", "case !ours && false:", "TestClaimLostWhileWaitingForTheBudget"},

	// 2: Nothing disappears.
	{"forget a record nobody spoke for", "process.go", "i >= 0 { // Guarantee 2", "i >= 1000 { // Guarantee 2", "TestUnaccountedRecordStopsThePipeline"},
	{"lose rejects of an unbound outlet", "divert.go", "return Fatal(fmt.Errorf(\"outlet %q is not bound: %w\", to, rs[0].Value.Cause))", "_ = fmt.Errorf\n\t\treturn nil", "TestUnboundOutletIsFatal"},
	{"accept an unbound outlet", "pipeline.go", "!bound && ", "!bound && false && ", "TestValidate"},
	{"accept a loose end", "pipeline.go", "f.taps() == 0", "f.taps() < 0", "TestValidate"},
	{"lose what is being gathered", "gather.go", "if len(held) > 0 { // Guarantee 2", "if false { // Guarantee 2", "TestGather"},

	// 3: Order is kept within a key.
	{"bisect out of order", "write.go", "first, second := wr.split", "second, first := wr.split", "TestPoisonIsIsolated"},
	{"bisect a stage out of order", "process.go", "p.run(ctx, in[:mid], t, out)", "p.run(ctx, in[mid:], t, out)", "TestPoisonIsIsolatedInAStage"},
	{"send as workers finish", "workers.go", "j.out <- out\n", "if err := send(l.hard, out); err != nil {\n\t\t\t\t\treturn err\n\t\t\t\t}\n\t\t\t\tj.out <- nil\n", "TestWorkersKeepOrder"},
	{"deal by offset", "lanes.go", "k := h.Key\n", "k := uint64(h.Offset)\n", "TestDeliversInOrder"},
	{"overtake a failed record", "write.go", "waiting[keyOf(r.Header)] = true", "waiting[keyOf(r.Header)] = false", "TestFailuresAreRetriedInOrder"},
	{"overtake what is held back", "read.go", "case state.paused(hand.Through.Partition):", "case false:", "TestPausePartition"},

	// 4: Memory is bounded.
	{"exceed the budget", "budget.go", "return false // Guarantee 4", "_ = false // Guarantee 4", "TestBudget"},
	{"hold back without end", "backlog.go", "return false // Guarantee 4", "_ = false // Guarantee 4", "TestHeldBackIsBounded"},
	{"read while paused", "read.go", "!asked && !exhausted && !state.all {", "!asked && !exhausted {", "TestPause"},
	{"pile up heartbeats", "backlog.go", "len(held) > 0 && len(b.Records) == 0 &&", "false &&", "TestBacklog"},
	{"make up reasons", "meter.go", "len(t.n) >= maxReasons", "false", "TestReasonsAreBounded"},

	// 5: Shutdown drains.
	{"Revoke does not wait", "partitions.go", "l.drain(ctx, c.still)", "_ = l.drain", "TestRevoke"},
	{"a drain without end", "run.go", "kill(ErrDrainTimeout)", "", "TestDrainTimeoutAbandonsUncommitted"},
	{"no last commit", "commit.go", "_, err := c.commit(ctx) // Guarantee 5", "var err error // Guarantee 5", "TestDrain"},
	{"one last commit", "commit.go", "if err == nil || IsFatal(err) || hard.Err() != nil {", "if true {", "TestLastCommitIsTriedAgain"},
	{"close outlets early", "run.go", "\tsteps.Wait()\n", "", "TestOutletsOutliveTheSteps"},
	{"abandon what is in flight", "read.go", "return r.out.send(work, b.Records)", "return r.out.send(soft, b.Records)", "TestDrain"},

	// 6: A replay changes nothing.
	{"keep what a failed attempt made", "process.go", "if err != nil {\n\t\tif _, partly", "if err != nil {\n\t\t*out = append(*out, box.out...)\n\t\tif _, partly", "TestFailedAttemptLeavesNoTrace"},
	{"let marks go back", "ledger.go", "t.mark.Offset < l.read.Offset", "false", "TestSourceErrorsThatStop"},
	{"ignore the breaker", "breaker.go", "if g.cb.TryAcquirePermit() {", "if g.cb.TryAcquirePermit() || true {", "TestBreaker"},
	{"count records as outages", "errors.go", "return !diverts && !partly", "return diverts || partly || true", "TestRecordErrorsDoNotOpenTheBreaker"},
}

// TestMutants removes the enforcing lines one by one and expects the test named
// for each to fail. It takes minutes, and runs if CDCPIPE_MUTANTS is 1.
func TestMutants(t *testing.T) {
	if os.Getenv("CDCPIPE_MUTANTS") != "1" {
		t.Skip("set CDCPIPE_MUTANTS=1")
	}
	root := t.TempDir()
	for _, dir := range []string{".", "pipelinetest"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f != "mutants_test.go" {
				copyFile(t, f, filepath.Join(root, "pipeline", f))
			}
		}
	}
	copyFile(t, "../go.mod", filepath.Join(root, "go.mod"))
	copyFile(t, "../go.sum", filepath.Join(root, "go.sum"))

	names := make([]string, len(mutants))
	for i, m := range mutants {
		names[i] = m.test
	}
	if out, err := runTests(t.Context(), root, strings.Join(names, "|")); err != nil {
		t.Fatalf("the tests fail without any mutation:\n%s", out)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			file := filepath.Join(root, "pipeline", m.file)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(src, []byte(m.old)); n != 1 {
				t.Fatalf("%q stands %d times in %s", m.old, n, m.file)
			}
			defer func() {
				if err := os.WriteFile(file, src, 0o644); err != nil {
					t.Error(err)
				}
			}()
			if err := os.WriteFile(file, bytes.Replace(src, []byte(m.old), []byte(m.new), 1), 0o644); err != nil {
				t.Fatal(err)
			}
			switch out, err := runTests(t.Context(), root, m.test); {
			case err == nil:
				t.Errorf("%s did not notice", m.test)
			case !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic: ") && !strings.Contains(out, "fatal error: "):
				t.Errorf("it was not a test that failed:\n%s", out)
			}
		})
	}
}

func runTests(ctx context.Context, root, names string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=10s", "-run", fmt.Sprintf("^(%s)$", names), "./pipeline")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CDCPIPE_MUTANTS=", "CDCPIPE_CRASHES=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, src, 0o644); err != nil {
		t.Fatal(err)
	}
}
