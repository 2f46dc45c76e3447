package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/demo"
)

// program builds the program once for a test.
func program(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "cdcpipe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// scratch returns a directory that PostgreSQL's user may enter.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cdcpipe-run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kills is how often TestKilled kills; the environment variable CDCPIPE_KILLS
// asks for more, CDCPIPE_EVENTS for longer runs.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("CDCPIPE_KILLS")); err == nil {
		return n
	}
	return 8
}

// The program is killed at random moments during a run, and its PostgreSQL under
// it, and started again each time: in the end every row is as the oracle says, and
// every malformed event is on its outlet.
func TestKilled(t *testing.T) {
	bin, dir := program(t), scratch(t)
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("CDCPIPE_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("CDCPIPE_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	events := 150_000
	if n, err := strconv.Atoi(os.Getenv("CDCPIPE_EVENTS")); err == nil {
		events = n
	}
	run, killed, finished := uint64(1), map[string]int{}, 0
	for killed["the program"]+killed["PostgreSQL"] < kills() || finished == 0 {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin, "run", "--events", strconv.Itoa(events), "--seed", strconv.FormatUint(run, 10), "--data", dir, "-o", "json")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		over := killed["the program"]+killed["PostgreSQL"] >= kills()
		shot := false // its PostgreSQL
		for alive := true; alive; {
			wait := time.After(time.Duration(rng.IntN(2500)) * time.Millisecond)
			if over {
				wait = nil
			}
			select {
			case <-wait:
				over = killed["the program"]+killed["PostgreSQL"]+1 >= kills()
				if pid := postmaster(dir); pid > 0 && rng.IntN(3) == 0 {
					killed["PostgreSQL"]++
					shot = true
					_ = syscall.Kill(-pid, syscall.SIGKILL) // with all its processes; it may be gone already
					continue
				}
				killed["the program"]++
				_ = cmd.Process.Kill()
				if err := <-ended; err == nil {
					t.Logf("run %d ended before it could be killed", run)
				}
				alive = false
			case err := <-ended:
				if cmd.ProcessState.ExitCode() == exitUnavailable && shot && strings.Contains(stderr.String(), ": open: ") {
					alive = false // a start that loses its server ends, and whoever looks after it starts it again
					continue
				}
				if err != nil {
					t.Fatalf("run %d: %v\n%s%s", run, err, stderr.String(), stdout.String())
				}
				var s demo.Summary
				if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
					t.Fatalf("%v in %s", err, stdout.String())
				}
				if !s.Compared || s.Mismatches != 0 || s.Events != uint64(events) || s.Rows == 0 || s.DeadLetters == 0 || s.Invalid == 0 {
					t.Fatalf("run %d: %+v", run, s)
				}
				t.Logf("run %d after kills of %v: %d rows, 0 mismatches, %d dead letters, %d invalid, %d stale", run, killed, s.Rows, s.DeadLetters, s.Invalid, s.Stale)
				run++
				finished++
				alive = false
			case <-time.After(3 * time.Minute):
				_ = cmd.Process.Signal(syscall.SIGQUIT) // for its stacks
				t.Fatalf("run %d hangs: %v\n%s", run, <-ended, stderr.String())
			}
		}
	}
}

// postmaster returns the process of the PostgreSQL in a data directory, or 0.
func postmaster(dir string) int {
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0
	}
	return pid
}
