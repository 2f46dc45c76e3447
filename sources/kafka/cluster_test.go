package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sources/kafka"
)

// A cluster is a fake Kafka on a network of its own, so that a test may run it on
// the fake clock of a synctest bubble.
type cluster struct {
	*kfake.Cluster
	net     kfake.VirtualNetwork
	brokers []string
}

const (
	heartbeat = 200 * time.Millisecond // so that members see a rebalance soon
	session   = 6 * time.Second        // so that a busy machine does not look like a dead one
)

func newCluster(t testing.TB, brokers int, opts ...kfake.Opt) *cluster {
	t.Helper()
	c := &cluster{}
	var ports []int
	for i := range brokers {
		ports = append(ports, 9092+i)
		c.brokers = append(c.brokers, net.JoinHostPort("127.0.0.1", strconv.Itoa(9092+i)))
	}
	var err error
	c.Cluster, err = kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(brokers), kfake.Ports(ports...), kfake.ListenFn(c.net.Listen),
		kfake.GroupMinSessionTimeout(time.Second), kfake.BrokerConfigs(map[string]string{
			"group.consumer.heartbeat.interval.ms": "200", "group.consumer.session.timeout.ms": "6000",
		})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (c *cluster) config() kafka.Config {
	return kafka.Config{
		Brokers: c.brokers, Topics: []string{"t"}, Group: "g", FetchMaxWait: 50 * time.Millisecond,
		SessionTimeout: session, RevokeWait: 5 * time.Second, ConnectTimeout: 5 * time.Second,
	}
}

// joined waits until the group has so many members, each with partitions.
func (f *fleet) joined(t testing.TB, members int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := f.c.WaitGroupInfo(ctx, "g", func(g *kfake.GroupInfo) bool {
		n := 0
		if g != nil && g.State == "Stable" {
			for _, m := range g.Members {
				if m.NumAssigned() > 0 {
					n++
				}
			}
		}
		return n == members
	})
	if err != nil {
		t.Errorf("waiting for %d members: %v", members, err)
	}
}

// client returns a client that is closed with the test.
func (c *cluster) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.brokers...), kgo.Dialer(c.net.DialContext), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.ProducerLinger(0),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// produce writes values to a partition.
func produce(t testing.TB, cl *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte("k" + v), Value: []byte(v)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// A wire is a worker's connection to the cluster, which can be cut.
type wire struct {
	c *cluster

	mu    sync.Mutex
	conns []net.Conn
	dead  bool
}

func (w *wire) dial(ctx context.Context, network, host string) (net.Conn, error) {
	conn, err := w.c.net.DialContext(ctx, network, host)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		conn.Close()
		return nil, errors.New("the wire is cut")
	}
	w.conns = append(w.conns, conn)
	return conn, nil
}

// snap breaks the connections there are; others can be made.
func (w *wire) snap() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

// cut ends all connections for good.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	for _, c := range w.conns {
		c.Close()
	}
}

func (w *wire) alive() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errors.New("the process is dead")
	}
	return nil
}

// source returns a source whose client dials through a wire.
func (c *cluster) source(t testing.TB, cfg kafka.Config, opts ...kgo.Opt) (*kafka.Source, *wire) {
	t.Helper()
	w := &wire{c: c}
	src, err := kafka.New(cfg, slog.New(slog.DiscardHandler), append([]kgo.Opt{kgo.Dialer(w.dial), kgo.HeartbeatInterval(heartbeat)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return src, w
}

// A reader reads a source without a pipeline: what it reads settles at once.
type reader struct {
	src     *kafka.Source
	parts   *partitions
	stopped bool
}

// open opens a source. Marks are those on record.
func open(t testing.TB, src *kafka.Source, marks ...pipeline.Mark) *reader {
	t.Helper()
	r := &reader{src: src, parts: &partitions{record: map[pipeline.Partition]pipeline.Mark{}}}
	for _, m := range marks {
		r.parts.record[m.Partition] = m
	}
	if err := src.Open(t.Context(), r.parts); err != nil {
		_ = src.Close(context.WithoutCancel(t.Context()))
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close(t) })
	return r
}

func (r *reader) close(t testing.TB) {
	if r.stopped {
		return
	}
	r.stopped = true
	if err := r.src.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// read returns the next batch, or an error if there is none for a minute.
func (r *reader) read(t testing.TB) (pipeline.Batch[*cdc.Event], error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := r.src.Read(ctx)
	if err == nil {
		r.parts.settle(b.Through)
	}
	return b, err
}

// values reads n records and returns their values as partition:offset=value.
func (r *reader) values(t testing.TB, n int) (vs []string) {
	t.Helper()
	for len(vs) < n {
		b, err := r.read(t)
		if err != nil {
			t.Fatalf("after %v: %v", vs, err)
		}
		for _, rec := range b.Records {
			vs = append(vs, fmt.Sprintf("%s:%d=%s", rec.Partition, rec.Offset, rec.Value.Value))
		}
	}
	return vs
}

// none fails if there is something to read within a while.
func (r *reader) none(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		b, err := r.src.Read(ctx)
		switch {
		case err == nil && len(b.Records) > 0:
			t.Fatalf("got a batch of %d through %v, want none", len(b.Records), b.Through)
		case err != nil && ctx.Err() == nil:
			t.Fatal(err)
		case err != nil:
			return
		}
	}
}

// partitions is an engine in which all that is read settles.
type partitions struct {
	mu      sync.Mutex
	record  map[pipeline.Partition]pipeline.Mark
	claims  int
	onLeave func(ctx context.Context) // called by Revoke
	settled map[pipeline.Partition]pipeline.Mark
}

func (p *partitions) Assign(pipeline.Partition) pipeline.Claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims++
	return pipeline.Claim{}
}

// owned returns how many partitions were assigned.
func (p *partitions) owned() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claims
}

func (p *partitions) mark(q pipeline.Partition) pipeline.Mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settled[q]
}

func (p *partitions) settle(m pipeline.Mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.settled == nil {
		p.settled = map[pipeline.Partition]pipeline.Mark{}
	}
	p.settled[m.Partition] = m
}

func (p *partitions) Resume(_ context.Context, ps ...pipeline.Partition) (ms []pipeline.Mark, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range ps {
		if m, ok := p.record[q]; ok {
			ms = append(ms, m)
		}
	}
	return ms, nil
}

func (p *partitions) Revoke(ctx context.Context, ps ...pipeline.Partition) (ms []pipeline.Mark) {
	if p.onLeave != nil {
		p.onLeave(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range ps {
		if m, ok := p.settled[q]; ok {
			ms = append(ms, m)
		}
	}
	return ms
}
