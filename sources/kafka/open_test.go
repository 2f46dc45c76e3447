package kafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/sources/kafka"
)

// refuses opens a source, which must fail with code.
func (c *cluster) refuses(t *testing.T, cfg kafka.Config, code fault.Code) {
	t.Helper()
	src, _ := c.source(t, cfg)
	err := src.Open(t.Context(), &partitions{})
	if !fault.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
	t.Log(err)
	if err := src.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenBrokerDown(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, _ *kgo.Client) {
		cfg := c.config()
		cfg.Brokers = []string{"127.0.0.1:1", "127.0.0.1:2"}
		began := time.Now()
		c.refuses(t, cfg, fault.BrokerDown)
		if took := time.Since(began); took < cfg.ConnectTimeout || took > 2*cfg.ConnectTimeout {
			t.Errorf("took %v, want about %v", took, cfg.ConnectTimeout)
		}
	})
}

func TestOpenTopicMissing(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, _ *kgo.Client) {
		cfg := c.config()
		cfg.Topics = []string{"t", "z", "x"}
		src, _ := c.source(t, cfg)
		err := src.Open(t.Context(), &partitions{})
		if !fault.Is(err, fault.TopicMissing) || !strings.Contains(err.Error(), "x, z") {
			t.Errorf("got %v, want %s of x, z", err, fault.TopicMissing)
		}
		_ = src.Close(t.Context())
		if c.GroupInfo("g") != nil {
			t.Error("a source that cannot read joined the group")
		}
	})
}

func TestWaitForTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		cfg := c.config()
		cfg.WaitForTopics = true
		src, _ := c.source(t, cfg)
		r := open(t, src)
		r.none(t)
		if err := c.CreateTopic("t", 1, nil); err != nil {
			t.Fatal(err)
		}
		produce(t, c.client(t), "t", 0, "a")
		wants(t, r.values(t, 1), "t/0:0=a")
	})
}

func TestOpenDenied(t *testing.T) {
	t.Parallel()
	acl := func(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
	}
	for name, tc := range map[string]struct {
		user, password string
		acls           []kfake.ACL
		read           bool // the fault comes with reading
	}{
		"password": {user: "u", password: "wrong"},
		"topic":    {user: "u", password: "p", acls: []kfake.ACL{acl(kmsg.ACLResourceTypeGroup, "g", kmsg.ACLOperationRead)}},
		"group":    {user: "u", password: "p", acls: []kfake.ACL{acl(kmsg.ACLResourceTypeTopic, "t", kmsg.ACLOperationRead)}, read: true},
		"read": {user: "u", password: "p", read: true, acls: []kfake.ACL{
			acl(kmsg.ACLResourceTypeTopic, "t", kmsg.ACLOperationDescribe), acl(kmsg.ACLResourceTypeGroup, "g", kmsg.ACLOperationRead),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "t"), kfake.User("SCRAM-SHA-256", "u", "p", tc.acls...))
				if tc.password == "wrong" { // the fake just hangs up, as brokers do not
					c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Err: kerr.SaslAuthenticationFailed, TopLevel: true, Count: -1})
				}
				cfg := c.config()
				cfg.SASL.Mechanism, cfg.SASL.Username, cfg.SASL.Password = "scram-sha-256", tc.user, plugin.Secret(tc.password)
				if !tc.read {
					c.refuses(t, cfg, fault.SourceDenied)
					return
				}
				src, _ := c.source(t, cfg)
				open(t, src).fails(t, fault.SourceDenied)
			})
		})
	}
}

// Reading and closing end soon even while a rebalance waits.
func TestCloseWhileRevoking(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, kfake.SeedTopics(2, "t"))
	cfg := c.config()
	cfg.RevokeWait = time.Minute
	src, _ := c.source(t, cfg)
	r := open(t, src)
	leaving, still := make(chan struct{}, 10), make(chan struct{})
	r.parts.onLeave = func(ctx context.Context) {
		leaving <- struct{}{}
		select {
		case <-still:
		case <-ctx.Done():
		}
	}
	if _, err := c.WaitGroupStable(t.Context(), "g", 1); err != nil {
		t.Fatal(err)
	}
	other, _ := c.source(t, c.config())
	open(t, other)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-leaving
		cancel()
	}()
	if _, err := src.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(still) // as the engine does once nothing moves any more
	r.close(t)
}

// Check finds what Open would, and leaves the group alone.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, kfake.SeedTopics(3, "cdc.shop.orders", "cdc.shop.users", "cdc.shop.hidden", "other"))
	cfg := c.config()
	cfg.Topics, cfg.TopicPatterns, cfg.ExcludePatterns = []string{"other"}, []string{`cdc\.shop\..*`}, []string{".*hidden"}
	src, _ := c.source(t, cfg)
	if found, err := src.Check(t.Context()); err != nil || found != "1 brokers, 3 topics to read with 9 partitions" {
		t.Errorf("got %s, %v", found, err)
	}
	cfg.Topics = []string{"other", "missing"}
	src, _ = c.source(t, cfg)
	if found, err := src.Check(t.Context()); !fault.Is(err, fault.TopicMissing) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %s, %v", found, err)
	}
	cfg.Brokers, cfg.ConnectTimeout = []string{"127.0.0.1:1"}, 50*time.Millisecond
	src, _ = c.source(t, cfg)
	if found, err := src.Check(t.Context()); !fault.Is(err, fault.BrokerDown) {
		t.Errorf("got %s, %v", found, err)
	}
}
