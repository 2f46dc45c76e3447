package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Whatever is asked wrongly is answered with a code, a place and a way out, on
// standard error, and ends with the code of its kind.
func TestWrongUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "pipeline.yaml")
	if code, _, stderr := call(t, "config", "init", "-f", file); code != 0 {
		t.Fatal(stderr)
	}
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"rum", exitUsage, `unknown command "rum"; did you mean "run"?`},
		{"run extra", exitUsage, `unexpected argument "extra"`},
		{"run --bogus", exitUsage, "flag provided but not defined: -bogus"},
		{"run -f", exitUsage, "flag needs an argument"},
		{"run -f FILE --events 3", exitUsage, "--events is for the embedded default"},
		{"run --events many", exitUsage, `invalid value "many"`},
		{"run -o xml", exitUsage, `"xml" is neither text nor json`},
		{"run --events 1 --log-level loud", exitUsage, `"loud" is none of debug, info, warn, error`},
		{"run --events 1 --data /proc/none", exitFailure, "CDC-8003"},
		{"run -f /none.yaml", exitConfig, "open /none.yaml: no such file"},
		{"config bogus", exitUsage, `unknown command "config bogus"`},
		{"config lint", exitUsage, "-f is missing"},
		{"config lint -f FILE --set foo", exitUsage, "not of the form path=value"},
		{"config lint -f FILE --set nmae=x", exitConfig, `unknown key "nmae"; did you mean "name"?`},
		{"config lint -f FILE --set sink.lanes=-1", exitConfig, "sink.lanes"},
		{"config show", exitUsage, "-f is missing"},
		{"config init -f FILE", exitConfig, "file exists"},
		{"doctor -f /none.yaml", exitConfig, "no such file"},
		{"migrate up", exitUsage, "give either -f"},
		{"migrate up -f FILE --schema x", exitUsage, "--schema goes with --dsn"},
		{"migrate status --dsn postgres://%", exitUsage, "not an address of PostgreSQL"},
		{"completion tcsh", exitUsage, `"tcsh" is none of bash, zsh, fish, powershell`},
	} {
		code, stdout, stderr := call(t, strings.Fields(strings.ReplaceAll(tc.args, "FILE", file))...)
		if code != tc.code || !strings.Contains(stderr, tc.want) || stdout != "" && !strings.HasPrefix(tc.args, "doctor") {
			t.Errorf("%s: exit %d, want %d and %q; stdout %q\n%s", tc.args, code, tc.code, tc.want, stdout, stderr)
		}
		if !strings.Contains(stderr, "CDC-") {
			t.Errorf("%s: no code in %q", tc.args, stderr)
		}
	}
}

// What is written by init passes lint, and show and schema give what they promise.
func TestConfigCommands(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	if code, _, stderr := call(t, "config", "init", "-f", file); code != 0 || !strings.Contains(stderr, "tables.cql") {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	code, stdout, stderr := call(t, "config", "lint", "-f", file)
	if code != 0 || stdout != "" || !strings.HasSuffix(stderr, "ok, 0 warnings\n") {
		t.Errorf("lint: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ = call(t, "config", "lint", "-f", file, "--set", "sink.use=postgers", "-o", "json"); code != exitConfig {
		t.Errorf("lint: exit %d", code)
	}
	var found []finding
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || len(found) != 1 || found[0].Severity != "error" || !strings.Contains(found[0].Fix, "postgres") {
		t.Errorf("%v in %s", err, stdout)
	}
	if code, stdout, _ = call(t, "config", "show", "-f", file, "--set", "sink.with.dsn=postgres://u:hush@h/d"); code != 0 ||
		strings.Contains(stdout, "hush") || !strings.Contains(stdout, "name: shop") {
		t.Errorf("show: exit %d\n%s", code, stdout)
	}
	if code, stdout, _ = call(t, "config", "schema"); code != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("schema: exit %d", code)
	}
	if code, stdout, _ = call(t, "config", "init"); code != 0 || !strings.Contains(stdout, "use: postgres") {
		t.Errorf("init: exit %d\n%s", code, stdout)
	}
	if code, stdout, _ = call(t, "version", "-o", "json"); code != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("version: exit %d\n%s", code, stdout)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, _ = call(t, "completion", shell); code != 0 || !strings.Contains(stdout, "cdcpipe") {
			t.Errorf("completion %s: exit %d\n%s", shell, code, stdout)
		}
	}
}

// A replica that cannot be made is refused before anything is read, and what is
// there stays as it is.
func TestRefused(t *testing.T) {
	s := stack(t)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE ROLE reader LOGIN PASSWORD 'x'`)
	dir := t.TempDir()
	file := filepath.Join(dir, "pipeline.yaml")
	if code, _, stderr := call(t, "config", "init", "-f", file); code != 0 {
		t.Fatal(stderr)
	}
	as := func(user, database string) string {
		c := conn.Config()
		return "postgres://" + user + "@" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + database + "?sslmode=disable&connect_timeout=2"
	}
	for _, tc := range []struct {
		name, before, after string
		set                 []string
		code                int
		want                []string
	}{
		{name: "a table of the user's in the way", before: "CREATE SCHEMA shop; CREATE TABLE shop.orders (mine int); INSERT INTO shop.orders VALUES (42)",
			after: "DROP SCHEMA shop CASCADE", code: exitConfig, want: []string{"shop", "orders"}},
		{name: "a view of the user's in the way", before: "CREATE SCHEMA shop; CREATE VIEW shop.orders AS SELECT 42 AS mine",
			after: "DROP SCHEMA shop CASCADE", code: exitConfig, want: []string{"shop", "orders"}},
		{name: "no permission", set: []string{"sink.with.dsn=" + as("reader:x", "postgres")}, code: exitPermission, want: []string{"permission"}},
		{name: "wrong password", set: []string{"sink.with.dsn=" + as("reader:y", "postgres")}, code: exitPermission, want: []string{"reader"}},
		{name: "no such database", set: []string{"sink.with.dsn=" + as("reader:x", "none")}, code: exitUnavailable, want: []string{"none"}},
		{name: "nobody listens", set: []string{"sink.with.dsn=postgres://u@127.0.0.1:1/d"}, code: exitUnavailable, want: []string{"CDC-4006", "127.0.0.1:1"}},
		{name: "no broker", set: []string{"source.with.brokers=127.0.0.1:1", "source.with.connect_timeout=1s"}, code: exitUnavailable, want: []string{"CDC-7001", "127.0.0.1:1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.before != "" {
				exec(tc.before)
				defer exec(tc.after)
			}
			args := []string{"run", "-f", file, "--admin", "127.0.0.1:0"}
			set := append([]string{"sink.with.dsn=" + s.DSN(), "source.with.brokers=" + s.Brokers()[0]}, tc.set...)
			for _, o := range []string{"dead_letter", "invalid", "stale"} {
				set = append(set, "outlets."+o+"=discard")
			}
			for _, v := range set {
				args = append(args, "--set", v)
			}
			code, _, stderr := call(t, args...) //nolint:contextcheck // that of the test
			if code != tc.code {
				t.Errorf("exit %d, want %d\n%s", code, tc.code, stderr)
			}
			for _, w := range append(tc.want, "what to do: ") {
				if !strings.Contains(stderr, w) {
					t.Errorf("nothing says %q:\n%s", w, stderr)
				}
			}
			if tc.before != "" {
				if got := answer(ctx, s.DSN(), "SELECT * FROM shop.orders"); got != "42" && !strings.Contains(tc.before, "VIEW") {
					t.Errorf("the user's table holds %q", got)
				}
			}
			// The sink opens before the source, and is whole then.
			tables := answer(ctx, s.DSN(), "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = to_regnamespace('shop__cdc')::oid AND relkind = 'r'")
			if want := map[bool]string{true: "orders__base orders__part orders__range users__base"}[tc.name == "no broker"]; tables != want {
				t.Errorf("left behind: %q, want %q", tables, want)
			}
		})
	}
}

// A file that names a Cassandra reads back what events lose, unless it says how.
// Without one, lint names the columns that cannot be exact.
func TestHydrateIsOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "pipeline.yaml")
	if code, _, stderr := call(t, "config", "init", "-f", file); code != 0 {
		t.Fatal(stderr)
	}
	uses := func(sets ...string) int {
		args := []string{"config", "show", "-f", file}
		for _, s := range sets {
			args = append(args, "--set", s)
		}
		code, stdout, stderr := call(t, args...)
		if code != 0 {
			t.Fatal(stderr)
		}
		return strings.Count(stdout, "use: hydrate")
	}
	if n := uses(); n != 0 {
		t.Errorf("%d stages without a Cassandra", n)
	}
	if n := uses("schema.cassandra.hosts=[127.0.0.1]"); n != 1 {
		t.Errorf("%d stages with one", n)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("  - validate\n"), []byte("  - {use: hydrate, with: {mode: always}}\n  - validate\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := uses("schema.cassandra.hosts=[127.0.0.1]"); n != 1 {
		t.Errorf("%d stages where one is given", n)
	}
	if code, _, stderr := call(t, "config", "show", "-f", file); code != exitConfig || !strings.Contains(stderr, "schema.cassandra is required") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("{use: decode, workers: 2}"), []byte("decode"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := uses("schema.cassandra.hosts=[127.0.0.1]"); n != 1 {
		t.Errorf("%d stages after one that is just a name", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "tables.cql"), []byte("CREATE TABLE a.b (id int PRIMARY KEY, tags set<text>);"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := call(t, "config", "lint", "-f", file); code != 0 || !strings.Contains(stdout, "a.b: tags") {
		t.Errorf("exit %d\n%s", code, stdout+stderr)
	}
}
