package realstack

import (
	"context"
	"time"

	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres/pgserver"
)

// launchPostgres tries for a while: processes of a server that was killed hold its
// shared memory until they have noticed.
func (s *Stack) launchPostgres(ctx context.Context, up func(process)) error {
	cfg := pgserver.Config{Dir: s.path("postgres"), Port: s.ports.Postgres, Settings: map[string]string{
		"fsync":           "off", // survives a killed process, not a power cut
		"shared_buffers":  "128MB",
		"max_wal_size":    "2GB",
		"log_checkpoints": "off",
	}}
	server, err := pgserver.Start(ctx, cfg)
	for again := 0; fault.Is(err, fault.ServerStart) && again < 10; again++ {
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
		server, err = pgserver.Start(ctx, cfg)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.pg = server
	s.mu.Unlock()
	up(server)
	return nil
}
