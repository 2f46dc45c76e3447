package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sinks/postgres/pgserver"
)

var server *pgserver.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	return pgserver.During(map[string]string{"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "4GB"}, func(s *pgserver.Server) int {
		server = s
		return m.Run()
	})
}

var databases atomic.Int32

// database makes an empty database and returns its address.
func database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	exec(t, server.DSN(), "CREATE DATABASE "+name)
	cfg, err := pgx.ParseConfig(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", cfg.User, cfg.Password, cfg.Port, name)
}

// failer is what the helpers need of a test; a rapid check has it too.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func exec(t failer, dsn string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, sql := range statements {
		if _, err := c.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// lines returns the rows of a query, each column as text, NULL as ∅.
func lines(t failer, dsn, sql string) (got []string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "SET TimeZone = 'UTC'; SET bytea_output = hex", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	for rows.Next() {
		line := ""
		for i, v := range rows.RawValues() {
			if i > 0 {
				line += "|"
			}
			if v == nil {
				line += "∅"
			} else {
				line += string(v)
			}
		}
		got = append(got, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

var quiet = slog.New(slog.DiscardHandler)

// open returns an open sink on dsn.
func open(t testing.TB, cfg postgres.Config, tables ...*cdc.Table) *postgres.Sink {
	t.Helper()
	s, err := postgres.New(cfg, "test", tables, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// records wraps changes for Write.
func records(cs ...*cdc.Change) []pipeline.Record[*cdc.Change] {
	b := pipeline.NewBatch[*cdc.Change](len(cs))
	for i, c := range cs {
		b.Append(pipeline.Header{Partition: "t/0", Offset: int64(i), Key: c.Hash()}, c)
	}
	return b.Records
}

// table parses one CREATE TABLE.
func table(t testing.TB, cql string) *cdc.Table {
	t.Helper()
	s, err := cdc.ParseCQL(cql)
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()[0]
}
