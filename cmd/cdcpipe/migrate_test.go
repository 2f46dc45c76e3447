package main

import (
	"encoding/json"
	"strings"
	"testing"

	"cdcpipe/sinks/postgres/pgserver"
)

// A schema that a sink and three outlets share is migrated once, whichever way it
// is named.
func TestMigrate(t *testing.T) {
	s, err := pgserver.Start(t.Context(), pgserver.Config{Dir: scratch(t), Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	t.Setenv("PG_DSN", s.DSN())
	t.Setenv("HASH_KEY", "x")
	file, dsn := []string{"-f", "../../configs/rules.yaml"}, []string{"--dsn", s.DSN()}
	status := func(want bool, args ...string) {
		t.Helper()
		code, stdout, stderr := call(t, append([]string{"migrate", "status", "-o", "json"}, args...)...)
		var got []migrated
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || len(got) != 1 || len(got[0].Migrations) < 2 {
			t.Fatalf("exit %d, %v, %s%s", code, err, stdout, stderr)
		}
		for _, m := range got[0].Migrations {
			if (m.Applied != nil) != want {
				t.Errorf("%s: applied at %v", m.Name, m.Applied)
			}
		}
		if strings.Contains(stdout, "postgres://") {
			t.Errorf("it prints the address: %s", stdout)
		}
	}
	status(false, dsn...)
	code, stdout, stderr := call(t, append([]string{"migrate", "up"}, file...)...)
	if code != 0 || !strings.Contains(stdout, "00001_tables.sql") || !strings.HasPrefix(stdout, "schema cdcpipe of ") {
		t.Fatalf("exit %d, %s%s", code, stdout, stderr)
	}
	status(true, dsn...)
	status(true, file...)
	if code, stdout, stderr = call(t, append([]string{"migrate", "up"}, dsn...)...); code != 0 || !strings.Contains(stdout, "nothing is pending") {
		t.Errorf("again: exit %d, %s%s", code, stdout, stderr)
	}
	s.Kill()
	if code, _, stderr = call(t, append([]string{"migrate", "up"}, dsn...)...); code != exitUnavailable || !strings.Contains(stderr, "CDC-4006") {
		t.Errorf("without a server: exit %d, %s", code, stderr)
	}
}
