package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// adjust says where reading begins in partitions that were assigned, given the
// group's offsets: the client calls it after assigned and before it fetches. Its
// context ends when they are to be given up again; until then a record that cannot
// be read is waited for, while the rest goes on.
func (s *Source) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var ps []pipeline.Partition
	ids := map[string]topicID{}
	for t, m := range offsets {
		ids[t] = topicID{}
		for p := range m {
			ps = append(ps, name(t, p))
		}
	}
	var marks []pipeline.Mark
	err := s.persist(ctx, "finding out where to resume", func() (err error) {
		if marks, err = s.parts.Resume(ctx, ps...); err == nil {
			ids, err = s.topicIDs(ctx, ids)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	anew := map[pipeline.Partition]bool{} // partitions of topics that were created anew
	var ahead []pipeline.Mark             // of what the group has
	for _, m := range marks {
		t, p, _ := split(m.Partition)
		if now := ids[t].String(); m.Log != "" && now != "" && now != m.Log {
			if s.cfg.OnLostOffset == fail {
				s.fail(fault.New(fault.TopicRecreated, "%s: offset %d is on record of topic %s; the topic of that name now is %s", m.Partition, m.Offset, m.Log, now))
				delete(offsets[t], p)
				continue
			}
			s.log.Warn("topic was deleted and created anew", "partition", m.Partition, "on_record", m.Offset, "begin", s.cfg.OnLostOffset)
			s.reclaim(m.Partition, -1) // the mark on record is of another topic
			anew[m.Partition] = true
			offsets[t][p] = offsetOf(s.cfg.OnLostOffset)
			continue
		}
		at := after(m)
		if offsets[t][p].EpochOffset().Offset < at.Offset {
			ahead = append(ahead, m)
		}
		offsets[t][p] = kgo.NewOffset().At(at.Offset).WithEpoch(at.Epoch)
	}
	s.begin(offsets, ids, len(marks))
	s.recommit(ahead)
	return offsets, s.start(ctx, offsets, anew)
}

// begin notes where reading begins in partitions that have an offset on record.
func (s *Source) begin(offsets map[string]map[int32]kgo.Offset, ids map[string]topicID, record int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total, known := 0, 0
	for t, m := range offsets {
		for p, at := range m {
			total++
			n := at.EpochOffset().Offset
			if n >= 0 {
				known++
			}
			if o := s.owned[name(t, p)]; o != nil {
				o.id, o.log = ids[t], ids[t].String()
				if n >= 0 {
					o.begun, o.position = true, n
				}
			}
		}
	}
	s.log.Info("partitions assigned", "group", s.cfg.Group, "partitions", total,
		"from_record", record, "from_group", max(0, known-record), "from_"+s.cfg.Start, total-known)
}

// recommit queues batches without records whose marks are on record already, so that
// the group's offsets follow: the worker before may have ended in between, and there
// need not be another record.
func (s *Source) recommit(marks []pipeline.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range marks {
		if o := s.owned[m.Partition]; o != nil {
			s.queue = append(s.queue, pipeline.Batch[*cdc.Event]{Claim: o.claim, Through: m})
		}
	}
	if len(marks) > 0 {
		s.wake()
	}
}

// start finds out where reading begins in the other partitions. An end is put on
// record by a batch without records, so that what comes after it is read even if the
// worker restarts before anything does; so is the beginning of a partition of a topic
// that was created anew, in the place of what the record has of the old one.
func (s *Source) start(ctx context.Context, offsets map[string]map[int32]kgo.Offset, anew map[pipeline.Partition]bool) error {
	for t, m := range offsets {
		for p, at := range m {
			if at.EpochOffset().Offset >= 0 {
				continue
			}
			list := s.admin.ListStartOffsets
			if at == offsetOf(latest) {
				list = s.admin.ListEndOffsets
				if s.cfg.Isolation == readCommitted {
					list = s.admin.ListCommittedOffsets
				}
			}
			err := s.persist(ctx, "finding out where to start", func() error {
				ends, err := list(ctx, t)
				if err != nil {
					return err
				}
				end, ok := ends.Lookup(t, p)
				if !ok {
					return fmt.Errorf("%s is not listed", name(t, p))
				} else if end.Err != nil {
					return end.Err
				}
				m[p] = kgo.NewOffset().At(end.Offset)
				s.started(name(t, p), end, at == offsetOf(latest) || anew[name(t, p)])
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// started notes where reading starts, and queues a batch without records if that is
// to be on record.
func (s *Source) started(p pipeline.Partition, at kadm.ListedOffset, record bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.owned[p]
	if o == nil {
		return
	}
	o.position = at.Offset
	if !record {
		return
	}
	s.queue = append(s.queue, pipeline.Batch[*cdc.Event]{
		Claim: o.claim, Through: pipeline.Mark{Partition: p, Offset: at.Offset - 1, Epoch: at.LeaderEpoch, Log: o.log},
	})
	s.wake()
}

// persist calls f until it succeeds or ctx ends.
func (s *Source) persist(ctx context.Context, what string, f func() error) error {
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.log.Warn(what, "err", err, "again_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
