package devstack

import (
	"context"
	"sync"
	"time"

	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres/pgserver"
)

// A supervisor runs PostgreSQL and starts it again when it ends by itself, at the
// same address.
type supervisor struct {
	dir     string
	quit    context.Context
	cancel  context.CancelFunc
	stopped chan struct{} // closed when the loop has ended

	mu     sync.Mutex
	server *pgserver.Server
}

func supervise(ctx context.Context, dir string) (*supervisor, error) {
	s := &supervisor{dir: dir, stopped: make(chan struct{})}
	s.quit, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	server, err := s.start(ctx, 0)
	for again := 0; fault.Is(err, fault.ServerStart) && again < 2 && ctx.Err() == nil; again++ {
		server, err = s.start(ctx, 0) // someone may have killed it while it recovered
	}
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.server = server
	go s.loop()
	return s, nil
}

func (s *supervisor) start(ctx context.Context, port int) (*pgserver.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return pgserver.Start(ctx, pgserver.Config{Dir: s.dir, Port: port, Settings: map[string]string{
		"fsync":              "off", // survives a killed process, not a power cut
		"shared_buffers":     "128MB",
		"max_wal_size":       "2GB",
		"checkpoint_timeout": "15min",
		"max_connections":    "50",
		"log_min_messages":   "warning",
		"log_checkpoints":    "off",
	}})
}

// loop starts the server whenever it has ended.
func (s *supervisor) loop() {
	defer close(s.stopped)
	for {
		server := s.current()
		select {
		case <-server.Done():
		case <-s.quit.Done():
			return
		}
		next, err := s.start(s.quit, server.Port())
		for err != nil {
			select {
			case <-time.After(time.Second):
				next, err = s.start(s.quit, server.Port())
			case <-s.quit.Done():
				return
			}
		}
		s.mu.Lock()
		s.server = next
		s.mu.Unlock()
	}
}

func (s *supervisor) current() *pgserver.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

func (s *supervisor) dsn() string { return s.current().DSN() }

func (s *supervisor) kill() { s.current().Kill() }

// stop ends the server for good.
func (s *supervisor) stop(ctx context.Context) error {
	s.cancel()
	<-s.stopped
	return s.current().Stop(ctx)
}
