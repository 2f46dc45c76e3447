package devstack_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/pipeline/fault"
)

func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "devstack") // PostgreSQL's user may not enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func query(ctx context.Context, dsn, sql string) (n int, err error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	return n, c.QueryRow(ctx, sql).Scan(&n)
}

// What was written before a stop is there after the next start, and a killed
// PostgreSQL comes back at the same address.
func TestStackOutlivesStops(t *testing.T) {
	t.Parallel()
	dir := scratch(t)
	lock, err := devstack.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := devstack.Lock(dir); !fault.Is(err, fault.DirectoryInUse) {
		t.Errorf("locked twice: %v", err)
	}
	for life := range 2 {
		s, err := devstack.Start(t.Context(), devstack.Config{Dir: dir, Partitions: 2})
		if err != nil {
			t.Fatal(err)
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ConsumeTopics("t"), kgo.AllowAutoTopicCreation(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if c, err := pgx.Connect(t.Context(), s.DSN()); err != nil {
				t.Fatal(err)
			} else {
				if _, err := c.Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
					t.Fatal(err)
				}
				c.Close(t.Context())
			}
		}
		fs := client.PollFetches(t.Context())
		if fs.NumRecords() != 1 {
			t.Errorf("life %d: %d records: %v", life, fs.NumRecords(), fs.Errors())
		}
		client.Close()
		dsn := s.DSN()
		s.KillPostgres()
		for deadline := time.Now().Add(30 * time.Second); ; {
			n, err := query(t.Context(), dsn, "SELECT n FROM kept")
			if err == nil && n == 7 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("life %d: PostgreSQL does not come back: %v", life, err)
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
