package dlq

import (
	"context"
	"fmt"
	"time"

	"cdcpipe/pipeline"
)

// An Action is what the processor does with a letter.
type Action string

// The actions.
const (
	Send  Action = "resubmit"
	Files Action = "export"
	Shelf Action = "archive"
	Later Action = "wait"
)

// A Policy decides by itself what is to be done with letters.
type Policy struct {
	// MaxReplays is how often an event is sent again; defaults to [DefaultMaxReplays].
	// Then its letter is archived.
	MaxReplays int

	// Wait is how long a letter waits before it is sent, from when it was received. It
	// doubles each time that the event has been sent before, up to MaxWait. They
	// default to 1m and 1h.
	Wait, MaxWait time.Duration
}

// A Task is what is to be done with a letter.
type Task struct {
	Letter *Letter
	Do     Action
	Until  time.Time // of [Later]
	Note   string    // of [Shelf]: why
}

// Decide returns what is to be done with a letter now.
func (p Policy) Decide(l *Letter, now time.Time) Task {
	fill(&p.MaxReplays, DefaultMaxReplays)
	fill(&p.Wait, time.Minute)
	fill(&p.MaxWait, time.Hour)
	t := Task{Letter: l, Do: Shelf}
	switch CategoryOf(l.Code) {
	case Transient:
		n := l.Count()
		if n >= p.MaxReplays {
			t.Note = fmt.Sprintf("it was sent again %d times, and came back", n)
			return t
		}
		if l.Truncated() {
			t.Note = "its topic took the beginning of the value only"
			return t
		}
		wait := p.Wait
		for range n {
			wait = min(2*wait, p.MaxWait)
		}
		if t.Until = l.Received.Add(min(wait, p.MaxWait)); t.Until.After(now) {
			t.Do = Later
			return t
		}
		t.Do = Send
	case Data:
		t.Do = Files
	case Other:
		t.Note = "nothing that a program could do: " + string(l.Code)
	}
	return t
}

// Process makes tasks of letters: Policy is the stage that categorises them.
func (p Policy) Process(_ context.Context, in []pipeline.Record[*Letter], out *pipeline.Outbox[Task]) error {
	now := time.Now()
	for i, r := range in {
		out.Emit(i, p.Decide(r.Value, now))
	}
	return nil
}

// Outlets returns none.
func (Policy) Outlets() []pipeline.Outlet { return nil }

// only is a stage that passes on the tasks of one action; those of others go
// elsewhere.
type only Action

func (o only) Process(_ context.Context, in []pipeline.Record[Task], out *pipeline.Outbox[Task]) error {
	for i, r := range in {
		if r.Value.Do == Action(o) {
			out.Emit(i, r.Value)
		} else {
			out.Drop(i, "not_for_"+string(o))
		}
	}
	return nil
}

func (only) Outlets() []pipeline.Outlet { return nil }
