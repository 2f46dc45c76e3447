package kafka

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// An ownership is what is known of a partition that is assigned.
type ownership struct {
	name      pipeline.Partition
	claim     pipeline.Claim
	begun     bool  // at an offset on record, or something was read
	position  int64 // the offset that comes next, -1 if unknown
	high      int64 // the high watermark when last heard of
	id        topicID
	log       string        // its text
	committed pipeline.Mark // to the group
}

// The client calls assigned, revoked and lost one at a time, and none of them
// between a poll and AllowRebalance.

func (s *Source) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	ps := names(m)
	if len(ps) == 0 {
		return
	}
	<-s.opened // the client may be quicker than Open
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.assigned += int64(len(ps))
	for _, p := range ps {
		s.drop(p)
		t, _, _ := split(p)
		s.found(t)
		s.owned[p] = &ownership{name: p, claim: s.parts.Assign(p), position: -1, high: -1}
	}
}

// revoked gives partitions up in order: what is in flight settles, or RevokeWait
// ends, and their final marks are committed before the next owner asks for them.
func (s *Source) revoked(ctx context.Context, _ *kgo.Client, m map[string][]int32) {
	ps := names(m)
	if len(ps) == 0 {
		return
	}
	wait, cancel := context.WithTimeout(ctx, s.cfg.RevokeWait)
	defer cancel()
	marks := s.parts.Revoke(wait, ps...)
	within, cancel := context.WithTimeout(ctx, commitWait)
	defer cancel()
	if err := s.Commit(within, marks); err != nil {
		s.log.Warn("committing the offsets of revoked partitions to the group", "group", s.cfg.Group, "err", err)
	}
	s.forget(ps, &s.counts.revoked)
}

// lost notes that partitions are someone else's already.
func (s *Source) lost(ctx context.Context, _ *kgo.Client, m map[string][]int32) {
	ps := names(m)
	if len(ps) == 0 {
		return
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	s.parts.Revoke(over, ps...)
	s.forget(ps, &s.counts.lost)
	s.log.Warn("partitions were lost: what is in flight of them is read again by their next owner", "group", s.cfg.Group, "partitions", ps)
}

func (s *Source) forget(ps []pipeline.Partition, count *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*count += int64(len(ps))
	for _, p := range ps {
		s.drop(p)
		delete(s.owned, p)
	}
}

// drop removes what is queued of p.
func (s *Source) drop(p pipeline.Partition) {
	s.queue = slices.DeleteFunc(s.queue, func(b pipeline.Batch[*cdc.Event]) bool { return b.Through.Partition == p })
}

// reclaim makes what is read of p from now on independent of what was read
// before, so that its offsets may go back.
func (s *Source) reclaim(p pipeline.Partition, position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(p)
	if o := s.owned[p]; o != nil {
		o.claim, o.position, o.committed = s.parts.Assign(p), position, pipeline.Mark{}
	}
}

// PausePartitions stops fetching ps.
func (s *Source) PausePartitions(ps ...pipeline.Partition) { s.cl.PauseFetchPartitions(byTopic(ps)) }

// ResumePartitions fetches ps again.
func (s *Source) ResumePartitions(ps ...pipeline.Partition) { s.cl.ResumeFetchPartitions(byTopic(ps)) }
