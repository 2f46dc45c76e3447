// Package coord keeps in Redis what workers tell one another and the operator:
// who is alive and how far each is. Everything in it can be rebuilt; without
// Redis a pipeline works all the same.
package coord

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/rueidis"

	"cdcpipe/pipeline/fault"
)

// RedisConfig says where Redis is.
type RedisConfig struct {
	// Addresses are host:port: of one server, or of several sentinels.
	Addresses []string `yaml:"addresses" json:"addresses" jsonschema:"required,description=host:port of the server\\, or of the sentinels"`
	Username  string   `yaml:"username" json:"username,omitempty" jsonschema:"description=User name"`
	Password  string   `yaml:"password" json:"password,omitempty" jsonschema:"format=password,description=Password"`

	// MasterSet names the set of servers that sentinels watch; empty without them.
	MasterSet string `yaml:"master_set" json:"master_set,omitempty" jsonschema:"description=Name of the master set\\, if the addresses are those of sentinels"`
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
		InitAddress: c.Addresses, Username: c.Username, Password: c.Password, ClientName: "cdcpipe",
		DisableCache:      true, // nothing is read often, and not every server can track
		RingScaleEachConn: 6, ReadBufferEachConn: 16 << 10, WriteBufferEachConn: 16 << 10, PipelineMultiplex: 0,
		ForceSingleClient: c.MasterSet == "",
	}
	if c.MasterSet != "" {
		opt.Sentinel = rueidis.SentinelOption{MasterSet: c.MasterSet, Username: c.Username, Password: c.Password}
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
