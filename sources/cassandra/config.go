package cassandra

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// Config says where the cluster is and how to sign in, and for a [Reader] how to
// read.
type Config struct {
	Hosts              []string // addresses of some nodes
	Port               int      // of the native protocol; defaults to 9042
	Username, Password string
	LocalDC            string        // data centre to talk to; empty means that of whatever node answers
	Timeout            time.Duration // bounds connecting and each query; defaults to 10s
	TLS                *tls.Config   // nil for none

	// Consistency of reading rows, one of [Consistencies]; defaults to LOCAL_QUORUM.
	Consistency string
	// PageSize is the most rows that Cassandra sends at a time; defaults to 1000. A
	// read holds up to two pages in memory.
	PageSize int
}

// Consistencies are the levels at which rows can be read.
func Consistencies() []string {
	return []string{"ONE", "LOCAL_ONE", "TWO", "THREE", "QUORUM", "LOCAL_QUORUM", "ALL"}
}

const (
	defaultTimeout  = 10 * time.Second
	defaultPageSize = 1000
	maxPageSize     = 100_000
)

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
	if c.Consistency != "" && !slices.Contains(Consistencies(), c.Consistency) {
		errs = append(errs, fmt.Errorf("consistency: %q is none of %s", c.Consistency, strings.Join(Consistencies(), ", ")))
	}
	if c.PageSize < 0 || c.PageSize > maxPageSize {
		errs = append(errs, fmt.Errorf("page_size: must be from 1 to %d", maxPageSize))
	}
	return errors.Join(errs...)
}

// cluster returns the driver's configuration for reading the schema.
func (c Config) cluster() *gocql.ClusterConfig {
	cluster := gocql.NewCluster(c.Hosts...)
	if c.Port != 0 {
		cluster.Port = c.Port
	}
	cluster.Timeout, cluster.ConnectTimeout = defaultTimeout, defaultTimeout
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
	return cluster
}

// rows returns the driver's configuration for reading rows.
func (c Config) rows() *gocql.ClusterConfig {
	cluster := c.cluster()
	cluster.ProtoVersion = 5 // the first whose queries carry now_in_seconds; Cassandra has it since 4.0
	cluster.NumConns = 2
	cluster.Consistency = gocql.LocalQuorum
	if c.Consistency != "" {
		cluster.Consistency = gocql.ParseConsistency(c.Consistency) // which Validate has checked
	}
	cluster.PageSize = defaultPageSize
	if c.PageSize != 0 {
		cluster.PageSize = c.PageSize
	}
	if c.LocalDC == "" {
		cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	}
	return cluster
}
