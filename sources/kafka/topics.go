package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/fault"
)

// check asks the brokers for the topics that are named.
func (s *Source) check(ctx context.Context) error {
	if len(s.cfg.Topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	details, err := s.admin.ListTopics(ctx, s.cfg.Topics...)
	if err != nil {
		return judge(fmt.Errorf("look for topics: %w", err))
	}
	var missing []string
	for _, t := range s.cfg.Topics {
		d, ok := details[t]
		switch {
		case !ok || errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			missing = append(missing, t)
		case d.Err != nil && !kerr.IsRetriable(d.Err):
			return judge(fmt.Errorf("look for topic %s: %w", t, d.Err))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	if !s.cfg.WaitForTopics {
		return fault.New(fault.TopicMissing, "%s", strings.Join(missing, ", "))
	}
	s.log.Warn("topics do not exist yet, waiting for them", "topics", missing)
	return nil
}

func judge(err error) error {
	if kafkaconn.Denied(err) {
		return fault.Wrap(fault.SourceDenied, err)
	}
	return fault.Wrap(fault.BrokerDown, err)
}
