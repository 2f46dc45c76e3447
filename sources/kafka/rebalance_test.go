package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sources/kafka"
)

// Members join and leave while records flow: nothing is lost, nothing comes twice.
func TestRebalance(t *testing.T) {
	t.Parallel()
	protocols := []struct {
		name string
		opts []kgo.Opt
		cfg  func(*kafka.Config)
	}{
		{"cooperative", nil, nil},
		{"eager", []kgo.Opt{kgo.Balancers(kgo.RangeBalancer())}, nil},
		{"consumer", nil, func(c *kafka.Config) { c.GroupProtocol = "consumer" }},
		{"static", nil, nil},
	}
	for _, p := range protocols {
		for _, offsets := range []string{"record", "group"} {
			t.Run(p.name+"/"+offsets, func(t *testing.T) {
				t.Parallel()
				f := &fleet{c: newCluster(t, 2, kfake.SeedTopics(6, "t")), target: newTarget(), opts: p.opts, cfg: p.cfg}
				if offsets == "record" {
					f.offsets = &pipelinetest.Offsets{}
				}
				if p.name == "static" {
					f.cfg = func(c *kafka.Config) { c.InstanceID = fmt.Sprint("i", f.started%3) }
				}
				const n = 6000
				f.flow(t, "t", 6, n)
				first := f.start(t)
				f.target.await(t, n/10)
				second := f.start(t)
				f.joined(t, 2)
				third := f.start(t)
				f.joined(t, 3)
				f.target.await(t, n/3)
				first.stop(t)
				fourth := f.start(t)
				f.target.await(t, n/2)
				second.stop(t)
				fifth := f.start(t)
				f.target.await(t, n)
				for _, w := range []*worker{third, fourth, fifth} {
					w.stop(t)
				}
				f.wg.Wait()
				if again := f.target.check(t, n); again > 0 {
					t.Errorf("%d records came twice", again)
				}
			})
		}
	}
}

// A member that dies without leaving loses nothing: what it had in flight is read
// again by others.
func TestKilledMember(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f := &fleet{c: newCluster(t, 2, kfake.SeedTopics(6, "t")), target: newTarget(), offsets: &pipelinetest.Offsets{}}
			f.c.SetGroupConfigs("g", map[string]string{"consumer.session.timeout.ms": "2000"})
			f.cfg = func(c *kafka.Config) { c.GroupProtocol, c.SessionTimeout = protocol, 2*time.Second }
			const n = 6000
			f.flow(t, "t", 6, n)
			first, second := f.start(t), f.start(t)
			f.joined(t, 2)
			f.target.await(t, n/3)
			first.kill()
			f.target.await(t, n)
			second.stop(t)
			if err := <-first.done; !errors.Is(err, pipeline.ErrAbandoned) {
				t.Errorf("killed: got %v", err)
			}
			f.wg.Wait()
			t.Logf("%d of %d records came again", f.target.check(t, n), n)
		})
	}
}

// A partition is not given up while records of it are in flight, and not kept for
// longer than revoke_wait.
func TestRevokeWaits(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{time.Minute, 100 * time.Millisecond} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 1, kfake.SeedTopics(2, "t"))
			cfg := c.config()
			cfg.RevokeWait = wait
			src, _ := c.source(t, cfg)
			first := open(t, src)
			leaving, settled := make(chan error), make(chan struct{})
			var once sync.Once
			first.parts.onLeave = func(ctx context.Context) {
				once.Do(func() {
					select {
					case leaving <- nil:
					case <-ctx.Done():
						leaving <- ctx.Err()
						return
					}
					select {
					case <-settled:
					case <-ctx.Done():
					}
				})
			}
			if _, err := c.WaitGroupStable(t.Context(), "g", 1); err != nil {
				t.Fatal(err)
			}
			other, _ := c.source(t, c.config())
			second := open(t, other)
			if err := <-leaving; err != nil && wait == time.Minute {
				t.Fatalf("revoked with a context that has ended: %v", err)
			}
			if wait == time.Minute {
				if n := second.parts.owned(); n > 0 {
					t.Errorf("the other member has got %d partitions already", n)
				}
				close(settled)
			}
			if _, err := c.WaitGroupInfo(t.Context(), "g", func(g *kfake.GroupInfo) bool {
				return g.State == "Stable" && len(g.Members) == 2 && g.Members[0].NumAssigned() == 1 && g.Members[1].NumAssigned() == 1
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
