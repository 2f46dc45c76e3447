package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline/fault"
)

// askWait bounds what is asked of the brokers to explain an error.
const askWait = 10 * time.Second

// trouble handles an error of a fetch. It returns what the operator must decide
// about, and nil for what the client gets over by itself. No rebalance is under
// way.
func (s *Source) trouble(t *kgo.FetchTopic, p *kgo.FetchPartition) error {
	topic, part, err := t.Topic, name(t.Topic, p.Partition), p.Err
	var (
		session  *kgo.ErrGroupSession
		loss     *kgo.ErrDataLoss
		tooLarge *kgo.ErrDecompressTooLarge
	)
	switch {
	case s.ctx.Err() != nil, errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled):
		return nil //nolint:nilerr // the source is being closed
	case errors.As(err, &session):
		return s.expelled(session.Err)
	case errors.As(err, &loss):
		return s.truncated(loss)
	case errors.As(err, &tooLarge):
		return fault.New(fault.BatchTooLarge, "%s: the batch at offset %d unpacks to more than %d bytes", part, tooLarge.Offset, s.cfg.MaxBatchBytes)
	}
	switch class, code := fetchClass(err); class {
	case lost:
		return s.outOfRange(topic, p)
	case replaced:
		return s.look(map[string]topicID{topic: t.TopicID})
	case stops:
		return fault.Wrap(code, fmt.Errorf("read %s: %w", s.place(topic, p.Partition), err))
	}
	s.log.Warn("kafka answers a fetch with an error that should pass", "partition", part, "err", err)
	return nil
}

// place says where reading is, as far as that is known.
func (s *Source) place(topic string, partition int32) string {
	if partition < 0 {
		return "topic " + topic
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := name(topic, partition)
	if o := s.owned[p]; o != nil && o.position >= 0 {
		return fmt.Sprintf("%s at offset %d", p, o.position)
	}
	return string(p)
}

// expelled judges why the worker is no member of the group. Most reasons pass.
func (s *Source) expelled(err error) error {
	if class, code := groupClass(err); class == stops {
		if code == fault.InstanceTaken {
			return fault.Wrap(code, fmt.Errorf("be member %q of group %s: %w", s.cfg.InstanceID, s.cfg.Group, err))
		}
		return fault.Wrap(code, fmt.Errorf("join group %s: %w", s.cfg.Group, err))
	}
	s.log.Warn("group session ended, joining again", "group", s.cfg.Group, "err", err)
	return nil
}

// truncated handles that a leader no longer has what was read: an election lost
// records that others have taken the offsets of. The client has gone back to where
// the log parts.
func (s *Source) truncated(loss *kgo.ErrDataLoss) error {
	p := name(loss.Topic, loss.Partition)
	if s.cfg.OnLostOffset == fail {
		return fault.New(fault.OffsetLost, "%s: was read up to offset %d, but what stands from offset %d on are other records now: Kafka lost those that were read (unclean leader election?)",
			p, loss.ConsumedTo-1, loss.ResetTo)
	}
	s.log.Warn("records that were read are no longer in the topic; reading what stands there now", "partition", p, "from", loss.ResetTo, "read_to", loss.ConsumedTo-1)
	s.reclaim(p, loss.ResetTo)
	return nil
}

// outOfRange handles that the next record is not in the topic: it was deleted
// before it was read, or the topic has become shorter.
func (s *Source) outOfRange(topic string, p *kgo.FetchPartition) error {
	part := name(topic, p.Partition)
	s.mu.Lock()
	o := s.owned[part]
	if o == nil {
		s.mu.Unlock()
		return nil
	}
	policy, want := s.cfg.OnLostOffset, o.position
	if !o.begun { // it was deleted since the brokers were asked where to start
		policy = s.cfg.Start
	}
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(s.ctx, askWait)
	defer cancel()
	begin, end, err := s.bounds(ctx, topic, p.Partition)
	switch {
	case policy == fail && err != nil:
		return fault.New(fault.OffsetLost, "%s: the record at offset %d is not in the topic", part, want)
	case policy == fail:
		return fault.New(fault.OffsetLost, "%s: the record at offset %d is not in the topic, which holds those from %d to before %d", part, want, begin, end)
	case err != nil:
		s.log.Warn("finding out what the topic holds", "partition", part, "err", err)
		return nil // the next fetch fails again
	}
	to := begin
	if policy == latest {
		to = end
	}
	s.log.Warn("records were deleted before they were read; going on without them", "partition", part, "wanted", want, "begin", begin, "end", end, "next", to)
	s.reclaim(part, to)
	s.cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {p.Partition: {Epoch: -1, Offset: to}}})
	return nil
}

func (s *Source) bounds(ctx context.Context, topic string, partition int32) (begin, end int64, err error) {
	starts, err := s.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	b, ok := starts.Lookup(topic, partition)
	e, ok2 := ends.Lookup(topic, partition)
	if !ok || !ok2 {
		return 0, 0, fmt.Errorf("%s is not listed", name(topic, partition))
	}
	return b.Offset, e.Offset, errors.Join(b.Err, e.Err)
}
