package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Run opens every step, sinks first; moves records until the source is
// exhausted, a step fails or ctx ends; drains; commits; and closes every step,
// source first. It returns nil after the first and the third.
//
// When ctx ends reading stops, and what is in flight has [Config.DrainTimeout] to
// finish. A second call fails.
func (p *Pipeline) Run(ctx context.Context) (err error) {
	if err := p.Validate(); err != nil {
		return err
	}
	soft, drain := context.WithCancel(ctx)
	defer drain()
	hard, kill := context.WithCancelCause(context.WithoutCancel(ctx))
	defer kill(nil)
	if !p.switches.connect(drain, func() { kill(ErrAbandoned) }) {
		return fmt.Errorf("pipeline %s: has been run already", p.name)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("pipeline %s: %w", p.name, err)
		}
	}()

	background := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, p.closeAll(background)) }()
	if err := p.openAll(soft); err != nil {
		if soft.Err() != nil && errors.Is(err, soft.Err()) {
			return nil // asked to stop before there was anything to drain
		}
		return err
	}

	p.cfg.Logger.Info("running")
	p.open.Store(true)
	defer p.open.Store(false)

	// A failure ends reading too. When reading ends from outside, work has
	// DrainTimeout to finish.
	defer context.AfterFunc(hard, drain)()
	defer context.AfterFunc(soft, func() {
		select {
		case <-time.After(p.cfg.DrainTimeout): // Guarantee 5: a drain has an end
			kill(ErrDrainTimeout)
		case <-hard.Done():
		}
	})()

	l := &life{soft: soft, hard: hard, kill: kill}
	stop, committed := make(chan struct{}), make(chan error, 1)
	go func() {
		err := p.marks.run(background, hard, stop)
		if IsFatal(err) {
			kill(err)
		}
		committed <- err
	}()
	var steps, outlets sync.WaitGroup
	for _, run := range p.run {
		l.start(&steps, func() error { return run(l) })
	}
	for _, run := range p.runOutlets {
		l.start(&outlets, func() error { return run(l) })
	}
	steps.Wait()
	for _, f := range p.outlets { // Guarantee 5: they outlive every step that may use them
		f.close()
	}
	outlets.Wait()
	close(p.still)
	close(stop)
	if err := <-committed; err != nil && err != context.Cause(hard) { //nolint:errorlint // that very error is the cause already
		return errors.Join(context.Cause(hard), err)
	}
	return context.Cause(hard)
}

// openAll opens what is to be opened, from the end of the paths to the source, so
// that nothing can arrive where nobody is ready.
func (p *Pipeline) openAll(ctx context.Context) error {
	for _, q := range slices.Backward(p.parts) {
		if q.open == nil {
			continue
		}
		if err := caught(func() error { return q.open(ctx) }); err != nil {
			return q.step.failed(fmt.Errorf("open: %w", err))
		}
	}
	if p.pauser != nil {
		p.pauses.attach(p.pauser)
	}
	return nil
}

// closeAll closes everything, the source first.
func (p *Pipeline) closeAll(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.DrainTimeout)
	defer cancel()
	p.pauses.attach(nil)
	for _, q := range p.parts {
		if q.close == nil {
			continue
		}
		if e := caught(func() error { return q.close(ctx) }); e != nil {
			err = errors.Join(err, q.step.failed(fmt.Errorf("close: %w", e)))
		}
	}
	return err
}

// Drain stops reading, as the end of Run's context does: Run returns when what is
// in flight has settled, or after [Config.DrainTimeout]. Before Run it makes Run
// end at once.
func (p *Pipeline) Drain() { p.switches.pull(&p.switches.drain) }

// Abandon ends a run at once. What has not settled is uncommitted and will be read
// again. Run returns [ErrAbandoned].
func (p *Pipeline) Abandon() { p.switches.pull(&p.switches.abandon) }

// switches end a run from outside.
type switches struct {
	mu             sync.Mutex
	connected      bool
	drain, abandon lever
}

type lever struct {
	pulled bool
	do     func()
}

// connect arms the switches of a run; those pulled before act now. It reports
// false if there was a run before.
func (s *switches) connect(drain, abandon func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected {
		return false
	}
	s.connected = true
	s.drain.do, s.abandon.do = drain, abandon
	for _, l := range []lever{s.drain, s.abandon} {
		if l.pulled {
			l.do()
		}
	}
	return true
}

func (s *switches) pull(l *lever) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.pulled = true
	if l.do != nil {
		l.do()
	}
}
