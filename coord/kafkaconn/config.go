// Package kafkaconn says how a Kafka cluster is reached, for all parts that do:
// addresses, TLS, SASL, and which fault it is when that does not work.
package kafkaconn

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"cdcpipe/pipeline/plugin"
)

// Config says how to reach a cluster. Parts that users configure have its fields
// among their own.
type Config struct {
	Brokers        []string
	ClientID       string        // defaults to cdcpipe
	ConnectTimeout time.Duration // how long [Dial] tries; defaults to 30s
	TLS            TLS
	SASL           SASL
}

// TLS is on if Enabled or any other field is set. Certificates and keys are
// paths of PEM files, or PEM itself, as a reference to a secret yields it.
type TLS struct {
	Enabled    bool          `yaml:"enabled" json:"enabled,omitempty" jsonschema:"default=false,description=Speak TLS; implied by any other key here"`
	CA         string        `yaml:"ca" json:"ca,omitempty" jsonschema:"description=Certificates that sign the brokers' (path or PEM); the system's if empty"`
	Cert       string        `yaml:"cert" json:"cert,omitempty" jsonschema:"description=Client certificate (path or PEM)"`
	Key        plugin.Secret `yaml:"key" json:"key,omitempty" jsonschema:"description=Key of the client certificate (path or PEM)"`
	ServerName string        `yaml:"server_name" json:"server_name,omitempty" jsonschema:"description=Name that the brokers' certificates must bear; the host of the address if empty"`
	SkipVerify bool          `yaml:"skip_verify" json:"skip_verify,omitempty" jsonschema:"default=false,description=Accept any certificate; for tests only"`
}

// Under returns t with the paths in it as place gives them, for files named in
// another file.
func (t TLS) Under(place func(string) string) TLS {
	under := func(v string) string {
		if v == "" || isPEM(v) {
			return v
		}
		return place(v)
	}
	t.CA, t.Cert, t.Key = under(t.CA), under(t.Cert), plugin.Secret(under(string(t.Key)))
	return t
}

func isPEM(v string) bool { return strings.Contains(v, "-----BEGIN ") }

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
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("tls: cert and key go together"))
	}
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
