package chaos

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
)

// Environment of the servers.
const (
	dirEnv     = "CHAOS_DIR"
	listenEnv  = "CHAOS_LISTEN"
	addressEnv = "CHAOS_ADDRESS" // that the broker tells its clients: its proxy's
)

// An advertised listens at one address and says that it listens at another.
type advertised struct {
	net.Listener
	address net.Addr
}

func (a advertised) Addr() net.Addr { return a.address }

// serveBroker is a broker whose log outlives it.
func serveBroker() error {
	address, err := net.ResolveTCPAddr("tcp", os.Getenv(addressEnv))
	if err != nil {
		return err
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(os.Getenv(dirEnv)), kfake.AllowAutoTopicCreation(),
		kfake.GroupMinSessionTimeout(time.Second), kfake.SleepOutOfOrder(),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			l, err := net.Listen(network, os.Getenv(listenEnv)) //nolint:noctx // it ends with the process
			return advertised{l, address}, err
		}))
	if err != nil {
		return err
	}
	defer c.Close()
	m := &members{heard: map[member]time.Time{}}
	c.Control(m.hear)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.expire(ctx, address.String()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	defer wg.Wait()
	defer cancel()
	return answer(func(string) {})
}

// serveRedis is a Redis that keeps nothing. Told of a duration, its clock jumps.
func serveRedis() error {
	r := miniredis.NewMiniRedis()
	if err := r.StartAddr(os.Getenv(listenEnv)); err != nil {
		return err
	}
	defer r.Close()
	return answer(func(line string) {
		if d, err := time.ParseDuration(line); err == nil {
			r.FastForward(d)
		}
	})
}

// freeAddress returns an address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
