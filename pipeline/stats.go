package pipeline

import "time"

// Stats is a snapshot of a pipeline. Counts are since New.
type Stats struct {
	Pipeline string
	Open     bool // every part has opened, and none is closed yet

	InFlight, InFlightMax           int64 // records read but not settled
	InFlightBytes, InFlightBytesMax int64
	Held, HeldBytes                 int64 // of paused partitions

	Paused           bool // as a whole
	PausedPartitions []Partition

	Steps      []StepStats      // in the order they were added
	Partitions []PartitionStats // owned now, by name

	Commit       Distribution[time.Duration]
	CommitFailed int64 // of those in Commit
}

// StepStats says what a step has done. Records that are tried again are counted
// once, except in Attempts.
type StepStats struct {
	Name     string
	Kind     Kind
	In, Out  int64 // records; those of a sink's Out are durable
	Bytes    int64 // of In, by [Header.Size]
	Dropped  map[string]int64
	Diverted map[Outlet]int64
	Attempts int64 // calls of Process or Write
	Retries  int64
	Queue    Queue
	Breaker  BreakerState // empty for a source and where there is none

	Duration  Distribution[time.Duration] // of attempts
	BatchSize Distribution[int64]         // records

	Measures []Measure // of the part itself, if it is a [Measurer]
}

// A Queue is what waits in front of a step.
type Queue struct {
	Records  int64 // sent to the step and not begun, lanes and gathering included
	Batches  int   // in the channel
	Capacity int   // of the channel, in batches
}

// Stats returns a snapshot. It may be called at any time from any goroutine; the
// numbers in it are not all of one instant.
func (p *Pipeline) Stats() Stats {
	used, pauses := p.budget.inUse(), p.pauses.now()
	st := Stats{
		Pipeline: p.name, Open: p.open.Load(),
		InFlight: used.records, InFlightMax: p.budget.max.records,
		InFlightBytes: used.bytes, InFlightBytesMax: p.budget.max.bytes,
		Held: p.heldRecords.Load(), HeldBytes: p.heldBytes.Load(),
		Paused: pauses.all, PausedPartitions: pauses.partitions(),
		Commit: p.marks.took.snapshot(), CommitFailed: p.marks.failed.Load(),
	}
	for _, s := range p.steps {
		st.Steps = append(st.Steps, s.stats())
	}
	var ends map[Partition]int64
	if p.ender != nil && st.Open {
		ends = p.ender.Ends()
	}
	for _, l := range p.claims.all() {
		s := l.stats()
		if end, ok := ends[s.Partition]; ok {
			s.End = end
		}
		st.Partitions = append(st.Partitions, s)
	}
	return st
}

func (s *step) stats() StepStats {
	st := StepStats{
		Name: s.name, Kind: s.kind,
		In: s.meter.in.Load(), Out: s.meter.out.Load(), Bytes: s.meter.bytes.Load(),
		Dropped: s.meter.dropped.snapshot(), Diverted: s.meter.diverted.snapshot(),
		Attempts: s.meter.attempts.Load(), Retries: s.meter.retries.Load(),
		Queue:    Queue{Records: s.meter.waiting.Load()},
		Duration: s.meter.took.snapshot(), BatchSize: s.meter.sizes.snapshot(),
	}
	if s.queue != nil {
		st.Queue.Batches, st.Queue.Capacity = s.queue()
	}
	if s.own != nil {
		st.Measures = s.own()
	}
	if s.kind != SourceKind {
		st.Breaker = s.guard.state()
	}
	return st
}
