package postgres

import (
	"net"
	"sync"
	"time"
)

// A silence bounds how long a connection waits for the server's next byte. A
// server that was lost without a word, behind a firewall that forgot the
// connection or a proxy that still acknowledges it, would be waited for without
// end: statement_timeout runs on the server.
type silence struct {
	net.Conn
	longest time.Duration

	mu    sync.Mutex
	until time.Time // the deadline that the driver has set, zero for none
}

// Read waits until the driver's deadline, and no longer than the longest silence.
func (s *silence) Read(b []byte) (int, error) {
	if err := s.arm(); err != nil {
		return 0, err
	}
	return s.Conn.Read(b)
}

func (s *silence) arm() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := time.Now().Add(s.longest)
	if !s.until.IsZero() && s.until.Before(until) {
		until = s.until
	}
	return s.Conn.SetReadDeadline(until)
}

// SetDeadline is how the driver ends a read under way when its context ends.
func (s *silence) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
	return s.Conn.SetDeadline(t)
}

// SetReadDeadline is [silence.SetDeadline] for reads alone.
func (s *silence) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
	return s.Conn.SetReadDeadline(t)
}
