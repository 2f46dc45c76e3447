package pipeline

import (
	"context"
	"time"
)

// An Outlet is a named side exit from a pipeline.
type Outlet string

// The outlets every pipeline knows. A pipeline may bind others.
const (
	DeadLetter Outlet = "dead_letter" // could not be handled
	Invalid    Outlet = "invalid"     // violates its schema or a rule
	Stale      Outlet = "stale"       // older than what the target already has
)

// A Diverter is a stage, sink or judge that says which outlets it uses, so that
// an unbound one is found when the pipeline is built. One that does not say is
// taken to use [DeadLetter].
type Diverter interface {
	Outlets() []Outlet
}

// A Reject is a record that left by an outlet. Outlets are fed through an
// ordinary [Sink], so they are retried, batched and measured like any other.
type Reject struct {
	Outlet Outlet
	Step   string // by which it was rejected
	Cause  error
	Value  any // the record as the step received it
	Origin any // the record as the source read it: [Header.Origin]

	Attempts                int // how often the step tried it, at least 1
	FirstFailed, LastFailed time.Time
}

// Discard is a sink that forgets what it is given. Binding it to an outlet is
// the one way to lose records on purpose.
var Discard Sink[Reject] = discard{}

type discard struct{}

func (discard) Write(context.Context, []Record[Reject]) error { return nil }
func (discard) Outlets() []Outlet                             { return nil }
