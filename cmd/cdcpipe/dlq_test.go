package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/configs"
)

const lettersFile = `version: 1
name: letters
schema: {cql: [tables.cql]}
source: {use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"], topics: [cdc.shop.orders, cdc.shop.users], group: letters, metadata_max_age: 1s}}
stages:
  - decode
  - use: validate
    with: {tables: [{match: shop.orders, columns: {qty: {min: 0}, note: {max_length: 9}}}]}
sink: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
outlets:
  dead_letter: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
  invalid: {use: postgres, with: {dsn: "${env:PG_DSN}"}}
  stale: discard
admin: {listen: "127.0.0.1:0", token: secret}
commit: {every: 100ms}
`

// written writes a pipeline's file and its tables into a directory of their own.
func written(t *testing.T, name, text string) (file string) {
	t.Helper()
	dir := t.TempDir()
	tables, err := configs.FS.ReadFile("tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{name: []byte(text), "tables.cql": tables} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, name)
}

// spoil sends the shop's events once the topics are there, and waits for what leaves.
func spoil(t *testing.T, s *devstack.Stack, text string) (file string, stop func() (int, string), stderr *watched) {
	t.Helper()
	t.Setenv("KAFKA_BROKERS", s.Brokers()[0])
	t.Setenv("PG_DSN", s.DSN())
	file = written(t, "letters.yaml", text)
	produce(t, s.Brokers(), shop()...)
	stderr = &watched{}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"cdcpipe", "run", "-f", file}, &watched{}, stderr) }()
	return file, func() (int, string) { cancel(); return <-ended, stderr.String() }, stderr
}

// golden compares what a command printed with a file of testdata, but for times.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`).ReplaceAllString(got, "TIME")
	got = regexp.MustCompile(`[^" ]+@[^" \n]+`).ReplaceAllString(got, "WHO")
	got = regexp.MustCompile(`"timestamp":[0-9]+`).ReplaceAllString(got, `"timestamp":0`)
	got = regexp.MustCompile(` +\n`).ReplaceAllString(got, "\n")
	path := filepath.Join("testdata", "letters", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// What left is listed, shown, counted, corrected and sent, and then it is in the
// replica.
func TestLetters(t *testing.T) {
	s := stack(t)
	file, stop, stderr := spoil(t, s, lettersFile)
	query := func(sql, want string) {
		t.Helper()
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() + "\n" + stderr.String() }, func() bool { return got() == want })
	}
	query("SELECT (SELECT count(*) FROM cdcpipe.validation_errors), (SELECT count(*) FROM cdcpipe.dlq_archive)", "1|1")
	call := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := call(t, args...)
		if code != want {
			t.Errorf("%q: exit %d\n%s%s", args, code, stdout, stderr)
		}
		return stdout, stderr
	}
	for name, args := range map[string][]string{
		"list.txt": {"validation", "list", "-f", file}, "list.json": {"validation", "list", "-f", file, "-o", "json"}, "list.yaml": {"validation", "list", "--dsn", s.DSN(), "-o", "yaml"},
		"list.csv": {"validation", "list", "-f", file, "-o", "csv"}, "show.yaml": {"validation", "show", "-f", file, "1"}, "dead.json": {"dlq", "show", "-f", file, "-o", "json", "1"},
		"stats.txt": {"dlq", "stats", "-f", file}, "stats.csv": {"dlq", "stats", "--outlet", "invalid", "-f", file, "-o", "csv"}, "stats.json": {"dlq", "stats", "-f", file, "-o", "json"},
		"export.jsonl": {"dlq", "export", "-f", file, "--outlet", "invalid"}, "export.csv": {"dlq", "export", "-f", file, "-o", "csv"},
		"none.json": {"dlq", "list", "-f", file, "--state", "archived", "-o", "json"},
	} {
		stdout, stderr := call(0, args...)
		golden(t, name, stdout)
		if strings.Contains(stdout+stderr, "postgres://") {
			t.Errorf("%s tells the address", name)
		}
	}
	for _, args := range [][]string{
		{"dlq", "list"}, {"dlq", "list", "-f", file, "--dsn", "x"}, {"dlq", "list", "-f", file, "--schema", "x"}, {"dlq", "list", "-f", file, "-o", "xml"}, {"dlq", "list", "-f", file, "--since", "soon"},
		{"dlq", "list", "-f", file, "--state", "lost"}, {"dlq", "replay", "-f", file}, {"dlq", "replay", "-f", file, "x"}, {"dlq", "replay", "-f", file, "--max-replays", "0", "1"},
		{"dlq", "replay", "--dsn", s.DSN(), "1"}, {"dlq", "show", "-f", file}, {"dlq", "run"}, {"dlq", "run", "-f", file, "--wait", "-1s"}, {"validation", "edit", "--dsn", s.DSN(), "1"},
		{"validation", "resubmit", "-f", file}, {"validation", "resubmit", "-f", file, "--column", "qty=1", "1", "2"}, {"validation", "resubmit", "-f", file, "--column", "qty=x", "1"},
		{"validation", "resubmit", "--dsn", s.DSN(), "--column", "qty=1", "1"}, {"dlq", "lst"},
		{"dlq", "list", "-f", file, "--code", "2004"}, {"dlq", "list", "-f", file, "--after", "-1"}, {"dlq", "list", "-f", file, "--outlet", "invald"}, {"dlq", "run", "-f", file, "--outlet", "invald"},
		{"dlq", "export", "-f", file, "--to", "nowhere/x"}, {"dlq", "export", "-f", file, "--to", "."},
	} {
		call(exitUsage, args...)
	}
	if _, stderr := call(exitUsage, "validation", "show", "-f", file); !strings.Contains(stderr, "the number of a letter is missing") {
		t.Errorf("got %s", stderr)
	}
	if _, stderr := call(0, "dlq", "list", "-f", file, "--code", "CDC-9"); !strings.Contains(stderr, "--state all") {
		t.Errorf("got %s", stderr)
	}
	if stdout, _ := call(exitData, "dlq", "replay", "-f", file, "--dry-run", "-o", "json", "1", "99"); stdout != "{\n  \"matching\": 1\n}\n" {
		t.Errorf("got %s", stdout)
	}
	call(exitData, "dlq", "purge", "-f", file, "--yes", "1") // it is open
	call(exitData, "dlq", "purge", "-f", file, "99")
	call(exitData, "dlq", "show", "-f", file, "99")
	call(exitData, "dlq", "replay", "-f", file, "99")

	// An editor is a program that changes a file.
	t.Setenv("VISUAL", "")
	open := "SELECT status, resubmissions, coalesce(corrected::text, '') FROM cdcpipe.validation_errors WHERE id = 1"
	for editor, says := range map[string]string{
		"sed -i s/qty:.*/qty:\\ -4/":                           "qty",
		"sed -i s/qty:.*/qty:\\ many/":                         "CDC-1008",
		"sed -i s/item:.*/item:\\ 9/":                          "key",
		"sed -i s/columns/rows/":                               "columns",
		"sed -i 's/qty:.*/qty: -4\\n  note: too long a note/'": "note",
		"false": "editor", "truncate -s 0": "empty",
	} {
		t.Setenv("EDITOR", editor)
		want := exitData
		if says == "editor" || says == "empty" {
			want = exitFailure
		}
		if _, stderr := call(want, "validation", "edit", "-f", file, "1"); !strings.Contains(stderr, says) {
			t.Errorf("%s: nothing says %s in\n%s", editor, says, stderr)
		}
		query(open, "open|0|")
	}
	t.Setenv("EDITOR", "true")
	if _, stderr := call(0, "validation", "edit", "-f", file, "1"); !strings.Contains(stderr, "nothing was changed") {
		t.Errorf("got %s", stderr)
	}
	if stdout, _ := call(exitData, "validation", "resubmit", "-f", file, "1"); !strings.Contains(stdout, "CDC-2004") {
		t.Errorf("as it is: %s", stdout)
	}
	query(open, "open|0|")
	// What is refused can be edited again, as it was saved.
	typed(t, "y\n")
	t.Setenv("EDITOR", `sed -i -e "s/qty: 0x3/qty: 3/;s/qty: -3/qty: 0x3/"`)
	if stdout, stderr := call(0, "validation", "edit", "-f", file, "--as", "yaml", "1"); stdout != "1 sent, 0 refused\n" || !strings.Contains(stderr, "The editor opens again") {
		t.Errorf("got %s%s", stdout, stderr)
	}
	query("SELECT item, qty FROM shop.orders WHERE item = 2", "2|3")
	stdout, _ := call(0, "validation", "show", "-f", file, "1")
	golden(t, "corrected.yaml", stdout)

	// A second letter, by flags; then it is sent twice more, to no effect.
	produce(t, s.Brokers(), event("cdc.shop.orders", `{"customer":1,"placed":"a","item":3}`, "i", 1767225601000000,
		`{"customer":`+cell("1")+`,"placed":`+cell(`"a"`)+`,"item":`+cell("3")+`,"at":null,"note":`+cell(`"a, b"`)+`,"price":null,"qty":`+cell("-1")+`,"_range_start":null,"_range_end":null}`))
	query("SELECT count(*) FROM cdcpipe.validation_errors WHERE status = 'open'", "1")
	id := answer(t.Context(), s.DSN(), "SELECT id FROM cdcpipe.validation_errors WHERE status = 'open'")
	call(exitData, "validation", "resubmit", "-f", file, "--column", "qty=-1", id)
	if stdout, _ := call(0, "validation", "resubmit", "-f", file, "--column", "qty=8", "--column", `note="c, d"`, "-o", "json", id); !json.Valid([]byte(stdout)) || !strings.Contains(stdout, `"sent": 1`) {
		t.Errorf("got %s", stdout)
	}
	query("SELECT qty, note FROM shop.orders WHERE item = 3", "8|c, d")

	// What is replayed as it was comes back, and counts, and is refused in the end.
	for n := 1; n <= 3; n++ {
		last := answer(t.Context(), s.DSN(), "SELECT max(id) FROM cdcpipe.dlq_archive")
		if stdout, _ := call(0, "dlq", "replay", "-f", file, "--max-replays", "3", last); stdout != "1 sent, 0 refused\n" {
			t.Errorf("got %s", stdout)
		}
		query("SELECT count(*) FROM cdcpipe.dlq_archive WHERE status = 'open'", "1")
	}
	if stdout, stderr := call(exitData, "dlq", "replay", "-f", file, "--max-replays", "3", "--all"); !strings.Contains(stdout, "0 sent, 1 refused") || !strings.Contains(stderr, "CDC-8022") {
		t.Errorf("got %s%s", stdout, stderr)
	}
	if stdout, _ := call(0, "dlq", "replay", "-f", file, "--code", "CDC-1", "--dry-run"); stdout != "1 would be sent\n" {
		t.Errorf("got %s", stdout)
	}

	// Purging asks first, and leaves what is open.
	if stdout, _ := call(0, "dlq", "purge", "-f", file); stdout != "3 would be purged\n" {
		t.Errorf("got %s", stdout)
	}
	if stdout, _ := call(0, "dlq", "purge", "-f", file, "--older-than", "1h", "--yes"); stdout != "0 purged\n" {
		t.Errorf("got %s", stdout)
	}
	if stdout, _ := call(0, "dlq", "purge", "-f", file, "--yes"); stdout != "3 purged\n" {
		t.Errorf("got %s", stdout)
	}
	if stdout, _ := call(0, "dlq", "purge", "-f", file, "--state", "open", "--yes"); stdout != "1 purged\n" {
		t.Errorf("got %s", stdout)
	}
	to := filepath.Join(t.TempDir(), "all.jsonl")
	if stdout, stderr := call(0, "dlq", "export", "-f", file, "--outlet", "invalid", "--state", "all", "--to", to); stdout != "" || stderr != "2 letters exported\n" {
		t.Errorf("got %s%s", stdout, stderr)
	}
	if text, err := os.ReadFile(to); err != nil || strings.Count(string(text), "\n") != 2 {
		t.Errorf("got %s, %v", text, err)
	}
	if code, stderr := stop(); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// Letters of topics are brought to PostgreSQL, sent again if their cause was
// transient, exported if their data is invalid, and archived otherwise.
func TestDeadLetterRun(t *testing.T) {
	s := stack(t)
	outlet := `{use: kafka, with: {brokers: ["${env:KAFKA_BROKERS}"]}}`
	text := strings.NewReplacer(
		`dead_letter: {use: postgres, with: {dsn: "${env:PG_DSN}"}}`, "dead_letter: "+outlet, `invalid: {use: postgres, with: {dsn: "${env:PG_DSN}"}}`, "invalid: "+outlet).Replace(lettersFile)
	file, stop, stderr := spoil(t, s, text)
	dir := t.TempDir()
	query := func(sql, want string) {
		t.Helper()
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() + "\n" + stderr.String() }, func() bool { return got() == want })
	}
	query("SELECT count(*) FROM shop.orders", "1")
	code, _, said := call(t, "dlq", "list", "-f", file)
	if code != 0 || !strings.Contains(said, "cassandra.cdc.dlq") {
		t.Errorf("exit %d, nothing says where the letters are: %s", code, said)
	}
	end := running(t, "dlq", "run", "-f", file, "--dir", dir, "--wait", "1ms", "--admin", "127.0.0.1:0")
	query("SELECT (SELECT string_agg(code || status, ',') FROM cdcpipe.dlq_archive), (SELECT string_agg(code || status || (exported_at IS NOT NULL), ',') FROM cdcpipe.validation_errors)",
		"CDC-1001open|CDC-2004opentrue")
	// A record whose only fault was the target's, and one that is no letter at all.
	r := shop()[3]
	r.Topic, r.Value = "cassandra.cdc.dlq", []byte(strings.Replace(string(r.Value), "-3", "4", 1))
	for _, h := range [][2]string{
		{"__connect.errors.topic", "cdc.shop.orders"}, {"__connect.errors.partition", "0"}, {"__connect.errors.offset", "77"}, {"__connect.errors.exception.message", "busy"},
		{"cdcpipe.error.code", "CDC-4014"}, {"cdcpipe.outlet", "dead_letter"}, {"cdcpipe.attempts", "10"}, {"cdcpipe.table", "shop.orders"},
		{"cdcpipe.first_failed_at", "2026-01-01T00:00:00Z"}, {"cdcpipe.last_failed_at", "2026-01-01T00:00:00Z"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	junk := shop()[5]
	junk.Topic, junk.Value = "cassandra.cdc.dlq", []byte("junk")
	produce(t, s.Brokers(), r, junk)
	query("SELECT item, qty FROM shop.orders WHERE item = 2", "2|4")
	query("SELECT string_agg(code || ' ' || status, ', ' ORDER BY code) FROM cdcpipe.dlq_archive", "CDC-0000 archived, CDC-1001 open, CDC-4014 resubmitted")
	if code, said := end(); code != 0 {
		t.Errorf("exit %d, %s", code, said)
	}
	for _, glob := range []string{"invalid-*.jsonl", "invalid-*.csv", "dead_letter-*.jsonl", "dead_letter-*.csv"} {
		if fs, err := filepath.Glob(filepath.Join(dir, glob)); err != nil || len(fs) != 1 {
			t.Errorf("%s: got %q, %v", glob, fs, err)
		}
	}
	if code, _, said := call(t, "dlq", "run", "-f", file, "--dir", dir, "--once"); code != 0 {
		t.Errorf("once: exit %d, %s", code, said)
	}
	if code, stderr := stop(); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
