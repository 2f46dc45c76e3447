package kafka

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/fault"
)

// Check looks whether the source could work, without joining the group: whether
// brokers answer, whether there are topics that may be read, and whether the group
// may be asked for. It is for cdcpipe doctor; what it returns says what it found.
func (s *Source) Check(ctx context.Context) (found string, err error) {
	cl, err := kafkaconn.Dial(ctx, s.cfg.connection(), s.log, s.extra...)
	if err != nil {
		return "", err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	meta, err := admin.Metadata(kadm.WithAuthorizedOps(ctx)) // not from the cache
	if err != nil {
		return "", judge(fmt.Errorf("ask for topics: %w", err))
	}
	topics, partitions := 0, 0
	for name, t := range meta.Topics {
		if !s.cfg.reads(name) || t.Err != nil {
			continue
		}
		topics++
		partitions += len(t.Partitions)
		if may := t.AuthorizedOperations; len(may) > 0 && !slices.Contains(may, kadm.OpRead) && !slices.Contains(may, kadm.OpAll) {
			return "", fault.New(fault.SourceDenied, "the user may not read topic %s", name)
		}
	}
	found = fmt.Sprintf("%d brokers, %d topics to read with %d partitions", len(meta.Brokers), topics, partitions)
	for _, t := range s.cfg.Topics {
		if d, ok := meta.Topics[t]; (!ok || d.Err != nil) && !s.cfg.WaitForTopics {
			return found, fault.New(fault.TopicMissing, "%s; there is no topic %s", found, t)
		}
	}
	groups, err := admin.DescribeGroups(ctx, s.cfg.Group)
	if err == nil {
		err = groups.Error()
	}
	if kafkaconn.Denied(err) {
		return found, fault.Wrap(fault.SourceDenied, fmt.Errorf("ask for group %s: %w", s.cfg.Group, err))
	}
	return found, nil
}

// reads reports whether a topic of that name is read.
func (c Config) reads(topic string) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := regexp.MatchString(whole(p), topic)
			return err == nil && ok
		})
	}
	return (slices.Contains(c.Topics, topic) || matches(c.TopicPatterns)) && !matches(c.ExcludePatterns)
}
