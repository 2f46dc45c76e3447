// Package cassandra reads from a Cassandra cluster over CQL.
package cassandra

import (
	"errors"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/fault"
)

// Config says where the cluster is and how to sign in.
type Config struct {
	Hosts    []string `yaml:"hosts" json:"hosts" jsonschema:"required,description=Addresses of some nodes"`
	Port     int      `yaml:"port" json:"port,omitempty" jsonschema:"default=9042,minimum=1,maximum=65535,description=Port of the native protocol"`
	Username string   `yaml:"username" json:"username,omitempty" jsonschema:"description=User name"`
	Password string   `yaml:"password" json:"password,omitempty" jsonschema:"format=password,description=Password"`

	// LocalDC names the data centre to talk to; empty means that of whatever node
	// answers.
	LocalDC string `yaml:"local_dc" json:"local_dc,omitempty" jsonschema:"description=Data centre to talk to"`

	// Timeout bounds connecting and each query.
	Timeout time.Duration `yaml:"timeout" json:"timeout,omitempty" jsonschema:"default=10s,description=Bounds connecting and each query"`

	TLS *TLSConfig `yaml:"tls" json:"tls,omitempty" jsonschema:"description=Encrypt the connection"`
}

// TLSConfig says how connections are encrypted.
type TLSConfig struct {
	CA         string `yaml:"ca" json:"ca,omitempty" jsonschema:"description=File with the certificates to trust; the system's if empty"`
	Cert       string `yaml:"cert" json:"cert,omitempty" jsonschema:"description=File with the client's certificate"`
	Key        string `yaml:"key" json:"key,omitempty" jsonschema:"description=File with the client's key"`
	SkipVerify bool   `yaml:"skip_verify" json:"skip_verify,omitempty" jsonschema:"default=false,description=Do not check the server's certificate"`
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if len(c.Hosts) == 0 {
		errs = append(errs, errors.New("hosts: is required"))
	}
	if c.Port < 0 || c.Port > 65535 {
		errs = append(errs, errors.New("port: must be at most 65535"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("timeout: must not be negative"))
	}
	return errors.Join(errs...)
}

// connect opens a session. The driver keeps it alive from then on.
func (c Config) connect() (*gocql.Session, error) {
	cluster := gocql.NewCluster(c.Hosts...)
	if c.Port != 0 {
		cluster.Port = c.Port
	}
	cluster.Timeout, cluster.ConnectTimeout = 10*time.Second, 10*time.Second
	if c.Timeout != 0 {
		cluster.Timeout, cluster.ConnectTimeout = c.Timeout, c.Timeout
	}
	cluster.Consistency = gocql.LocalOne // the schema is the same on every node
	cluster.NumConns = 1
	cluster.Logger = gocql.NewLogger(gocql.LogLevelNone) // its errors come back to the caller
	if c.LocalDC != "" {
		cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.DCAwareRoundRobinPolicy(c.LocalDC))
	}
	if c.Username != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: c.Username, Password: c.Password}
	}
	if t := c.TLS; t != nil {
		cluster.SslOpts = &gocql.SslOptions{CaPath: t.CA, CertPath: t.Cert, KeyPath: t.Key, EnableHostVerification: !t.SkipVerify}
	}
	s, err := cluster.CreateSession()
	if err != nil {
		return nil, fault.Wrap(fault.CassandraDown, fmt.Errorf("connect to Cassandra at %v: %w", c.Hosts, err))
	}
	return s, nil
}
