package realstack

import (
	"context"
	"sync"
	"time"
)

// Keep starts again what ends by itself, until ctx ends, and leaves alone what is
// stopped. What fails again and again is tried ever more seldom.
func (s *Stack) Keep(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range s.parts {
		wg.Go(func() { s.keep(ctx, c) })
	}
	wg.Wait()
}

const (
	keepFirst = time.Second
	keepMost  = time.Minute
)

func (s *Stack) keep(ctx context.Context, c *Component) {
	wait := keepFirst
	for {
		done := c.Done()
		if done == nil {
			return // it was never started
		}
		up := time.Now()
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
		if time.Since(up) > keepMost {
			wait = keepFirst
		}
		if c.Done() == nil {
			return // it was stopped
		}
		s.cfg.Log.Warn("ended by itself; it is started again", "server", string(c.part), "in", wait, "log", c.log)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, keepMost)
		if c.Done() == nil {
			return // it was stopped
		}
		if err := c.Start(ctx); err != nil {
			if ctx.Err() == nil {
				s.cfg.Log.Error("start again", "server", string(c.part), "err", err)
			}
			continue
		}
		s.cfg.Log.Info("ready", "server", string(c.part), "address", c.Addr(), "pid", c.PID())
	}
}
