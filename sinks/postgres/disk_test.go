package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sinks/postgres/pgserver"
)

// A disk is a file system of a few megabytes.
type disk struct{ dir string }

// newDisk mounts one. It takes the right to mount, which root has unless it is that
// of a container without it.
func newDisk(t *testing.T, size string) disk {
	t.Helper()
	d := disk{folder(t)}
	if out, err := osexec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "mode=0777,size="+size, "cdcpipe-test", d.dir).CombinedOutput(); err != nil {
		t.Skipf("to fill a disk takes a file system of its own, and this user may not mount one (root may): %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := osexec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", d.dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return d
}

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte free.
func (d disk) fill(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// free gives the space back.
func (d disk) free(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		t.Fatal(err)
	}
}

// A said is a log that can be searched.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

// wide is how many rows of 8 kB, which do not compress, a disk gets to hold.
const wide = 2000

// outgrow runs a pipeline of wide rows into a full disk: it must wait, its breaker
// open, with no letter, until mend, and then merge every row.
func outgrow(t *testing.T, dsn string, full disk, mend func(), says string) {
	tbl := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, b blob)`)
	text := &said{}
	log := slog.New(slog.NewTextHandler(text, nil))
	sink, err := postgres.New(postgres.Config{DSN: dsn, Connections: 3}, "test", []*cdc.Table{tbl}, log)
	if err != nil {
		t.Fatal(err)
	}
	letters, err := postgres.NewLetters(postgres.LettersConfig{DSN: database(t)}, "test", quiet) // its server has room
	if err != nil {
		t.Fatal(err)
	}
	var source pipelinetest.Log[*cdc.Change]
	seed := uint64(1)
	for i := range int32(wide) {
		value := make(cdc.Value, 8000)
		for j := range value {
			seed = seed*6364136223846793005 + 1442695040888963407
			value[j] = byte(seed >> 56)
		}
		c := &cdc.Change{Table: tbl, Op: cdc.Insert, Time: 10, Marker: cdc.Stamp{Time: 10}, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, i)},
			Cells: []cdc.Cell{{Column: 1, Stamp: cdc.Stamp{Time: 10}, Value: value}}}
		source.Append("t/0", c.Hash(), c)
	}
	p := pipeline.New("test", pipeline.Config{Logger: log, Offsets: sink})
	pipeline.To(pipeline.From(p, "log", source.Reader(100, false)), "postgres", sink, pipeline.WithRetry(pipeline.Retry{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}),
		pipeline.WithBreaker(pipeline.Breaker{Failures: 3, Delay: 200 * time.Millisecond}))
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		pipeline.Bind(p, o, letters)
	}
	open(t, postgres.Config{DSN: dsn, Connections: 1}, tbl) // its tables are there before the disk is full
	full.fill(t)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context()) }()
	running := func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the pipeline ended: %v", err)
		default:
		}
		return true
	}
	step := func() (s pipeline.StepStats) {
		for _, x := range p.Stats().Steps {
			if x.Kind == pipeline.SinkKind {
				s = x
			}
		}
		return s
	}
	until(t, "the breaker is open, for the disk", func() bool {
		return running() && step().Breaker == pipeline.BreakerOpen && text.has(says)
	})
	retries := step().Retries
	until(t, "attempts go on", func() bool { return running() && step().Retries > retries+3 })
	mend()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := lines(t, dsn, "SELECT count(*), count(DISTINCT id), min(length(b)), count(DISTINCT b) FROM k.t")[0]; got != fmt.Sprintf("%d|%[1]d|8000|%[1]d", wide) {
		t.Errorf("got %s", got)
	}
	for _, s := range p.Stats().Steps {
		for o, n := range s.Diverted {
			t.Errorf("%d records left %s by %s", n, s.Name, o)
		}
	}
}

// spaced makes a database in a directory of its own, and returns its address.
func spaced(t *testing.T, s *pgserver.Server, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	own(t, s, dir)
	exec(t, s.DSN(), "CREATE TABLESPACE elsewhere LOCATION '"+dir+"'", "CREATE DATABASE elsewhere TABLESPACE elsewhere")
	return strings.Replace(s.DSN(), "/"+pgserver.Database+"?", "/elsewhere?", 1)
}

// A tablespace whose disk is full is waited for.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "24m")
	s := serve(t, folder(t), 0)
	outgrow(t, spaced(t, s, filepath.Join(d.dir, "space")), d, func() {
		grow(t, d, "200m")
		d.free(t)
	}, "SQLSTATE 53100")
}

// grow makes the disk larger.
func grow(t *testing.T, d disk, size string) {
	t.Helper()
	if out, err := osexec.CommandContext(t.Context(), "mount", "-o", "remount,size="+size, d.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

// A server that has no room for its write-ahead log ends itself. Once it has room
// and runs again, everything goes on.
func TestDiskFullOfLog(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "96m")
	dir := filepath.Join(d.dir, "server")
	s := serve(t, dir, 0)
	outgrow(t, spaced(t, s, folder(t)), d, func() {
		<-s.Done()
		d.free(t)
		grow(t, d, "300m")
		serve(t, dir, s.Port())
	}, "CDC-4006")
	if b, err := os.ReadFile(s.LogFile()); err != nil || !strings.Contains(string(b), "PANIC") || !strings.Contains(string(b), "No space left on device") {
		t.Errorf("the server has not ended for the disk: %v\n%s", err, b)
	}
}
