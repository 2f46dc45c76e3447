package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

func migrator(t *testing.T, dsn string) *postgres.Migrator {
	t.Helper()
	m, err := postgres.NewMigrator(postgres.LettersConfig{DSN: dsn, Schema: `own "schema"`})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Of several that start at once, one applies what is pending and the others wait.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	before, err := migrator(t, dsn).Status(t.Context())
	if err != nil || len(before) < 2 || before[0].Applied != nil {
		t.Fatalf("got %v, %v", before, err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	applied := map[string]int{}
	for range 6 {
		wg.Go(func() {
			done, err := migrator(t, dsn).Up(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, m := range done {
				applied[m.Name]++
			}
		})
	}
	wg.Wait()
	after, err := migrator(t, dsn).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range after {
		if m.Applied == nil || applied[m.Name] != 1 {
			t.Errorf("%s: applied %d times, at %v", m.Name, applied[m.Name], m.Applied)
		}
	}
	want := "_cdc_metadata _cdc_offsets _cdc_versions dlq_archive error_log letter_audit staleness_audit validation_errors"
	if got := strings.Join(lines(t, dsn, `SELECT tablename FROM pg_tables WHERE schemaname = 'own "schema"' ORDER BY 1`), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Letters that were written before there were versions are kept.
func TestMigrateKeepsLetters(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	exec(t, dsn, `CREATE SCHEMA cdcpipe`)
	const old = `CREATE TABLE cdcpipe.%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, partition int NOT NULL, "offset" bigint NOT NULL,
		key bytea, value bytea, headers jsonb NOT NULL, recorded_at timestamptz, code text NOT NULL, title text NOT NULL, detail text NOT NULL, fix text NOT NULL, step text NOT NULL,
		attempts int NOT NULL, first_failed_at timestamptz NOT NULL, last_failed_at timestamptz NOT NULL, UNIQUE (topic, partition, "offset"))`
	for _, name := range []string{"dlq_archive", "own_letters"} {
		exec(t, dsn, fmt.Sprintf(old, name), `INSERT INTO cdcpipe.`+name+` (topic, partition, "offset", value, headers, code, title, detail, fix, step, attempts, first_failed_at, last_failed_at)
			VALUES ('t', 1, 2, 'v', '[]', 'CDC-1001', 't', 'd', 'f', 's', 1, now(), now())`)
	}
	l := openLetters(t, dsn)
	for table, o := range map[string]pipeline.Outlet{"dlq_archive": pipeline.DeadLetter, "own_letters": "own"} {
		if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{rejected(o, 1, nil, fault.New(fault.MalformedJSON, "x"))}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(lines(t, dsn, `SELECT topic, value, status, length(digest) FROM cdcpipe.`+table+` ORDER BY id`), " "); got != `t|\x76|open|32 p.k.t|\x7b00ff|open|32` {
			t.Errorf("%s has %s", table, got)
		}
	}
}

// What keeps a migration from being applied has a code, and nothing is half done.
func TestMigrateFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare []string
		code    fault.Code
		says    string
	}{
		"in the way": {[]string{`CREATE SCHEMA "own ""schema"""`, `CREATE TABLE "own ""schema""".error_log ()`}, fault.MigrationFailed, "00002_letters.sql"},
		"newer": {[]string{`CREATE SCHEMA "own ""schema"""`, `CREATE TABLE "own ""schema"""._cdc_versions (version_id bigint, is_applied bool)`,
			`INSERT INTO "own ""schema"""._cdc_versions VALUES (99, true)`}, fault.LayoutTooNew, "version 99"},
		"read-only": {[]string{`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`}, fault.TargetReadOnly, "read-only"},
	} {
		dsn := database(t)
		exec(t, dsn, tc.prepare...)
		if _, err := migrator(t, dsn).Up(t.Context()); !fault.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want %s", name, err, tc.code)
		}
		if name != "in the way" {
			continue
		}
		if got := lines(t, dsn, `SELECT count(*) FROM information_schema.columns WHERE table_name = 'dlq_archive' AND column_name = 'status'`); got[0] != "0" {
			t.Error("half a migration was applied")
		}
		exec(t, dsn, `DROP TABLE "own ""schema""".error_log`)
		if done, err := migrator(t, dsn).Up(t.Context()); err != nil || len(done) != 2 {
			t.Errorf("once it was mended: got %v, %v", done, err)
		}
	}
}

// Who may make nothing can keep letters once somebody else has migrated.
func TestLettersWithoutRights(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, dsn, "CREATE ROLE keeper LOGIN PASSWORD 'secret'")
	keeper := fmt.Sprintf("postgres://keeper:secret@127.0.0.1:%d/%s?sslmode=disable", cfg.Port, cfg.Database)
	l, err := postgres.NewLetters(postgres.LettersConfig{DSN: keeper}, "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); !fault.Is(err, fault.NoPermission) {
		t.Errorf("got %v, want %s", err, fault.NoPermission)
	}
	l.Close(t.Context())
	m, err := postgres.NewMigrator(postgres.LettersConfig{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, dsn, "GRANT USAGE ON SCHEMA cdcpipe TO keeper", "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA cdcpipe TO keeper")
	if err := openLetters(t, keeper).Write(t.Context(), []pipeline.Record[pipeline.Reject]{rejected(pipeline.Stale, 1, nil, fault.New(fault.StaleLost, "x"))}); err != nil {
		t.Error(err)
	}
}
