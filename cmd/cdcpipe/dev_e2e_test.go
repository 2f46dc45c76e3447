//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// What dev up --detach leaves running carries a row from Cassandra into PostgreSQL
// with the pipeline that it wrote, starts again what is killed, and is ended by
// down, with and without the process that started it.
func TestE2EDev(t *testing.T) {
	bin, dir := program(t), scratch(t)
	dev := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bin, append([]string{"dev", args[0], "--dir", dir}, args[1:]...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, stderr.String())
		}
		return string(out)
	}
	t.Cleanup(func() { _, _ = realstack.Down(context.Background(), dir) })
	status := func() (s realstack.Status) {
		t.Helper()
		if err := json.Unmarshal([]byte(dev("status", "-o", "json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	up := func() realstack.Status {
		t.Helper()
		if out := dev("up", "--detach"); !strings.Contains(out, "cdcpipe run -f "+dir) {
			t.Errorf("got %s", out)
		}
		s := status()
		for _, server := range s.Servers {
			if s.State != "running" || server.State != "running" {
				t.Fatalf("got %+v", s)
			}
		}
		return s
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.After(time.Minute); !done(); {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-deadline:
				t.Fatal("not within a minute: " + what)
			}
		}
	}
	down := func(s realstack.Status) {
		t.Helper()
		dev("down")
		for _, server := range s.Servers {
			b, err := os.ReadFile("/proc/" + strconv.Itoa(server.PID) + "/stat")
			if err == nil && !strings.Contains(string(b), ") Z ") { // a zombie is for init to reap
				t.Errorf("%s still runs: %s", server.Part, b)
			}
		}
		if left := status(); left.State != "stopped" {
			t.Errorf("got %+v", left)
		}
	}

	first := up()
	dev("cql", "INSERT INTO shop.orders (customer, placed, item, note) VALUES (1, 'a', 2, 'kept')")
	run := exec.CommandContext(t.Context(), bin, "run", "-f", filepath.Join(dir, "pipeline.yaml"), "--admin", "127.0.0.1:0")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	dsn, err := os.ReadFile(filepath.Join(dir, "dsn"))
	if err != nil {
		t.Fatal(err)
	}
	until("the row in PostgreSQL", func() bool {
		conn, err := pgx.Connect(t.Context(), string(dsn))
		if err != nil {
			return false
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		var note string
		return conn.QueryRow(t.Context(), "SELECT note FROM shop.orders WHERE customer = 1").Scan(&note) == nil && note == "kept"
	})
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := run.Wait(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(first.Servers[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := first
	until("Kafka again", func() bool {
		second = status()
		return second.Servers[0].State == "running" && second.Servers[0].PID != first.Servers[0].PID
	})
	down(second)

	third := up()
	if got := dev("cql", "SELECT note FROM shop.orders WHERE customer = 1"); got != "note=kept\n" {
		t.Errorf("after down and up: %q", got)
	}
	if err := syscall.Kill(third.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	down(third)
}
