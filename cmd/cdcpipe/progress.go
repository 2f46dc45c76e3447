package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"cdcpipe/cmd/cdcpipe/demo"
	"cdcpipe/pipeline"
)

// A progress shows how far a run is: a bar on a terminal, a line every few
// seconds elsewhere.
type progress struct {
	w     io.Writer
	total uint64 // 0 without an end

	mu     sync.Mutex
	bar    *progressbar.ProgressBar // nil if w is no terminal
	next   time.Duration            // when the next line is due
	closed bool
}

// lineEvery is how often a line is printed where there is no terminal.
const lineEvery = 5 * time.Second

func newProgress(w io.Writer, total uint64) *progress {
	p := &progress{w: w, total: total}
	if is, colour := terminal(w); is {
		most := int64(-1)
		if total > 0 {
			most = int64(total)
		}
		p.bar = progressbar.NewOptions64(most, progressbar.OptionSetWriter(w), progressbar.OptionEnableColorCodes(colour),
			progressbar.OptionShowCount(), progressbar.OptionSetItsString("events"), progressbar.OptionShowIts(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth(), progressbar.OptionSetPredictTime(total > 0),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// started says where everything is.
func (p *progress) started(a demo.Addresses) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.w, "embedded servers, for trying out only; not for production")
	fmt.Fprintf(p.w, "  data        %s", a.Dir)
	if a.Resumed {
		fmt.Fprint(p.w, " (going on with the run there)")
	}
	fmt.Fprintf(p.w, "\n  Kafka       %s\n  Redis       %s\n  PostgreSQL  psql %s\n", a.Kafka, a.Redis, a.Postgres)
	if a.Admin != "" {
		fmt.Fprintf(p.w, "  metrics     http://%s/metrics\n", a.Admin)
	}
	fmt.Fprintln(p.w, "generator -> Kafka -> decode -> validate -> schema_check -> stale_check -> batch -> PostgreSQL")
}

// show is called several times a second.
func (p *progress) show(s demo.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.bar != nil {
		p.bar.Describe(describe(s))
		_ = p.bar.Set64(int64(s.Settled)) // drawing fails if the terminal is gone; the run goes on
		return
	}
	if s.Elapsed < p.next && !s.Comparing {
		return
	}
	p.next = s.Elapsed + lineEvery
	of := ""
	if p.total > 0 {
		of = fmt.Sprintf(" of %d", p.total)
	}
	rate := 0.0
	if s.Elapsed > 0 {
		rate = float64(s.Settled) / s.Elapsed.Seconds()
	}
	fmt.Fprintf(p.w, "%6.0fs  %d%s events merged, %.0f a second; %s\n", s.Elapsed.Seconds(), s.Settled, of, rate, describe(s))
}

func describe(s demo.Progress) string {
	if s.Comparing {
		return "comparing every row with the oracle"
	}
	parts := []string{fmt.Sprintf("lag %s", s.Lag.Round(time.Millisecond))}
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		if n := s.Letters[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return strings.Join(parts, ", ")
}

// close ends the display. It may be called twice.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil && !p.closed {
		_ = p.bar.Clear()
	}
	p.closed = true
}
