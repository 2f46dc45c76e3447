package pgserver

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cdcpipe/pipeline/fault"
)

// places are where packages put PostgreSQL's programs, by glob.
var places = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // RPMs of the PostgreSQL project
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
	"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	"/usr/local/pgsql/bin",               // built from source
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// Find returns the directory that holds PostgreSQL's programs: the one that
// CDCPIPE_PG_BIN names, else that of the postgres on PATH, else the newest in
// the usual places.
func Find() (string, error) {
	if dir := os.Getenv("CDCPIPE_PG_BIN"); dir != "" {
		if !holds(dir) {
			return "", fault.New(fault.ServerMissing, "CDCPIPE_PG_BIN is %s, which holds no initdb and postgres", dir)
		}
		return dir, nil
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil && holds(filepath.Dir(p)) {
			return filepath.Dir(p), nil
		}
	}
	var found []string
	for _, g := range places {
		dirs, _ := filepath.Glob(g)
		found = append(found, slices.DeleteFunc(dirs, func(d string) bool { return !holds(d) })...)
	}
	if len(found) == 0 {
		return "", fault.New(fault.ServerMissing, "no initdb and postgres on PATH or in %s", strings.Join(places, ", "))
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) }), nil
}

func holds(dir string) bool {
	for _, p := range []string{"initdb", "postgres"} {
		if st, err := os.Stat(filepath.Join(dir, p)); err != nil || st.IsDir() {
			return false
		}
	}
	return true
}

// version reads the first number in the path, or 0.
func version(dir string) float64 {
	f := func(r rune) bool { return (r < '0' || r > '9') && r != '.' }
	for _, s := range strings.FieldsFunc(dir, f) {
		if v, err := strconv.ParseFloat(s, 64); err == nil {
			return v
		}
	}
	return 0
}
