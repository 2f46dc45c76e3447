package cassandra

import (
	"errors"
	"sync/atomic"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// Credentials answer a node that asks who connects, and remember whether they were
// refused: the error that the driver makes of it cannot be told from others.
type credentials struct {
	gocql.Authenticator              // nil for none
	asked               *atomic.Bool // and not accepted since
}

// Challenge implements [gocql.Authenticator].
func (c credentials) Challenge(req []byte) ([]byte, gocql.Authenticator, error) {
	c.asked.Store(true)
	if c.Authenticator == nil {
		return nil, nil, errors.New("it asks for a user and a password, and none is configured")
	}
	resp, next, err := c.Authenticator.Challenge(req)
	return resp, credentials{next, c.asked}, err
}

// Success implements [gocql.Authenticator].
func (c credentials) Success(data []byte) error {
	c.asked.Store(false)
	if c.Authenticator == nil {
		return nil
	}
	return c.Authenticator.Success(data)
}
