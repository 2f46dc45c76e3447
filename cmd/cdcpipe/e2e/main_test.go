//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sources/cassandra"
)

// The keyspaces, by how the pipeline treats their tables.
const (
	needed = "needed" // hydrate: when_needed, the default
	always = "always" // hydrate: always
	never  = "never"  // hydrate: never
	broken = "broken" // for what the agent cannot do
)

// A lab is what all tests share: the servers, with the pipeline between them.
type lab struct {
	*realstack.Stack
	cql    *gocql.Session
	pg     *pgxpool.Pool
	kafka  *kadm.Client
	schema *cassandra.Schema
	reader *cassandra.Reader
	bin    string
	pipe   *pipe

	mu     sync.Mutex
	fences int
	stuck  atomic.Bool // events come no more
}

var (
	shared = realstack.Shared{Config: realstack.Config{
		Parts:      []realstack.Part{realstack.Kafka, realstack.Postgres, realstack.Cassandra},
		SyncPeriod: 200 * time.Millisecond,
		Runner:     containers.FromEnv(),
	}}
	the *lab
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if the, err = newLab(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		if err := the.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// newLab starts everything. The tables of all tests are there before the agent
// begins, which is how it sees them for certain.
func newLab(ctx context.Context) (l *lab, err error) {
	l = &lab{}
	defer func() { //nolint:contextcheck // what was started is stopped, whatever ctx says
		if err != nil {
			_ = l.close() // there is an error already
		}
	}()
	if l.Stack, err = shared.Stack(ctx); err != nil {
		return l, err
	}
	l.bin = filepath.Join(l.Dir(), "cdcpipe")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", l.bin, "cdcpipe/cmd/cdcpipe").CombinedOutput(); err != nil {
		return l, fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := l.connect(ctx); err != nil {
		return l, err
	}
	for _, ks := range []string{needed, always, never, broken} {
		if err := l.exec(ctx, "CREATE KEYSPACE "+ks+" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"); err != nil {
			return l, err
		}
	}
	var topics []string
	for _, stmt := range tables() {
		if err := l.exec(ctx, stmt); err != nil {
			return l, fmt.Errorf("%s: %w", stmt, err)
		}
		if made, err := cdc.ParseCQL(stmt); err == nil {
			for _, t := range made.Tables() {
				topics = append(topics, l.Topic(t.Keyspace, t.Name))
			}
		}
	}
	// All at once; made one by one, as the agent comes to need them, they take a minute.
	if _, err := l.kafka.CreateTopics(ctx, 3, 1, nil, topics...); err != nil {
		return l, err
	}
	if err := l.StartParts(ctx, realstack.Agent); err != nil {
		return l, err
	}
	l.pipe, err = l.start("e2e", "")
	return l, err
}

// connect makes the clients, to what runs now.
func (l *lab) connect(ctx context.Context) (err error) {
	if l.cql, err = l.Session(); err != nil {
		return err
	}
	if l.pg, err = pgxpool.New(ctx, l.DSN()); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(l.KafkaAddr()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return err
	}
	l.kafka = kadm.NewClient(client)
	cfg := cassandra.Config{Hosts: []string{"127.0.0.1"}, Port: l.Ports().Cassandra, Timeout: 30 * time.Second}
	if l.schema, err = cassandra.NewSchema(cfg); err != nil {
		return err
	}
	l.reader, err = cassandra.NewReader(cfg)
	return err
}

func (l *lab) close() error {
	if l.pipe != nil {
		l.pipe.kill()
	}
	if l.reader != nil {
		l.reader.Close()
	}
	if l.schema != nil {
		l.schema.Close()
	}
	if l.kafka != nil {
		l.kafka.Close()
	}
	if l.pg != nil {
		l.pg.Close()
	}
	if l.cql != nil {
		l.cql.Close()
	}
	return shared.Close()
}

// exec executes a statement.
func (l *lab) exec(ctx context.Context, stmt string, args ...any) error {
	return l.cql.Query(stmt, args...).ExecContext(ctx)
}

// until waits until done says so, at most as long as that.
func until(ctx context.Context, atMost time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	var last error
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		ok, err := done()
		if ok && err == nil {
			return nil
		}
		last = err
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if last == nil {
				last = ctx.Err()
			}
			return fmt.Errorf("not within %v: %w", atMost, last)
		}
	}
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(b), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
