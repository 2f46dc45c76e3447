package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// The pipeline that is written for the servers passes lint without a warning.
func TestDevPipeline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, dsn := filepath.Join(dir, "pipeline.yaml"), filepath.Join(dir, "dsn")
	b, err := renderDev(devAddresses{"127.0.0.1:11001", 11002, dsn})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{file: b, dsn: []byte("postgres://u:hush@127.0.0.1:11003/d")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := call(t, "config", "lint", "-f", file); code != 0 || !strings.HasSuffix(stderr, "ok, 0 warnings\n") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if code, stdout, _ := call(t, "config", "show", "-f", file); code != 0 || !strings.Contains(stdout, "11002") || !strings.Contains(stdout, "127.0.0.1:11001") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	got := devStatements()
	if len(got) != 3 || !strings.HasPrefix(got[0], "CREATE KEYSPACE IF NOT EXISTS shop") || strings.Contains(strings.Join(got, ""), "--") {
		t.Errorf("got %q", got)
	}
}

// Where nothing runs, that is what is said.
func TestDevWithoutServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, stdout, _ := call(t, "dev", "status", "--dir", dir, "-o", "json")
	var status realstack.Status
	if err := json.Unmarshal([]byte(stdout), &status); code != 0 || err != nil || status.State != "stopped" || len(status.Servers) != len(realstack.Parts()) {
		t.Errorf("exit %d, %v\n%s", code, err, stdout)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"dev", "status", "--dir", dir}, 0, ""},
		{[]string{"dev", "down", "--dir", dir}, 0, "nothing runs in " + dir},
		{[]string{"dev", "cql", "--dir", dir, "SELECT 1"}, exitUnavailable, "no Cassandra runs in " + dir},
		{[]string{"dev", "cql", "--dir", dir}, exitUsage, "a statement is missing"},
		{[]string{"dev", "up", "--dir", dir, "--cassandra", "3.11"}, exitUsage, "Cassandra 3.11 is not one of 5.0"},
		{[]string{"dev", "upp"}, exitUsage, `unknown command "dev upp"`},
	} {
		if code, _, stderr := call(t, tc.args...); code != tc.code || !strings.Contains(stderr, tc.want) {
			t.Errorf("%q: exit %d, want %d and %q\n%s", tc.args, code, tc.code, tc.want, stderr)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
