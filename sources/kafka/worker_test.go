package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sources/kafka"
)

// A target is what all workers of a test write to.
type target struct {
	mu   sync.Mutex
	seen map[string]int            // by value
	last map[string]map[string]int // by worker and key: the last number written
	out  []string                  // what came out of order
	news *sync.Cond
	room chan struct{} // a place for each value that is on its way
}

func newTarget() *target {
	g := &target{seen: map[string]int{}, last: map[string]map[string]int{}, room: make(chan struct{}, 200)}
	g.news = sync.NewCond(&g.mu)
	return g
}

// write counts values of the form key-number, whose numbers rise within a key.
func (g *target) write(worker, v string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[v]++
	key, number, _ := strings.Cut(v, "-")
	n, _ := strconv.Atoi(number)
	if g.last[worker] == nil {
		g.last[worker] = map[string]int{}
	}
	if g.seen[v] == 1 {
		if n < g.last[worker][key] {
			g.out = append(g.out, fmt.Sprintf("%s: %s after %d", worker, v, g.last[worker][key]))
		}
		<-g.room
		g.news.Broadcast()
	}
	g.last[worker][key] = n
}

// await waits until there are n distinct values.
func (g *target) await(t *testing.T, n int) {
	t.Helper()
	late := false
	defer time.AfterFunc(time.Minute, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		late = true
		g.news.Broadcast()
	}).Stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.seen) < n && !late {
		g.news.Wait()
	}
	if late {
		t.Errorf("got %d of %d values", len(g.seen), n)
	}
}

// check says whether there are n values in order, and returns how many came again.
func (g *target) check(t *testing.T, n int) (again int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range g.seen {
		again += k - 1
	}
	if len(g.seen) != n {
		t.Errorf("got %d values, want %d", len(g.seen), n)
	}
	if len(g.out) > 0 {
		t.Errorf("out of order: %v", g.out)
	}
	return again
}

// A worker runs a pipeline from Kafka to a target.
type worker struct {
	name string
	src  *kafka.Source
	wire *wire
	p    *pipeline.Pipeline
	done chan error
}

// A fleet is workers that share a group, a target and offsets of record.
type fleet struct {
	c       *cluster
	target  *target
	offsets *pipelinetest.Offsets // may be nil
	opts    []kgo.Opt
	cfg     func(*kafka.Config)
	started int
	wg      sync.WaitGroup
}

func (f *fleet) start(t *testing.T) *worker {
	t.Helper()
	f.started++
	cfg := f.c.config()
	if f.cfg != nil {
		f.cfg(&cfg)
	}
	w := &worker{name: fmt.Sprintf("w%d", f.started), done: make(chan error, 1)}
	cfg.ClientID = w.name
	w.src, w.wire = f.c.source(t, cfg, f.opts...)
	pc := pipeline.Config{Logger: slog.New(slog.DiscardHandler), CommitEvery: 100 * time.Millisecond, CommitRecords: 100}
	if f.offsets != nil {
		pc.Offsets = record{f.offsets, w.wire}
	}
	w.p = pipeline.New(w.name, pc)
	sink := pipeline.SinkFunc[*cdc.Event](func(_ context.Context, recs []pipeline.Record[*cdc.Event]) error {
		<-time.After(2 * time.Millisecond) // so that a rebalance finds records in flight
		if err := w.wire.alive(); err != nil {
			return err
		}
		for _, r := range recs {
			f.target.write(w.name, string(r.Value.Value))
		}
		return nil
	})
	pipeline.To(pipeline.From(w.p, "kafka", pipeline.Source[*cdc.Event](claimed{w.src, t})), "target", sink, pipeline.Lanes(4))
	pipeline.Bind(w.p, pipeline.DeadLetter, pipeline.Discard)
	f.wg.Go(func() { w.done <- w.p.Run(context.WithoutCancel(t.Context())) })
	return w
}

// claimed is a source whose batches are looked at: each must say under which claim
// it was read.
type claimed struct {
	*kafka.Source
	t *testing.T
}

func (c claimed) Read(ctx context.Context) (pipeline.Batch[*cdc.Event], error) {
	b, err := c.Source.Read(ctx)
	if err == nil && b.Claim == (pipeline.Claim{}) {
		c.t.Errorf("a batch of %s has no claim", b.Through.Partition)
	}
	return b, err
}

// stop drains the worker.
func (w *worker) stop(t *testing.T) {
	t.Helper()
	w.p.Drain()
	if err := <-w.done; err != nil {
		t.Errorf("%s: %v", w.name, err)
	}
}

// kill ends the worker as if its process had died: nothing it does has an effect
// any more.
func (w *worker) kill() {
	w.wire.cut()
	w.p.Abandon()
}

// record is offsets of record as a process sees them.
type record struct {
	*pipelinetest.Offsets
	wire *wire
}

func (o record) Save(ctx context.Context, marks []pipeline.Mark) error {
	if err := o.wire.alive(); err != nil {
		return err
	}
	return o.Offsets.Save(ctx, marks)
}

// flow produces n values to a topic of that many partitions, never far ahead of
// the target.
func (f *fleet) flow(t *testing.T, topic string, partitions, n int) {
	cl := f.c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	f.wg.Go(func() {
		for i := range n {
			select {
			case f.target.room <- struct{}{}:
			case <-t.Context().Done():
				return
			}
			key := i % 50
			cl.Produce(context.WithoutCancel(t.Context()), &kgo.Record{
				Topic: topic, Partition: int32(key % partitions), Key: fmt.Append(nil, key), Value: fmt.Appendf(nil, "%d-%d", key, i),
			}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
		}
	})
}
