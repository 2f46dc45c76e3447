package stages

import (
	"log/slog"
	"sync"
	"time"
)

// windowSlots is into how many parts a window is divided: it moves on by one at a
// time.
const windowSlots = 12

// An errorWindow watches the share of invalid changes over the last while. It logs a
// line when the share has risen above the threshold, and one when it is below again,
// which it looks for once in a slot only, so that a share at the threshold does not
// fill the log.
type errorWindow struct {
	cfg AlertConfig
	log *slog.Logger

	mu     sync.Mutex
	slots  [windowSlots]windowSlot
	begun  time.Time // of the present slot
	at     int
	over   bool
	peak   float64 // while it is over
	looked bool    // in this slot, for the end
}

type windowSlot struct{ changes, invalid int64 }

func newErrorWindow(cfg AlertConfig, log *slog.Logger) *errorWindow {
	return &errorWindow{cfg: cfg, log: log, begun: time.Now()}
}

// add counts a batch.
func (w *errorWindow) add(changes, invalid int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.move()
	w.slots[w.at].changes += changes
	w.slots[w.at].invalid += invalid
	w.judge()
}

// state returns the share within the window, 0 if there was nothing, and whether an
// alert is on.
func (w *errorWindow) state() (ratio float64, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.move()
	return w.judge(), w.over
}

// move leaves slots behind whose time is over.
func (w *errorWindow) move() {
	slot := w.cfg.Window / windowSlots
	passed := int(time.Since(w.begun) / slot)
	w.begun = w.begun.Add(time.Duration(passed) * slot)
	for range min(passed, windowSlots) {
		w.at = (w.at + 1) % windowSlots
		w.slots[w.at] = windowSlot{}
		w.looked = false
	}
}

func (w *errorWindow) judge() (ratio float64) {
	var sum windowSlot
	for _, s := range w.slots {
		sum.changes += s.changes
		sum.invalid += s.invalid
	}
	if sum.changes > 0 {
		ratio = float64(sum.invalid) / float64(sum.changes)
	}
	above := ratio > w.cfg.Threshold && sum.changes >= int64(w.cfg.Changes)
	switch {
	case above && !w.over:
		w.over, w.looked, w.peak = true, true, ratio
		w.log.Error("too many changes are invalid; they leave by the outlet, and the pipeline goes on",
			"share", ratio, "threshold", w.cfg.Threshold, "invalid", sum.invalid, "changes", sum.changes, "window", w.cfg.Window)
	case above:
		w.peak = max(w.peak, ratio)
	case w.over && !w.looked:
		w.over = false
		w.log.Info("no longer too many changes are invalid", "share", ratio, "threshold", w.cfg.Threshold, "peak", w.peak)
	}
	w.looked = w.looked || w.over
	return ratio
}
