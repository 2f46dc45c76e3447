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

	"github.com/redis/rueidis"

	"cdcpipe/pipeline/fault"
)

// RedisConfig says where Redis is and how to sign in.
type RedisConfig struct {
	Addresses          []string // host:port: of one server, or of several sentinels
	Username, Password string
	Database           int
	TLS                *tls.Config // nil for none

	// MasterSet names the set of servers that sentinels watch; empty without them.
	MasterSet string
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

// Connect returns a client. Its memory is kept small: a worker talks little.
func Connect(ctx context.Context, c RedisConfig) (rueidis.Client, error) {
	opt := rueidis.ClientOption{
		InitAddress: c.Addresses, Username: c.Username, Password: c.Password, ClientName: "cdcpipe", SelectDB: c.Database, TLSConfig: c.TLS,
		DisableCache:      true, // nothing is read often, and not every server can track
		RingScaleEachConn: 6, ReadBufferEachConn: 16 << 10, WriteBufferEachConn: 16 << 10, PipelineMultiplex: 0,
		ForceSingleClient: c.MasterSet == "",
	}
	if c.MasterSet != "" {
		opt.Sentinel = rueidis.SentinelOption{MasterSet: c.MasterSet, Username: c.Username, Password: c.Password, TLSConfig: c.TLS}
	}
	cl, err := rueidis.NewClient(opt)
	if err != nil {
		return nil, fault.Wrap(fault.RedisDown, fmt.Errorf("connect to Redis: %w", err))
	}
	if err := cl.Do(ctx, cl.B().Ping().Build()).Error(); err != nil {
		cl.Close()
		return nil, fault.Wrap(fault.RedisDown, fmt.Errorf("connect to Redis: %w", err))
	}
	return cl, nil
}
