//go:build e2e

package cassandra_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sources/cassandra"
)

// shared is a Cassandra of the tests' own, unless CDCPIPE_CASSANDRA has the host:port
// of another, 4.1 or newer.
var shared = realstack.Shared{Config: realstack.Config{Parts: []realstack.Part{realstack.Cassandra}, Runner: containers.FromEnv()}}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // as TestMain has to
}

func address(t testing.TB) string {
	t.Helper()
	if a := os.Getenv("CDCPIPE_CASSANDRA"); a != "" {
		return a
	}
	s, err := shared.Stack(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s.CassandraAddr()
}

// A lab is a keyspace of a real Cassandra.
type lab struct {
	testing.TB
	*gocql.Session
	cfg      cassandra.Config
	keyspace string
	elements bool // whether it is of 5.0 or newer: it has vectors, and tells times of elements
	schema   *cassandra.Schema
	reader   *cassandra.Reader
}

func newLab(t testing.TB, keyspace string) *lab {
	t.Helper()
	host, port, err := net.SplitHostPort(address(t))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{TB: t, keyspace: keyspace, cfg: cassandra.Config{Hosts: []string{host}, PageSize: 7}}
	if l.cfg.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	l.reader = l.another()
	if l.schema, err = cassandra.NewSchema(l.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.schema.Close)
	cluster := gocql.NewCluster(host)
	cluster.Port, cluster.Timeout, cluster.ProtoVersion = l.cfg.Port, 30*time.Second, 5
	if l.Session, err = cluster.CreateSession(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Session.Close)
	for _, h := range l.GetHosts() {
		l.elements = h.Version().AtLeast(5, 0, 0)
	}
	l.do("DROP KEYSPACE IF EXISTS " + cdc.QuoteIdent(keyspace))
	l.do("CREATE KEYSPACE " + cdc.QuoteIdent(keyspace) + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	t.Cleanup(func() { l.do("DROP KEYSPACE " + cdc.QuoteIdent(keyspace)) })
	return l
}

func (l *lab) do(stmt string, args ...any) {
	l.Helper()
	if err := l.Query(stmt, args...).Exec(); err != nil {
		l.Fatalf("%s: %v", stmt, err)
	}
}

func (l *lab) table(name string) *cdc.Table {
	l.Helper()
	t, err := l.schema.LoadTable(l.Context(), l.keyspace, name)
	if err != nil || t == nil {
		l.Fatalf("load %s: %v, %v", name, t, err)
	}
	return t
}

// all reads a table by ranges of tokens.
func (l *lab) all(t *cdc.Table) []cdc.Reading {
	l.Helper()
	ranges, err := l.reader.Ranges(l.Context(), 4)
	if err != nil {
		l.Fatal(err)
	}
	var rows []cdc.Reading
	for _, g := range ranges {
		err := l.reader.ReadTokens(l.Context(), t, g.From, g.To, func(r cdc.Reading) error {
			rows = append(rows, r)
			return nil
		})
		if err != nil {
			l.Fatal(err)
		}
	}
	return rows
}

// another returns a reader of l.cfg as it is now.
func (l *lab) another() *cassandra.Reader {
	l.Helper()
	r, err := cassandra.NewReader(l.cfg)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(r.Close)
	return r
}
