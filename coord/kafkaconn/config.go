// Package kafkaconn says how a Kafka cluster is reached, for all parts that do:
// addresses, TLS, SASL, and which fault it is when that does not work.
package kafkaconn

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"cdcpipe/pipeline/plugin"
)

// Config says how to reach a cluster. Parts that users configure have its fields
// among their own.
type Config struct {
	Brokers        []string
	ClientID       string        // defaults to cdcpipe
	ConnectTimeout time.Duration // how long [Dial] tries; defaults to 30s
	TLS            plugin.TLS
	SASL           SASL
}

// SASL is on if Mechanism is set.
type SASL struct {
	Mechanism string        `yaml:"mechanism" json:"mechanism,omitempty" jsonschema:"enum=plain,enum=scram-sha-256,enum=scram-sha-512,description=How to authenticate; not at all if empty"`
	Username  string        `yaml:"username" json:"username,omitempty" jsonschema:"description=User name"`
	Password  plugin.Secret `yaml:"password" json:"password,omitempty" jsonschema:"description=Password"`
}

const (
	plainMechanism = "plain"
	scram256       = "scram-sha-256"
	scram512       = "scram-sha-512"
)

func (c Config) withDefaults() Config {
	if c.ClientID == "" {
		c.ClientID = "cdcpipe"
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 30 * time.Second
	}
	return c
}

// Validate reports everything that is wrong with c, without I/O and without
// quoting secrets.
func (c Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: at least one is required"))
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("brokers: %q is not host:port", b))
		}
	}
	if c.ConnectTimeout < 0 {
		errs = append(errs, errors.New("connect_timeout: must not be negative"))
	}
	errs = append(errs, c.TLS.Validate())
	switch s := c.SASL; {
	case s.Mechanism == "" && (s.Username != "" || s.Password != ""):
		errs = append(errs, errors.New("sasl.mechanism: is required with a user name or password"))
	case s.Mechanism == "":
	case !slices.Contains([]string{plainMechanism, scram256, scram512}, s.Mechanism):
		errs = append(errs, fmt.Errorf("sasl.mechanism: %q is none of plain, scram-sha-256, scram-sha-512", s.Mechanism))
	case s.Username == "" || s.Password == "":
		errs = append(errs, errors.New("sasl: username and password are required"))
	}
	return errors.Join(errs...)
}
