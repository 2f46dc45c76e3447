package pipeline

import (
	"maps"
	"slices"
	"sync"
)

// Pause stops reading. What has been read goes on, and marks are committed. It
// may be called at any time, before Run too.
func (p *Pipeline) Pause() { p.pauses.setAll(true) }

// Resume ends a pause of the whole pipeline. Partitions paused by
// [Pipeline.PausePartition] stay paused.
func (p *Pipeline) Resume() { p.pauses.setAll(false) }

// Paused reports whether the whole pipeline is paused.
func (p *Pipeline) Paused() bool { return p.pauses.now().all }

// PausePartition stops reading one partition, which need not be assigned yet. A
// source that is a [Pauser] is told. Batches that come nevertheless are held back,
// up to a quarter of the budgets of [Config]; if more come, reading waits as a
// whole until some partition is resumed or revoked. Held batches are not in
// flight: revoking does not wait for them, and a drain leaves them to be read again.
func (p *Pipeline) PausePartition(q Partition) { p.pauses.set(q, true) }

// ResumePartition ends a pause of one partition.
func (p *Pipeline) ResumePartition(q Partition) { p.pauses.set(q, false) }

// pauses knows what is paused.
type pauses struct {
	telling sync.Mutex // held while the source is told, so that it hears in order
	source  Pauser     // nil unless open; guarded by telling

	mu    sync.Mutex
	state *pauseState
}

// A pauseState is never modified.
type pauseState struct {
	all     bool
	parts   map[Partition]struct{}
	changed chan struct{} // closed when another state, or a revocation, has come
}

func newPauses() *pauses { return &pauses{state: &pauseState{changed: make(chan struct{})}} }

func (s *pauseState) paused(p Partition) bool {
	_, ok := s.parts[p]
	return ok
}

func (s *pauseState) partitions() []Partition { return slices.Sorted(maps.Keys(s.parts)) }

func (ps *pauses) now() *pauseState {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.state
}

// change puts what edit makes of a copy of the state in its place.
func (ps *pauses) change(edit func(*pauseState)) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	next := &pauseState{all: ps.state.all, parts: ps.state.parts, changed: make(chan struct{})}
	edit(next)
	close(ps.state.changed)
	ps.state = next
}

// nudge makes the reader look again.
func (ps *pauses) nudge() { ps.change(func(*pauseState) {}) }

func (ps *pauses) setAll(v bool) { ps.change(func(s *pauseState) { s.all = v }) }

func (ps *pauses) set(p Partition, v bool) {
	ps.telling.Lock()
	defer ps.telling.Unlock()
	ps.change(func(s *pauseState) {
		s.parts = maps.Clone(s.parts)
		if v {
			if s.parts == nil {
				s.parts = map[Partition]struct{}{}
			}
			s.parts[p] = struct{}{}
		} else {
			delete(s.parts, p)
		}
	})
	switch {
	case ps.source == nil:
	case v:
		ps.source.PausePartitions(p)
	default:
		ps.source.ResumePartitions(p)
	}
}

// attach tells an open source what is paused, and henceforth what changes; nil
// detaches it.
func (ps *pauses) attach(src Pauser) {
	ps.telling.Lock()
	defer ps.telling.Unlock()
	ps.source = src
	if src == nil {
		return
	}
	if parts := ps.now().partitions(); len(parts) > 0 {
		src.PausePartitions(parts...)
	}
}
