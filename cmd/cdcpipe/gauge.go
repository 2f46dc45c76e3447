package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A gauge shows how much of a known amount is done: a bar on a terminal, a line
// every few seconds elsewhere. It is for one goroutine.
type gauge struct {
	w     io.Writer
	what  string // is counted
	since time.Time
	base  int64 // done before
	shown bool
	next  time.Time // when the next line is due
	bar   *progressbar.ProgressBar
}

func newGauge(w io.Writer, what string) *gauge {
	return &gauge{w: w, what: what, since: time.Now(), next: time.Now().Add(lineEvery)}
}

// show tells that done of total is, and what else is to be said. What is done at the
// first call took no time.
func (g *gauge) show(done, total int64, detail string) {
	if total == 0 {
		return
	}
	if !g.shown {
		g.shown, g.base, g.since = true, done, time.Now()
		if is, colour := terminal(g.w); is {
			g.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(g.w), progressbar.OptionEnableColorCodes(colour),
				progressbar.OptionShowCount(), progressbar.OptionSetItsString(g.what), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionFullWidth(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		}
	}
	if g.bar != nil {
		g.bar.Describe(detail)
		_ = g.bar.Set64(done) // drawing fails if the terminal is gone; the work goes on
		return
	}
	if time.Now().Before(g.next) {
		return
	}
	g.next = time.Now().Add(lineEvery)
	fmt.Fprintf(g.w, "%6.0fs  %d of %d %s, %s%s\n", time.Since(g.since).Seconds(), done, total, g.what, detail, g.left(done, total))
}

// left is how long the rest takes at the pace so far.
func (g *gauge) left(done, total int64) string {
	if done <= g.base {
		return ""
	}
	rest := time.Duration(float64(time.Since(g.since)) * float64(total-done) / float64(done-g.base))
	return fmt.Sprintf(", %s to go", rest.Round(time.Second))
}

// close removes a bar.
func (g *gauge) close() {
	if g.bar != nil {
		_ = g.bar.Clear()
	}
}
