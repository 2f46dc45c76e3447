package chaos

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// silence is how long a member of a group may say nothing. It exceeds the session
// time-outs of workers, and what they wait for while others join.
const silence = 10 * time.Second

// Members are those of groups that the broker has heard of. A member that is killed
// while a group changes can stay in it for good, whatever its session time-out: the
// broker stops looking at it. Kafka's would expire it, so it is made to leave.
type members struct {
	mu    sync.Mutex
	heard map[member]time.Time
}

type member struct{ group, id string }

// hear notes who a request is from. It is a control function of the broker that leaves
// every request to it.
func (m *members) hear(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the broker wants it in this order
	var from member
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		from = member{r.Group, r.MemberID}
	case *kmsg.SyncGroupRequest:
		from = member{r.Group, r.MemberID}
	case *kmsg.HeartbeatRequest:
		from = member{r.Group, r.MemberID}
	case *kmsg.OffsetCommitRequest:
		from = member{r.Group, r.MemberID}
	}
	if from.id != "" {
		m.mu.Lock()
		m.heard[from] = time.Now()
		m.mu.Unlock()
	}
	return nil, nil, false
}

// expire makes silent members leave, until the context ends.
func (m *members) expire(ctx context.Context, address string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer cl.Close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var gone []member
		m.mu.Lock()
		for who, when := range m.heard {
			if time.Since(when) > silence {
				gone = append(gone, who)
				delete(m.heard, who)
			}
		}
		m.mu.Unlock()
		for _, who := range gone {
			leave := kmsg.NewPtrLeaveGroupRequest()
			leave.Group, leave.MemberID = who.group, who.id
			one := kmsg.NewLeaveGroupRequestMember()
			one.MemberID = who.id
			leave.Members = append(leave.Members, one)
			_, _ = leave.RequestWith(ctx, cl) // who has left already is unknown
		}
	}
}
