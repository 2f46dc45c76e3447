// Package demo is the embedded default: it generates Cassandra changes, sends
// them through a real pipeline into a real PostgreSQL, and holds every row of the
// replica against an oracle.
package demo

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// Options say what to run.
type Options struct {
	Dir    string  // where everything is kept
	Events uint64  // to end after, and compare; 0 goes on until told to stop
	Seed   uint64  // of the events
	Rate   float64 // events a second at most; 0 for as many as go, or a gentle default without an end
	Reset  bool    // begin anew, whatever Dir holds

	Registry *plugin.Registry // the parts of the embedded pipeline
	Logger   *slog.Logger

	// Serve starts what answers probes and Prometheus, and returns its address and
	// what ends it. It may be nil.
	Serve func(stats func() pipeline.Stats) (addr string, end func(), err error)

	// Started is called when everything runs, Progress now and then.
	Started  func(Addresses)
	Progress func(Progress)
}

// Addresses say where the parts of a run are.
type Addresses struct {
	Dir, Kafka, Postgres, Redis string
	Admin                       string // empty without one
	Resumed                     bool   // an earlier process began this run
}

// Progress says how far a run is.
type Progress struct {
	Generated uint64 // events
	Settled   uint64 // of them: merged, or on an outlet
	Elapsed   time.Duration
	Lag       time.Duration // age of the oldest event that has not settled
	Letters   map[pipeline.Outlet]int64
	Comparing bool // all is merged, and is held against the oracle
}

// A Summary is what a run came to.
type Summary struct {
	Events          uint64  `json:"events"`
	Seconds         float64 `json:"seconds"`
	EventsPerSecond float64 `json:"events_per_second"`
	Rows            int     `json:"rows"`
	Mismatches      int     `json:"mismatches"`
	DeadLetters     int     `json:"dead_letters"`
	Invalid         int     `json:"invalid"`
	Stale           int     `json:"stale"`
	Seed            uint64  `json:"seed"`
	Compared        bool    `json:"compared"` // false if the run was stopped before its end

	First   []Mismatch `json:"first_mismatches,omitempty"`
	Missing []string   `json:"letters_wrong,omitempty"` // malformed events that are not where they belong
}

// Text is the summary for people.
func (s Summary) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events in %.1f s, %.0f a second\n", s.Events, s.Seconds, s.EventsPerSecond)
	fmt.Fprintf(&b, "left by outlets: %d dead letters, %d invalid, %d stale\n", s.DeadLetters, s.Invalid, s.Stale)
	if !s.Compared {
		b.WriteString("stopped before the end: not compared; the next run goes on from here\n")
		return b.String()
	}
	fmt.Fprintf(&b, "%d rows compared with the oracle, %d differ\n", s.Rows, s.Mismatches)
	for _, m := range s.First {
		fmt.Fprintf(&b, "  %s\n     got %s\n    want %s\n", m.Table, m.Got, m.Want)
	}
	for _, m := range s.Missing {
		fmt.Fprintf(&b, "  %s\n", m)
	}
	return b.String()
}

// Err returns the fault of a replica that is not what it must be.
func (s Summary) Err() error {
	if s.Mismatches == 0 {
		return nil
	}
	return fault.New(fault.Mismatch, "seed %d, %d events: %d differences", s.Seed, s.Events, s.Mismatches)
}
