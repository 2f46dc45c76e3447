package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// commitTimeout bounds one commit. One that hangs is tried again.
const commitTimeout = 10 * time.Second

// minCommitWait is the wait after a first failed commit; it doubles up to
// [Config.CommitEvery].
const minCommitWait = time.Second

// A committer puts settled marks on record: in the offsets of record first, then
// at the source.
type committer struct {
	every   time.Duration
	records int64
	drain   time.Duration                       // for the last commit
	offsets Offsets                             // may be nil
	source  func(context.Context, []Mark) error // Commit of the source
	log     *slog.Logger
	hook    func(marks []Mark, took time.Duration, err error)
	ledgers func() []*ledger

	gate   gate
	wake   chan struct{} // of capacity 1: something has settled
	urgent chan struct{} // of capacity 1: commit now
	since  atomic.Int64  // records settled since marks were last taken

	took   histogram[time.Duration]
	failed atomic.Int64
}

// settled is told whenever a ledger's mark has moved past that many records.
func (c *committer) settled(records int64) {
	c.since.Add(records)
	signal(c.wake)
}

// hurry asks for a commit now.
func (c *committer) hurry() { signal(c.urgent) }

func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run commits marks as they move until stop is closed, and then a last time. A
// failure is no reason to end, unless it is fatal.
func (c *committer) run(ctx, hard context.Context, stop <-chan struct{}) error {
	var due <-chan time.Time // armed by the first mark that is not on record
	var pause time.Duration  // after a failure
	for {
		select {
		case <-stop:
			return c.last(ctx, hard)
		case <-c.urgent:
		case <-due:
		case <-c.wake:
			if due == nil {
				due = time.After(c.every)
			}
			if pause > 0 || c.since.Load() < c.records {
				continue
			}
		}
		due = nil
		again, err := c.commit(ctx)
		switch {
		case IsFatal(err):
			return err
		case err != nil:
			c.log.Warn("committing marks", "err", err)
		}
		if !again {
			pause = 0
			continue
		}
		pause = min(max(2*pause, minCommitWait), max(c.every, minCommitWait))
		due = time.After(pause)
	}
}

// last makes the last commit, over and over if it fails, while hard lasts and for
// no longer than a drain.
func (c *committer) last(ctx, hard context.Context) error {
	over := time.After(c.drain)
	for pause := minCommitWait / 4; ; pause = min(2*pause, c.every+minCommitWait) {
		_, err := c.commit(ctx) // Guarantee 5: marks are committed last
		if err == nil || IsFatal(err) || hard.Err() != nil {
			return err
		}
		c.log.Warn("committing the last marks", "err", err)
		select {
		case <-time.After(pause):
		case <-over:
			return err
		case <-hard.Done():
			return err
		}
	}
}

// commit commits every mark that is due. It reports whether some are still due,
// and an error if they are not on record; with offsets of record that does not
// depend on the source.
func (c *committer) commit(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	c.gate.enter(cancel)
	defer c.gate.open()

	c.since.Store(0)
	type entry struct {
		l   *ledger
		due due
	}
	var entries []entry
	var marks, unsaved []Mark
	for _, l := range c.ledgers() {
		m, d := l.take()
		if d == (due{}) {
			continue
		}
		entries, marks = append(entries, entry{l, d}), append(marks, m)
		if d.save {
			unsaved = append(unsaved, m)
		}
	}
	if len(marks) == 0 {
		return false, nil
	}
	untake := func(d due) {
		for _, e := range entries {
			e.l.untake(due{e.due.save && d.save, e.due.commit && d.commit})
		}
	}
	record := func() {
		for i, e := range entries {
			e.l.recorded(marks[i])
		}
	}
	start := time.Now()
	defer func() {
		took := time.Since(start)
		c.took.observe(took)
		if again {
			c.failed.Add(1)
		}
		if c.hook != nil {
			c.hook(marks, took, err)
		}
	}()
	if c.offsets == nil {
		if err := c.source(ctx, marks); err != nil {
			untake(due{true, true})
			return true, err
		}
		record()
		return false, nil
	}
	if len(unsaved) > 0 {
		if err := c.offsets.Save(ctx, unsaved); err != nil {
			untake(due{true, true})
			return true, err
		}
		record()
	}
	if err := c.source(ctx, marks); err != nil {
		untake(due{commit: true})
		if IsFatal(err) {
			return true, err
		}
		c.log.Warn("committing marks at the source", "err", err)
		return true, nil
	}
	return false, nil
}

// final retires ledgers and returns their last marks, of which all are on record
// if there are offsets of record. The gate is closed.
func (c *committer) final(ctx context.Context, ls []*ledger) []Mark {
	finals := make([]Mark, len(ls))
	var unsaved []Mark
	var lacking []int
	for i, l := range ls {
		m, save := l.retire()
		finals[i] = m
		if c.offsets != nil && save {
			unsaved, lacking = append(unsaved, m), append(lacking, i)
		}
	}
	if len(unsaved) > 0 {
		ctx, cancel := context.WithTimeout(ctx, commitTimeout)
		defer cancel()
		err := ctx.Err()
		if err == nil {
			err = c.offsets.Save(ctx, unsaved)
		}
		for _, i := range lacking {
			if err == nil {
				ls[i].recorded(finals[i])
			} else { // what is not on record is read again
				finals[i] = ls[i].onRecord()
			}
		}
		if err != nil {
			c.log.Warn("saving the marks of revoked partitions", "err", err)
		}
	}
	return slices.DeleteFunc(finals, func(m Mark) bool { return m == Mark{} })
}

// A gate lets one commit through at a time, and none while a claim is retired.
type gate struct {
	held chan struct{} // of capacity 1

	mu        sync.Mutex
	cancel    context.CancelFunc // of the commit under way
	impatient int                // closers whose context has ended
}

// enter closes the gate behind a commit, which cancel would stop.
func (g *gate) enter(cancel context.CancelFunc) {
	g.held <- struct{}{}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cancel = cancel
	if g.impatient > 0 {
		cancel()
	}
}

// close closes the gate. Should ctx end while a commit is under way, the commit is
// cancelled, so that close ends soon after ctx does.
func (g *gate) close(ctx context.Context) {
	select {
	case g.held <- struct{}{}:
		return
	case <-ctx.Done():
	}
	g.mu.Lock()
	g.impatient++
	if g.cancel != nil {
		g.cancel()
	}
	g.mu.Unlock()
	g.held <- struct{}{}
	g.mu.Lock()
	g.impatient--
	g.mu.Unlock()
}

func (g *gate) open() {
	g.mu.Lock()
	g.cancel = nil
	g.mu.Unlock()
	<-g.held
}
