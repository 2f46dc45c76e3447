package pgserver_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres/pgserver"
)

// scratch returns a directory that the server's user may enter, which t.TempDir
// is not when the test runs as root.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, dir string) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), pgserver.Config{Dir: dir, Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func query(t *testing.T, s *pgserver.Server, sql string) (got string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := c.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

func exec1(t *testing.T, s *pgserver.Server, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestDataOutlivesStopAndKill(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	s := start(t, dir)
	exec1(t, s, "CREATE TABLE t AS SELECT 1 AS n")
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if got := query(t, s, "SELECT n::text FROM t"); got != "1" {
		t.Errorf("after stop: got %q", got)
	}
	s.Kill()
	s = start(t, dir)
	defer s.Kill()
	if got := query(t, s, "SELECT n::text FROM t"); got != "1" {
		t.Errorf("after kill: got %q", got)
	}
}

func TestMissingBinaries(t *testing.T) {
	t.Setenv("CDCPIPE_PG_BIN", t.TempDir())
	if _, err := pgserver.Find(); !fault.Is(err, fault.ServerMissing) {
		t.Errorf("got %v", err)
	}
}

// TestParent is not a test: it is the parent process of TestDiesWithItsParent.
func TestParent(t *testing.T) {
	dir := os.Getenv("PGSERVER_PARENT")
	if dir == "" {
		return
	}
	s := start(t, dir)
	if _, err := os.Stdout.WriteString("pid " + strconv.Itoa(s.PID()) + "\n"); err != nil {
		t.Fatal(err)
	}
	select {}
}

func TestDiesWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestParent$")
	parent.Env = append(os.Environ(), "PGSERVER_PARENT="+scratch(t))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = parent.Process.Kill() // gone already, if all went well
		_ = parent.Wait()
	}()
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			pid, _ = strconv.Atoi(n)
		}
	}
	if pid == 0 || syscall.Kill(pid, 0) != nil {
		t.Fatalf("no server, pid %d", pid)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for gone := false; !gone; {
		select {
		case <-time.After(10 * time.Millisecond):
			b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			gone = err != nil || strings.Contains(string(b), ") Z ") // a zombie is for init to reap
		case <-deadline:
			t.Fatal("the server outlives its parent")
		}
	}
}
