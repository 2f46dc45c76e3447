package realstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres/pgserver"
)

var postgresSettings = map[string]string{
	"fsync":           "off", // survives a killed process, not a power cut
	"shared_buffers":  "128MB",
	"max_wal_size":    "2GB",
	"log_checkpoints": "off",
}

// launchPostgres tries for a while: processes of a server that was killed hold its
// shared memory until they have noticed.
func (s *Stack) launchPostgres(ctx context.Context, up func(Running)) error {
	if s.cfg.Runner != nil {
		return s.runPostgres(ctx, up)
	}
	cfg := pgserver.Config{Dir: s.path("postgres"), Port: s.ports.Postgres, Settings: postgresSettings}
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
	s.found(server.DSN())
	up(server)
	return nil
}

// runPostgres starts it by the runner, as the images of the PostgreSQL community
// want it. The password is written once the database was ready: without it, what
// is there was interrupted while it was made.
func (s *Stack) runPostgres(ctx context.Context, up func(Running)) error {
	dir := s.path("postgres")
	data, secret := filepath.Join(dir, "image"), filepath.Join(dir, "image.password")
	password, err := os.ReadFile(secret)
	if errors.Is(err, os.ErrNotExist) {
		password = []byte(rand.Text())
		err = os.RemoveAll(data)
	}
	if err == nil {
		err = os.MkdirAll(data, 0o755)
	}
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	port := strconv.Itoa(s.ports.Postgres)
	args := []string{"postgres", "-p", port, "-c", "listen_addresses=127.0.0.1"}
	for _, k := range slices.Sorted(maps.Keys(postgresSettings)) {
		args = append(args, "-c", k+"="+postgresSettings[k])
	}
	c, err := s.run(ctx, Server{Part: Postgres, Dir: dir, Args: args, Env: []string{
		"PGDATA=" + data, "PGPORT=" + port, "POSTGRES_USER=" + pgserver.User, "POSTGRES_DB=" + pgserver.Database,
		"POSTGRES_PASSWORD=" + string(password), "POSTGRES_HOST_AUTH_METHOD=scram-sha-256",
		"POSTGRES_INITDB_ARGS=--no-sync -E UTF8 --locale=C",
	}})
	if err != nil {
		return err
	}
	up(c)
	dsn := fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", pgserver.User, password, loopback(s.ports.Postgres), pgserver.Database)
	if err := c.await(ctx, func(ctx context.Context) error { return postgresReady(ctx, dsn) }); err != nil {
		return err
	}
	if err := os.WriteFile(secret, password, 0o600); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	s.found(dsn)
	return nil
}

func (s *Stack) found(dsn string) {
	s.mu.Lock()
	s.dsn = dsn
	s.mu.Unlock()
}

// postgresReady asks by TCP: while the database is being made, only the socket
// answers.
func postgresReady(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return errors.New(strings.SplitN(err.Error(), "\n", 2)[0])
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}
