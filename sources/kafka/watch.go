package kafka

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"cdcpipe/pipeline/fault"
)

// watch looks after the topics that are read. A client whose topic is deleted
// fetches on and hears nothing that it would pass on; one whose topic is created
// anew never goes on with it.
func (s *Source) watch() {
	every := time.NewTicker(s.cfg.MetadataMaxAge)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			if err := s.look(s.reading()); err != nil {
				s.fail(err)
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// reading returns the topics of owned partitions, with their ids.
func (s *Source) reading() map[string]topicID {
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := map[string]topicID{}
	for p, o := range s.owned {
		t, _, _ := split(p)
		topics[t] = o.id
	}
	return topics
}

// look asks the brokers whether topics are still those that have the ids, and
// returns what the operator must decide about.
func (s *Source) look(topics map[string]topicID) error {
	if len(topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, askWait)
	defer cancel()
	now, err := s.topicIDs(ctx, topics)
	if err != nil {
		s.log.Warn("looking after topics", "err", err)
		return nil
	}
	var failed error
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, was := range topics {
		id, exists := now[t]
		switch {
		case exists && id != was && id != (topicID{}) && was != (topicID{}):
			failed = errors.Join(failed, fault.New(fault.TopicRecreated, "topic %s: the one that was read, %s, is gone; the topic of that name now is %s", t, was, id))
		case exists:
			s.found(t)
		case !s.gone[t]: // brokers may disagree for a while
			s.gone[t] = true
			s.cl.PauseFetchTopics(t)
		case slices.Contains(s.cfg.Topics, t):
			failed = errors.Join(failed, fault.New(fault.TopicMissing, "topic %s was deleted", t))
		default:
			s.log.Warn("topic was deleted", "topic", t)
		}
	}
	return failed
}

// found ends what look began when it missed a topic.
func (s *Source) found(topic string) {
	if s.gone[topic] {
		delete(s.gone, topic)
		s.cl.ResumeFetchTopics(topic)
	}
}

// topicIDs returns the ids of those of topics that exist. An id is zero if the
// brokers have none.
func (s *Source) topicIDs(ctx context.Context, topics map[string]topicID) (map[string]topicID, error) {
	var ts []string
	for t := range topics {
		ts = append(ts, t)
	}
	details, err := s.admin.ListTopics(ctx, ts...)
	if err != nil {
		return nil, err
	}
	ids := map[string]topicID{}
	for t, d := range details {
		if !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			ids[t] = topicID(d.ID)
		}
	}
	return ids, nil
}
