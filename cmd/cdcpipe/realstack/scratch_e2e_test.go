//go:build e2e

package realstack_test

import (
	"os"
	"testing"
)

// scratch returns a directory that PostgreSQL's user may enter, which t.TempDir is
// not when the test runs as root.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "realstack")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
