// Package cassandra reads from a Cassandra cluster over CQL.
package cassandra

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/fault"
)

// Config says where the cluster is and how to sign in.
type Config struct {
	Hosts              []string // addresses of some nodes
	Port               int      // of the native protocol; defaults to 9042
	Username, Password string
	LocalDC            string        // data centre to talk to; empty means that of whatever node answers
	Timeout            time.Duration // bounds connecting and each query; defaults to 10s
	TLS                *tls.Config   // nil for none
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
	if c.TLS != nil {
		cluster.SslOpts = &gocql.SslOptions{Config: c.TLS, EnableHostVerification: !c.TLS.InsecureSkipVerify}
	}
	s, err := cluster.CreateSession()
	if err != nil {
		return nil, fault.Wrap(fault.CassandraDown, fmt.Errorf("connect to Cassandra at %v: %w", c.Hosts, err))
	}
	return s, nil
}
