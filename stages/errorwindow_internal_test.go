package stages

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The log tells once that the share has risen above the threshold, and once that it
// is below again, however often it is looked at.
func TestErrorWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := newErrorWindow(AlertConfig{Threshold: 0.05, Window: time.Minute, Changes: 100}, slog.New(slog.NewTextHandler(&log, nil)))
		lines := func() int { return strings.Count(log.String(), "\n") }
		pass := func(d time.Duration) { <-time.After(d) }
		w.add(99, 99)
		if ratio, over := w.state(); ratio != 1 || over || lines() != 0 {
			t.Errorf("too few: got %v, %v, %s", ratio, over, log.String())
		}
		pass(2 * time.Minute)
		w.add(95, 0)
		w.add(5, 5)
		if ratio, over := w.state(); ratio != 0.05 || over {
			t.Errorf("at the threshold: got %v, %v", ratio, over)
		}
		for range 10 {
			w.add(10, 10)
		}
		if _, over := w.state(); !over || lines() != 1 || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("above: got %v, %s", over, log.String())
		}
		for range 3 { // to and fro within a slot
			w.add(10_000, 0)
			w.add(1000, 1000)
			w.add(10_000, 0)
		}
		if _, over := w.state(); !over || lines() != 1 {
			t.Errorf("within the slot: got %v, %s", over, log.String())
		}
		pass(10 * time.Second)
		w.add(100_000, 0)
		if ratio, over := w.state(); over || ratio == 0 || lines() != 2 || !strings.Contains(log.String(), "level=INFO") {
			t.Errorf("below: got %v, %v, %s", ratio, over, log.String())
		}
		w.add(100_000, 100_000)
		if _, over := w.state(); !over || lines() != 3 {
			t.Errorf("above again: got %v, %s", over, log.String())
		}
		pass(time.Hour)
		if ratio, over := w.state(); over || ratio != 0 || lines() != 4 {
			t.Errorf("nothing comes: got %v, %v, %s", ratio, over, log.String())
		}
	})
}
