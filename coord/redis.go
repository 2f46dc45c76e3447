// Package coord keeps in Redis what workers tell one another and the operator:
// who is alive and how far each is. Everything in it can be rebuilt; without
// Redis a pipeline works all the same.
package coord

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// RedisConfig says where Redis is and how to sign in.
type RedisConfig struct {
	Addresses          []string // host:port: of one server, or of several sentinels
	Username, Password string   // of the servers
	Database           int
	TLS                *tls.Config // nil for none

	// MasterSet names the set of servers that sentinels watch; empty without them.
	MasterSet string

	// SentinelUsername and SentinelPassword sign in to the sentinels, which know
	// nothing of the servers' users; empty for none.
	SentinelUsername, SentinelPassword string
}

// Validate reports everything that is wrong with c.
func (c RedisConfig) Validate() error {
	var errs []error
	if len(c.Addresses) == 0 {
		errs = append(errs, errors.New("addresses: is required"))
	}
	for _, a := range c.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			errs = append(errs, fmt.Errorf("addresses: %q is not host:port", a))
		}
	}
	return errors.Join(errs...)
}

// silence is how long a server may leave the client without an answer.
const silence = 3 * time.Second

// Connect returns a client whose server has answered. Its memory is kept small: a
// worker talks little. Its errors have codes ([Judge]); it returns soon after ctx
// ends.
func Connect(ctx context.Context, c RedisConfig) (rueidis.Client, error) {
	opening := &opening{ctx: ctx}
	defer opening.done()
	opt := rueidis.ClientOption{
		InitAddress: c.Addresses, Username: c.Username, Password: c.Password, ClientName: "cdcpipe", SelectDB: c.Database, TLSConfig: c.TLS,
		DisableCache:      true, // nothing is read often, and not every server can track
		RingScaleEachConn: 6, ReadBufferEachConn: 16 << 10, WriteBufferEachConn: 16 << 10, PipelineMultiplex: 0,
		ForceSingleClient: c.MasterSet == "",
		AlwaysPipelining:  true, // or a context that is cancelled would not end a wait for an answer
		Dialer:            net.Dialer{Timeout: silence}, ConnWriteTimeout: silence, DialCtxFn: opening.dial,
	}
	if c.MasterSet != "" {
		opt.Sentinel = rueidis.SentinelOption{
			MasterSet: c.MasterSet, Username: c.SentinelUsername, Password: c.SentinelPassword, TLSConfig: c.TLS, ClientName: "cdcpipe",
		}
	}
	cl, err := rueidis.NewClient(opt)
	if err != nil {
		return nil, Judge(fmt.Errorf("connect to Redis: %w", err))
	}
	if err := cl.Do(ctx, cl.B().Ping().Build()).Error(); err != nil {
		cl.Close()
		return nil, Judge(fmt.Errorf("connect to Redis: %w", err))
	}
	return cl, nil
}

// An opening lets the context of [Connect], which the client knows nothing of, end
// what the client waits for until it is open.
type opening struct {
	ctx context.Context

	mu    sync.Mutex
	over  bool
	stops []func() bool
}

func (o *opening) dial(ctx context.Context, addr string, d *net.Dialer, conf *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.mu.Lock()
	over := o.over
	o.mu.Unlock()
	if !over {
		defer context.AfterFunc(o.ctx, cancel)() //nolint:contextcheck // that of the opening is another's
	}
	var conn net.Conn
	var err error
	if conf == nil {
		conn, err = d.DialContext(ctx, "tcp", addr)
	} else {
		conn, err = (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", addr)
	}
	if err != nil || over {
		return conn, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.stops = append(o.stops, context.AfterFunc(o.ctx, func() { _ = conn.Close() })) //nolint:contextcheck // as above
	}
	return conn, nil
}

// done leaves the connections to the client.
func (o *opening) done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	for _, stop := range o.stops {
		stop()
	}
}
