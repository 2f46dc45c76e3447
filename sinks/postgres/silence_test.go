package postgres_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

// A server that falls silent, its connections open, is given up and found again.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	front := newMutable(t, u.Host)
	u.Host = front.ln.Addr().String()
	tbl := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, b text)`)
	s, err := postgres.New(postgres.Config{DSN: u.String(), Connections: 1, StatementTimeout: 2 * time.Second, LockTimeout: time.Second},
		"test", []*cdc.Table{tbl}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(s, tbl, 1, "b", cdc.Value("one")); err != nil {
		t.Fatal(err)
	}
	front.muted.Store(true)
	if err := write(s, tbl, 2, "b", cdc.Value("two")); !fault.Is(err, fault.TargetDown) {
		t.Errorf("silence: got %v, want %s", err, fault.TargetDown)
	}
	front.muted.Store(false)
	if err := write(s, tbl, 2, "b", cdc.Value("two")); err != nil {
		t.Errorf("after the silence: %v", err)
	}
	if got := lines(t, dsn, `SELECT id FROM k.t`); len(got) != 2 {
		t.Errorf("got rows %v, want 2", got)
	}
}

// So is one that falls silent to an outlet, whose letter is kept once.
func TestSilentServerOfLetters(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	front := newMutable(t, u.Host)
	u.Host = front.ln.Addr().String()
	l, err := postgres.NewLetters(postgres.LettersConfig{DSN: u.String(), StatementTimeout: time.Second, LockTimeout: 500 * time.Millisecond}, "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	keep := func(ctx context.Context, offset int64) error {
		return l.Write(ctx, []pipeline.Record[pipeline.Reject]{rejected(pipeline.DeadLetter, offset, nil, fault.New(fault.MalformedJSON, "x"))})
	}
	if err := keep(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	front.muted.Store(true)
	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := keep(patience, 2); !fault.Is(err, fault.OutletDown) || patience.Err() != nil {
		t.Errorf("silence: got %v, want %s by itself", err, fault.OutletDown)
	}
	front.muted.Store(false)
	if err := keep(t.Context(), 2); err != nil {
		t.Errorf("after the silence: %v", err)
	}
	if got := lines(t, dsn, `SELECT "offset" FROM cdcpipe.dlq_archive ORDER BY 1`); len(got) != 2 {
		t.Errorf("got letters %v, want 1 and 2", got)
	}
	if d := postgres.DefaultLettersConfig(); 2*d.StatementTimeout+d.LockTimeout > time.Minute {
		t.Errorf("by default silence lasts %v", 2*d.StatementTimeout+d.LockTimeout)
	}
}

// A mutable passes connections on until it is muted: then it goes on reading, and
// says nothing.
type mutable struct {
	ln    net.Listener
	muted atomic.Bool
}

func newMutable(t *testing.T, target string) *mutable {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mutable{ln: ln}
	var wg sync.WaitGroup
	var conns sync.Map
	t.Cleanup(func() {
		ln.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
			if err != nil {
				c.Close()
				continue
			}
			conns.Store(c, true)
			conns.Store(s, true)
			wg.Go(func() { _, _ = io.Copy(s, c); s.Close() })
			wg.Go(func() { _, _ = io.Copy(talker{m, c}, s); c.Close() })
		}
	})
	return m
}

// A talker writes unless its mutable is muted.
type talker struct {
	m *mutable
	w io.Writer
}

func (k talker) Write(b []byte) (int, error) {
	if k.m.muted.Load() {
		return len(b), nil
	}
	return k.w.Write(b)
}
