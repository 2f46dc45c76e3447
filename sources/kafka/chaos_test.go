package kafka_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline/pipelinetest"
)

// What goes wrong in a cluster every day costs neither a record nor a duplicate.
func TestChaos(t *testing.T) {
	t.Parallel()
	for _, offsets := range []string{"record", "group"} {
		t.Run(offsets, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, kfake.SeedTopics(6, "t"))
			f := &fleet{c: c, target: newTarget()}
			if offsets == "record" {
				f.offsets = &pipelinetest.Offsets{}
			}
			var workers []*worker
			answer := func(err *kerr.Error, times int, keys ...kmsg.Key) func() {
				return func() { c.Fault(kfake.Fault{Keys: keys, Err: err, Count: times}) }
			}
			events := []func(){
				answer(kerr.NotLeaderForPartition, 3, kmsg.Fetch),
				answer(kerr.NotCoordinator, 3, kmsg.OffsetCommit),
				c.ShufflePartitionLeaders,
				answer(kerr.CoordinatorLoadInProgress, 2, kmsg.OffsetFetch),
				func() { workers = append(workers, f.start(t)) },
				answer(kerr.NotCoordinator, 2, kmsg.Heartbeat),
				c.RehashCoordinators,
				answer(kerr.RebalanceInProgress, 1, kmsg.OffsetCommit),
				func() { workers[0].wire.snap() },
				answer(kerr.FencedLeaderEpoch, 2, kmsg.Fetch),
				answer(kerr.KafkaStorageError, 2, kmsg.Fetch),
				answer(kerr.NotCoordinator, 2, kmsg.JoinGroup),
				func() { workers[0].stop(t) },
				answer(kerr.CoordinatorNotAvailable, 3, kmsg.FindCoordinator),
				c.ShufflePartitionLeaders,
				func() { workers[1].wire.snap() },
				answer(kerr.UnknownTopicOrPartition, 3, kmsg.Fetch, kmsg.Metadata),
				c.RehashCoordinators,
			}
			n := 200 * (len(events) + 1)
			f.flow(t, "t", 6, n)
			workers = append(workers, f.start(t))
			for i, event := range events {
				f.target.await(t, 200*(i+1))
				event()
			}
			f.target.await(t, n)
			for _, w := range workers[1:] {
				w.stop(t)
			}
			f.wg.Wait()
			again := f.target.check(t, n)
			lost := int64(0)
			for _, w := range workers {
				lost += w.src.Stats().Lost
			}
			if again > 0 && lost == 0 {
				t.Errorf("%d records came twice", again)
			}
			t.Logf("%d came twice, %d partitions were lost", again, lost)
		})
	}
}
