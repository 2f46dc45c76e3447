package kafka

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/fault"
)

// Check looks whether the sink could work, without creating anything: whether
// brokers answer and the topic exists or may be left to be created. It is for
// cdcpipe doctor; what it returns says what it found.
func (l *Letters) Check(ctx context.Context) (found string, err error) { return l.p.check(ctx) }

// Check is [Letters.Check] for events.
func (s *Events) Check(ctx context.Context) (found string, err error) { return s.p.check(ctx) }

func (p *producer) check(ctx context.Context) (string, error) {
	cl, err := kafkaconn.Dial(ctx, p.cfg.connection(), p.log, p.extra...)
	if err != nil {
		return "", err
	}
	defer cl.Close()
	if p.cfg.Topic == "" {
		return "brokers answer: " + strings.Join(p.cfg.Brokers, ", "), nil
	}
	there, err := exists(ctx, cl, p.cfg.Topic)
	switch {
	case err != nil:
		return "", err
	case there:
		return "topic " + p.cfg.Topic, nil
	case !*p.cfg.Create:
		return "", fault.New(fault.TopicMissing, "%s does not exist, and create is false", p.cfg.Topic)
	}
	return fmt.Sprintf("topic %s, yet to be created", p.cfg.Topic), nil
}

// exists reports whether there is a topic.
func exists(ctx context.Context, cl *kgo.Client, topic string) (bool, error) {
	details, err := kadm.NewClient(cl).ListTopics(kadm.WithAuthorizedOps(ctx), topic) // not from the cache
	if err == nil {
		if err = details.Error(); !details.Has(topic) {
			return false, nil
		}
	}
	if kafkaconn.Denied(err) {
		return false, fault.Wrap(fault.SourceDenied, fmt.Errorf("look for topic %s: %w", topic, err))
	}
	if err != nil {
		return false, fault.Wrap(fault.OutletDown, fmt.Errorf("look for topic %s: %w", topic, err))
	}
	return true, nil
}
