package canary_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"cdcpipe/cmd/cdcpipe/canary"
	"cdcpipe/pipeline/fault"
)

// A mine is both ends of the way: what is written is in the replica after delay,
// unless it is caved in.
type mine struct {
	mu        sync.Mutex
	delay     time.Duration
	cavedIn   bool
	refuses   error
	prepared  int
	written   int
	through   time.Time
	unreached bool
}

func (m *mine) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *mine) Prepare(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.prepared++
	return m.refuses == nil, m.refuses
}

func (m *mine) Write(_ context.Context, worker string, when time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if worker != "w" {
		return errors.New("another's row")
	}
	m.written++
	time.AfterFunc(m.delay, func() {
		m.set(func() {
			if !m.cavedIn {
				m.through = when
			}
		})
	})
	return m.refuses
}

func (m *mine) Newest(context.Context, string) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unreached {
		return time.Time{}, errors.New("connection refused")
	}
	return m.through, nil
}

// started runs a canary in a bubble, and returns what it logs.
func started(t *testing.T, m *mine) (c *canary.Canary, log func() string, stop func()) {
	t.Helper()
	var mu sync.Mutex
	var b bytes.Buffer
	c = canary.New(m, m, canary.Config{
		Pipeline: "shop", Worker: "w", Every: 5 * time.Second, Silence: time.Minute,
		Log: slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return b.Write(p)
		}), nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	return c, func() string {
			mu.Lock()
			defer mu.Unlock()
			return b.String()
		}, func() {
			cancel()
			<-done
		}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// after lets the bubble's clock go on.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// What comes through is measured; the table is made once, and said to be.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mine{delay: 740 * time.Millisecond}
		c, log, stop := started(t, m)
		after(52 * time.Second)
		if age := c.Age(); age > 6*time.Second {
			t.Errorf("age is %v", age)
		}
		stop()
		want := `# HELP cdcpipe_canary_seconds Time from a write in Cassandra until it is in the replica.
# TYPE cdcpipe_canary_seconds histogram
cdcpipe_canary_seconds_bucket{pipeline="shop",le="0.1"} 0
cdcpipe_canary_seconds_bucket{pipeline="shop",le="0.25"} 0
cdcpipe_canary_seconds_bucket{pipeline="shop",le="0.5"} 0
cdcpipe_canary_seconds_bucket{pipeline="shop",le="0.75"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="1"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="1.5"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="2"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="3"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="5"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="10"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="20"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="30"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="60"} 11
cdcpipe_canary_seconds_bucket{pipeline="shop",le="+Inf"} 11
cdcpipe_canary_seconds_sum{pipeline="shop"} 8.25
cdcpipe_canary_seconds_count{pipeline="shop"} 11
# HELP cdcpipe_canary_writes_failed_total Writes of the canary that Cassandra has not taken.
# TYPE cdcpipe_canary_writes_failed_total counter
cdcpipe_canary_writes_failed_total{pipeline="shop"} 0
`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "cdcpipe_canary_seconds", "cdcpipe_canary_writes_failed_total"); err != nil {
			t.Error(err)
		}
		if m.prepared != 1 || m.written != 11 || strings.Count(log(), "restart Debezium's agents once") != 1 || strings.Contains(log(), "ERROR") {
			t.Errorf("prepared %d, written %d\n%s", m.prepared, m.written, log())
		}
	})
}

// Silence is told once, within a minute and a write, and so is its end.
func TestSilence(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(m *mine, silent bool){
		"agent":   func(m *mine, silent bool) { m.cavedIn = silent },
		"replica": func(m *mine, silent bool) { m.unreached = silent },
		"write": func(m *mine, silent bool) {
			m.refuses = nil
			if silent {
				m.refuses = fault.New(fault.CassandraDown, "no node answers")
			}
			m.cavedIn = silent
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &mine{delay: time.Second}
				c, log, stop := started(t, m)
				defer stop()
				after(30 * time.Second)
				m.set(func() { set(m, true) })
				after(54 * time.Second)
				if strings.Contains(log(), "CDC-7041") {
					t.Errorf("told too soon:\n%s", log())
				}
				after(15 * time.Minute)
				if n := strings.Count(log(), "CDC-7041"); n != 1 {
					t.Errorf("silence was told %d times\n%s", n, log())
				}
				if age := c.Age(); age < 15*time.Minute {
					t.Errorf("age is %v", age)
				}
				m.set(func() { set(m, false) })
				after(10 * time.Second)
				if n := strings.Count(log(), "arrive again"); n != 1 || c.Age() > 6*time.Second {
					t.Errorf("its end was told %d times; age %v\n%s", n, c.Age(), log())
				}
				if n := strings.Count(log(), "canary cannot be written"); (name == "write") != (n == 1) {
					t.Errorf("a failing write was told %d times\n%s", n, log())
				}
			})
		})
	}
}

// A table that cannot be made is told once and tried again.
func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mine{refuses: fault.New(fault.CanaryRefused, "execute: CREATE TABLE")}
		c, log, stop := started(t, m)
		defer stop()
		after(21 * time.Second)
		if n := strings.Count(log(), "execute: CREATE TABLE"); n != 1 || m.prepared != 5 || m.written != 0 {
			t.Errorf("told %d times, prepared %d, written %d\n%s", n, m.prepared, m.written, log())
		}
		m.set(func() { m.refuses = nil })
		after(10 * time.Second)
		if c.Age() > 6*time.Second {
			t.Errorf("age is %v\n%s", c.Age(), log())
		}
	})
}
