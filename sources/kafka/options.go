package kafka

import (
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// commitWait bounds a commit of final marks during a rebalance.
const commitWait = 5 * time.Second

// options returns what a member of the group needs besides the connection.
func (s *Source) options() []kgo.Opt {
	c := s.cfg
	opts := []kgo.Opt{
		kgo.ConsumerGroup(c.Group),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(c.SessionTimeout),
		kgo.HeartbeatInterval(min(3*time.Second, c.SessionTimeout/3)),
		kgo.RebalanceTimeout(c.RevokeWait + commitWait + 10*time.Second),
		kgo.OnPartitionsAssigned(s.assigned),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.lost),
		kgo.AdjustFetchOffsetsFn(s.adjust),

		// Where the client would move on by itself is decided in trouble.go.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(), // an end of the log that holds nothing else is passed, too

		kgo.FetchMaxBytes(int32(c.FetchMaxBytes)),
		kgo.FetchMaxPartitionBytes(int32(c.FetchMaxPartitionBytes)),
		kgo.MaxConcurrentFetches(c.ConcurrentFetches),
		kgo.FetchMaxWait(c.FetchMaxWait),
		kgo.MaxDecompressBatchBytes(int(c.MaxBatchBytes)),
		kgo.MetadataMaxAge(c.MetadataMaxAge),
	}
	if c.GroupProtocol == consumer {
		opts = append(opts, kgo.ServerSideBalancer())
	} else {
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	if c.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(c.InstanceID))
	}
	opts = append(opts, kgo.ConsumeStartOffset(offsetOf(c.Start)))
	if c.Isolation == readCommitted {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	return append(append(opts, c.patterns()...), s.extra...)
}

func offsetOf(policy string) kgo.Offset {
	if policy == latest {
		return kgo.NewOffset().AtEnd()
	}
	return kgo.NewOffset().AtStart()
}

// patterns returns the options that say what to read if there are patterns. Topics
// alone are read once they are known to exist.
func (c Config) patterns() []kgo.Opt {
	if len(c.TopicPatterns) == 0 {
		return nil
	}
	var read, not []string
	for _, t := range c.Topics {
		read = append(read, whole(regexp.QuoteMeta(t)))
	}
	for _, p := range c.TopicPatterns {
		read = append(read, whole(p))
	}
	for _, p := range c.ExcludePatterns {
		not = append(not, whole(p))
	}
	return []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics(read...), kgo.ConsumeExcludeTopics(not...)}
}

// whole returns a pattern that matches what pattern matches from end to end.
func whole(pattern string) string { return "^(?:" + pattern + ")$" }
