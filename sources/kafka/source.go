// Package kafka reads change events from Kafka topics, as a member of a consumer
// group.
//
// The group divides the partitions among the workers. Where reading begins in one
// is what the engine has on record; else what the group has; else [Config.Start].
// The group's offsets are committed for lag tools and autoscalers.
//
// A partition that moves to another worker is given up when what is in flight of
// it has settled and its last mark is on record, or after [Config.RevokeWait]: a
// rebalance loses nothing, and doubles nothing that settles in time.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// leaveWait bounds how long Close waits for the group to be left.
const leaveWait = 10 * time.Second

// A Source reads events from Kafka.
type Source struct {
	cfg   Config
	log   *slog.Logger
	extra []kgo.Opt
	seed  maphash.Seed

	parts  pipeline.Partitions
	cl     *kgo.Client
	admin  *kadm.Client
	opened chan struct{}   // closed when the three are set
	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	tasks  sync.WaitGroup // a poll, and watch
	ready  chan struct{}  // of capacity 1: Read should look again

	mu      sync.Mutex
	owned   map[pipeline.Partition]*ownership
	queue   []pipeline.Batch[*cdc.Event] // polled, not yet read
	polling bool
	failed  error           // what Read returns after the queue
	gone    map[string]bool // topics that were missing when last looked for
	counts  counts
}

var (
	_ pipeline.Source[*cdc.Event] = (*Source)(nil)
	_ pipeline.Pauser             = (*Source)(nil)
	_ pipeline.Ender              = (*Source)(nil)
	_ pipeline.Closer             = (*Source)(nil)
)

// New returns a source; nothing is dialled until Open. The client takes extra
// options after the source's own, for hooks such as kprom's metrics.
func New(cfg Config, log *slog.Logger, extra ...kgo.Opt) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	s := &Source{
		cfg: cfg.withDefaults(), log: log, extra: extra, seed: maphash.MakeSeed(), ready: make(chan struct{}, 1), opened: make(chan struct{}),
		owned: map[pipeline.Partition]*ownership{}, gone: map[string]bool{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Open checks that brokers answer and topics exist, and joins the group.
func (s *Source) Open(ctx context.Context, parts pipeline.Partitions) error {
	s.parts = parts
	cl, err := kafkaconn.New(s.cfg.connection(), s.log, s.options()...)
	if err != nil {
		return err
	}
	s.cl, s.admin = cl, kadm.NewClient(cl)
	close(s.opened)
	s.tasks.Go(s.watch)
	if err := kafkaconn.Ping(ctx, s.cfg.connection(), cl); err != nil {
		return err
	}
	if len(s.cfg.TopicPatterns) > 0 { // which the client matches already
		return s.check(ctx)
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	cl.AddConsumeTopics(s.cfg.Topics...)
	return nil
}

// Read returns the next batch: of one partition, from one fetch.
func (s *Source) Read(ctx context.Context) (pipeline.Batch[*cdc.Event], error) {
	for {
		if b, ok, err := s.next(); ok || err != nil {
			return b, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return pipeline.Batch[*cdc.Event]{}, ctx.Err()
		}
	}
}

// next returns a batch if there is one, and otherwise sees to it that the client
// is polled.
func (s *Source) next() (b pipeline.Batch[*cdc.Event], ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		b, s.queue[0] = s.queue[0], b
		s.queue = s.queue[1:]
		return b, true, nil
	}
	if err := errors.Join(s.failed, s.ctx.Err()); err != nil {
		return b, false, err
	}
	if !s.polling {
		s.polling = true
		s.tasks.Go(s.poll)
	}
	return b, false, nil
}

// poll fills the queue. It is a goroutine of its own since a poll waits for a
// rebalance under way whatever becomes of its context. No rebalance begins until
// what was polled is tagged with the claims it was read under.
func (s *Source) poll() {
	fs := s.cl.PollRecords(s.ctx, s.cfg.BatchRecords)
	s.take(fs)
	s.cl.AllowRebalance()
	s.mu.Lock()
	s.polling = false
	s.mu.Unlock()
	s.wake()
}

func (s *Source) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// fail makes Read return err after what is queued.
func (s *Source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *Source) failLocked(err error) {
	if s.failed == nil {
		s.failed = err
	}
	s.wake()
}

// Commit commits to the group.
func (s *Source) Commit(ctx context.Context, marks []pipeline.Mark) error {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	s.mu.Lock()
	for _, m := range marks {
		t, p, ok := split(m.Partition)
		if o := s.owned[m.Partition]; !ok || o != nil && o.committed == m {
			continue
		}
		if offsets[t] == nil {
			offsets[t] = map[int32]kgo.EpochOffset{}
		}
		offsets[t][p] = after(m)
	}
	s.mu.Unlock()
	if len(offsets) == 0 {
		return nil
	}
	var failed error
	s.cl.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		failed = err
		if err != nil {
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil && failed == nil { // one stands for all
					failed = fmt.Errorf("commit %s to group %s: %w", name(t.Topic, p.Partition), s.cfg.Group, err)
				}
			}
		}
	})
	if failed != nil {
		return failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range marks {
		if o := s.owned[m.Partition]; o != nil {
			o.committed = m
		}
	}
	return nil
}

// Close leaves the group, unless the worker is a static member of it.
func (s *Source) Close(ctx context.Context) error {
	s.stop()
	if s.cl == nil {
		return nil
	}
	s.tasks.Wait()
	ctx, cancel := context.WithTimeout(ctx, leaveWait)
	defer cancel()
	s.cl.AllowRebalance()
	_ = s.cl.LeaveGroupContext(ctx) // should it fail, the session timeout does it
	s.cl.CloseAllowingRebalance()
	return nil
}
