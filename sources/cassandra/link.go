package cassandra

import (
	"context"
	"fmt"
	"sync/atomic"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/fault"
)

// A link is a session that is opened when it is first asked for, and again after
// it could not be. The driver keeps it alive from then on.
type link struct {
	cluster func() *gocql.ClusterConfig // anew for each session: host policies cannot be shared
	session atomic.Pointer[gocql.Session]
	dialing chan struct{} // holds one while somebody dials
	closed  bool          // under dialing
}

func newLink(cluster func() *gocql.ClusterConfig) *link {
	return &link{cluster: cluster, dialing: make(chan struct{}, 1)}
}

// connect returns the session. The driver's dialling cannot be cancelled: a caller
// whose context ends leaves it to those who come after.
func (l *link) connect(ctx context.Context) (*gocql.Session, error) {
	if s := l.session.Load(); s != nil {
		return s, nil
	}
	select {
	case l.dialing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	dialled := make(chan error, 1)
	go func() {
		defer func() { <-l.dialing }()
		dialled <- l.dial()
	}()
	select {
	case err := <-dialled:
		return l.session.Load(), err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *link) dial() error {
	if l.closed {
		return gocql.ErrSessionClosed
	}
	if l.session.Load() != nil {
		return nil
	}
	cluster := l.cluster()
	var asked atomic.Bool
	cluster.Authenticator = credentials{cluster.Authenticator, &asked}
	s, err := cluster.CreateSession()
	if err != nil {
		code := fault.CassandraDown
		if asked.Load() {
			code = fault.CassandraDenied
		}
		return fault.Wrap(code, fmt.Errorf("connect to Cassandra at %v: %w", cluster.Hosts, err))
	}
	l.session.Store(s)
	return nil
}

// close ends the session; nothing dials afterwards.
func (l *link) close() {
	l.dialing <- struct{}{}
	defer func() { <-l.dialing }()
	l.closed = true
	if s := l.session.Load(); s != nil {
		s.Close()
	}
}
