package postgres_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sinks/postgres/pgserver"
)

// A primary that dies is followed to the standby that takes its place: what was
// written before is there, since it was replicated synchronously, and what comes
// after goes on by itself.
func TestFailover(t *testing.T) {
	t.Parallel()
	first := serve(t, folder(t), 0)
	dir := folder(t)
	standbyOf(t, first, dir)
	second := serve(t, dir, 0)
	exec(t, first.DSN(), "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	until(t, "the standby is synchronous", func() bool {
		return lines(t, first.DSN(), "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")[0] == "1"
	})

	a, b := config(t, first.DSN()), config(t, second.DSN())
	dsn := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=read-write", a.User, a.Password, a.Port, b.Port, a.Database)
	tbl := table(t, `CREATE TABLE shop.failover (id int PRIMARY KEY, v int)`)
	s := open(t, postgres.Config{DSN: dsn}, tbl)
	const n = 200
	failed := 0
	for i := range int32(n) {
		if i == n/2 {
			first.Kill()
			exec(t, second.DSN(), "SELECT pg_promote(wait => false)") // to wait would hold replay back
		}
		ts := int64(i) + 1
		c := &cdc.Change{Table: tbl, Op: cdc.Insert, Time: ts, Marker: cdc.Stamp{Time: ts}, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, i)},
			Cells: []cdc.Cell{{Column: 1, Stamp: cdc.Stamp{Time: ts}, Value: cdc.AppendInt32(nil, i)}}}
		until(t, "a change is written", func() bool {
			err := s.Write(t.Context(), records(c))
			if err != nil {
				failed++
			}
			return err == nil
		})
	}
	if got := lines(t, second.DSN(), "SELECT count(*), sum(v) FROM shop.failover")[0]; got != fmt.Sprintf("%d|%d", n, n*(n-1)/2) {
		t.Errorf("got %s", got)
	}
	if failed == 0 {
		t.Error("no write met the failure")
	}
}

// folder makes a directory that PostgreSQL's user may enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cdcpipe-failover")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func serve(t *testing.T, dir string, port int) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := pgserver.Start(ctx, pgserver.Config{Dir: dir, Port: port, Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

func config(t *testing.T, dsn string) *pgx.ConnConfig {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// standbyOf makes dir that of a standby of s.
func standbyOf(t *testing.T, s *pgserver.Server, dir string) {
	t.Helper()
	bin, err := pgserver.Find()
	if err != nil {
		t.Fatal(err)
	}
	c := config(t, s.DSN())
	cmd := osexec.CommandContext(t.Context(), filepath.Join(bin, "pg_basebackup"), "-D", filepath.Join(dir, "data"), "-R", "-X", "stream", "-c", "fast",
		"-d", fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s", c.Port, c.User, c.Password))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(c.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, s, dir)
}

// own gives dir to the user that s runs as, which is not root.
func own(t *testing.T, s *pgserver.Server, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	owner, err := os.Stat(filepath.Dir(s.LogFile()))
	if err != nil {
		t.Fatal(err)
	}
	who := owner.Sys().(*syscall.Stat_t)
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(who.Uid), int(who.Gid))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !f() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
