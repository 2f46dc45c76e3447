package postgres_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

var update = flag.Bool("update", false, "write the table of docs/reference/retries.md anew")

// The documented table is the one that the sink goes by.
func TestRetriesDoc(t *testing.T) {
	t.Parallel()
	const path = "../../docs/reference/retries.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "| SQLSTATE |")
	if !ok {
		t.Fatal("there is no table of SQLSTATEs")
	}
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + postgres.StateTable() + "\n" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(doc) != want {
		t.Error("the table is not up to date: go test ./sinks/postgres -run RetriesDoc -update")
	}
	for line := range strings.Lines(postgres.StateTable()) {
		if code := strings.TrimSpace(strings.Split(line, "|")[4]); strings.HasPrefix(code, "CDC-") && fault.Describe(fault.Code(code)).Code == fault.Unknown {
			t.Errorf("unknown code in %s", line)
		}
	}
}

// A trouble is something that is wrong with the server or the tables.
type trouble struct {
	name    string
	cause   []string // statements; %s is the role
	mend    []string
	hold    string // is run in a transaction that lasts until it is mended
	state   string // SQLSTATE of the error; empty if there is no answer at all
	code    fault.Code
	diverts bool
}

const raise = `CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN %s; RETURN NEW; END';
	CREATE TRIGGER trouble BEFORE INSERT ON k__cdc.t__base FOR EACH ROW EXECUTE FUNCTION trouble()`

func raising(what string) []string {
	return strings.Split(fmt.Sprintf(strings.ReplaceAll(raise, "; RETURN", "\x00RETURN"), what), ";\n")
}

// Troubles of every class, made on a real server: what is about the record leaves,
// what is about the world is an error until it is mended, and then all goes on by
// itself, over the same sink.
func TestTroubles(t *testing.T) {
	t.Parallel()
	calm := []string{"DROP FUNCTION trouble CASCADE"}
	terminate := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'"
	const readOnly = "ALTER DATABASE THIS SET default_transaction_read_only = "
	for i, tr := range []trouble{
		{"connections cut", []string{terminate}, nil, "", "57P01", fault.TargetDown, false},
		{"no login", []string{"ALTER ROLE %s NOLOGIN", terminate}, []string{"ALTER ROLE %s LOGIN"}, "", "28000", fault.NoPermission, false},
		{"too many connections", []string{"ALTER ROLE %s CONNECTION LIMIT 0", terminate}, []string{"ALTER ROLE %s CONNECTION LIMIT -1"}, "", "53300", fault.TargetBusy, false},
		{"lock held", nil, nil, "LOCK TABLE k__cdc.t__base IN ACCESS EXCLUSIVE MODE", "55P03", fault.TargetBusy, false},
		{"read-only", []string{readOnly + "on", terminate}, []string{readOnly + "off"}, "", "25006", fault.TargetReadOnly, false},
		{"no right", []string{"REVOKE INSERT ON k__cdc.t__base FROM %s"}, []string{"GRANT INSERT ON k__cdc.t__base TO %s"}, "", "42501", fault.NoPermission, false},
		{"statement timeout", raising("PERFORM pg_sleep(5)"), calm, "", "57014", fault.TargetBusy, false},
		{"serialization failure", raising("RISE 40001"), calm, "", "40001", fault.TargetBusy, false},
		{"deadlock", raising("RISE 40P01"), calm, "", "40P01", fault.TargetBusy, false},
		{"disk full", raising("RISE 53100"), calm, "", "53100", fault.TargetBusy, false},
		{"broken file", raising("RISE 58030"), calm, "", "58030", fault.TargetDown, false},
		{"a state of its own", raising("RISE AB123"), calm, "", "AB123", fault.StatementFailed, false},
		{"a trigger that refuses", raising("RAISE EXCEPTION ''no''"), calm, "", "P0001", fault.ConstraintBroke, true},
		{"constraint", []string{"ALTER TABLE k__cdc.t__base ADD CONSTRAINT c CHECK (b < 5)"}, []string{"ALTER TABLE k__cdc.t__base DROP CONSTRAINT c"}, "", "23514", fault.ConstraintBroke, true},
		{"unique index", []string{"CREATE UNIQUE INDEX u ON k__cdc.t__base ((1))"}, []string{"DROP INDEX k__cdc.u"}, "", "23505", fault.ConstraintBroke, true},
		{"overflow", raising("NEW.b := 7000000000"), calm, "", "22003", fault.ValueRefused, true},
		{"table gone", []string{"ALTER TABLE k__cdc.t__base RENAME TO away"}, []string{"ALTER TABLE k__cdc.away RENAME TO t__base"}, "", "42P01", fault.StatementFailed, false},
		{"column gone", []string{`ALTER TABLE k__cdc.t__base RENAME "b$ts" TO away`}, []string{`ALTER TABLE k__cdc.t__base RENAME away TO "b$ts"`}, "", "42703", fault.StatementFailed, false},
	} {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			tr.try(t, fmt.Sprintf("troubled_%d", i))
		})
	}
}

func (tr *trouble) try(t *testing.T, role string) {
	dsn := database(t)
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, dsn, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'", fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s", cfg.Database, role))
	sql := func(statements []string) {
		t.Helper()
		for _, s := range statements {
			s = strings.NewReplacer("%s", role, "THIS", cfg.Database, "\x00RETURN", "; RETURN").Replace(s)
			if _, state, ok := strings.Cut(s, "RISE "); ok {
				s = strings.Replace(s, "RISE "+state[:5], "RAISE EXCEPTION ''trouble'' USING ERRCODE = ''"+state[:5]+"''", 1)
			}
			exec(t, dsn+"&default_transaction_read_only=off", s)
		}
	}
	tbl := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, a text, b int)`)
	s := open(t, postgres.Config{
		DSN: fmt.Sprintf("postgres://%s:secret@127.0.0.1:%d/%s?sslmode=disable", role, cfg.Port, cfg.Database), LockTimeout: 100 * time.Millisecond, StatementTimeout: 300 * time.Millisecond, Connections: 2,
	}, tbl)
	if err := write(s, tbl, 1, "b", cdc.AppendInt32(nil, 1)); err != nil {
		t.Fatal(err)
	}
	sql(tr.cause)
	release := func() {}
	if tr.hold != "" {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		release = func() { conn.Close(context.Background()) }
		defer release()
		if _, err := conn.Exec(t.Context(), "BEGIN; "+tr.hold, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	err = write(s, tbl, 2, "b", cdc.AppendInt32(nil, 7))
	for range 3 { // connections that were open before are found to be cut first
		if tr.code != fault.TargetDown && fault.Is(err, fault.TargetDown) {
			err = write(s, tbl, 2, "b", cdc.AppendInt32(nil, 7))
		}
	}
	pe, _ := errors.AsType[*pgconn.PgError](err)
	o, diverts := pipeline.OutletOf(err)
	switch {
	case err == nil, pipeline.IsFatal(err), fault.CodeOf(err) != tr.code:
		t.Errorf("got %v, want %s", err, tr.code)
	case pe == nil && tr.state != "57P01", pe != nil && pe.Code != tr.state: // a connection may be cut without a word
		t.Errorf("got %v, want SQLSTATE %s", err, tr.state)
	case diverts != tr.diverts || diverts && o != pipeline.Invalid:
		t.Errorf("diverts %v by %q: %v", diverts, o, err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Error("the error quotes the password")
	}
	release()
	sql(tr.mend)
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := write(s, tbl, 2, "b", cdc.AppendInt32(nil, 4))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("once it was mended: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	if got := strings.Join(lines(t, dsn, "SELECT id, b FROM k.t ORDER BY id"), " "); got != "1|1 2|4" {
		t.Errorf("got %s", got)
	}
}
