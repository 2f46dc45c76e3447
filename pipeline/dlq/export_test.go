package dlq_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
)

// batch makes a batch of letters.
func batch(ls ...*dlq.Letter) []pipeline.Record[*dlq.Letter] {
	b := pipeline.NewBatch[*dlq.Letter](len(ls))
	for i, l := range ls {
		b.Append(pipeline.Header{Partition: "invalid", Offset: int64(i)}, l)
	}
	return b.Records
}

// Whoever dies between writing a file and saying so writes the same file again, also
// if the letters come in other batches then.
func TestExportInterrupted(t *testing.T) {
	t.Parallel()
	dsn, dir := database(t), t.TempDir()
	s := open(t, dsn)
	keep(t, dsn, letters(6)...)
	x := &dlq.Exporter{Store: s, Dir: filepath.Join(dir, "made")}
	if err := x.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ls, err := s.Page(t.Context(), dlq.Filter{Outlet: pipeline.Invalid})
	if err != nil || len(ls) != 6 {
		t.Fatalf("got %d, %v", len(ls), err)
	}
	query(t, dsn, `CREATE FUNCTION cdcpipe.fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''now''; END'`)
	query(t, dsn, `CREATE TRIGGER fail BEFORE UPDATE OF exported_at ON cdcpipe.validation_errors FOR EACH ROW EXECUTE FUNCTION cdcpipe.fail()`)
	for _, part := range [][]*dlq.Letter{ls[1:3], ls[3:5]} {
		if err := x.Write(t.Context(), batch(part...)); err == nil {
			t.Fatal("nothing failed")
		}
	}
	query(t, dsn, `DROP TRIGGER fail ON cdcpipe.validation_errors`)
	for range 2 {
		if err := x.Write(t.Context(), batch(ls...)); err != nil {
			t.Fatal(err)
		}
		lines, rows := exports(t, x.Dir)
		for _, l := range ls {
			if lines[l.Event.Offset] != 1 || rows[l.Event.Offset] != 1 {
				t.Errorf("letter %d stands in %d files of lines and %d of rows", l.ID, lines[l.Event.Offset], rows[l.Event.Offset])
			}
		}
	}
	if got := query(t, dsn, `SELECT exported_to, count(*), bool_and(exported_at IS NOT NULL AND status = 'open' AND due_at = 'infinity') FROM cdcpipe.validation_errors GROUP BY 1 ORDER BY 1`); got !=
		"invalid-000000000001|2|t\ninvalid-000000000002|2|t\ninvalid-000000000004|2|t" {
		t.Errorf("got %s", got)
	}
	if due, err := s.Claim(t.Context(), dlq.Filter{Outlet: pipeline.Invalid}, time.Minute); err != nil || len(due) != 0 {
		t.Errorf("%d are due, %v", len(due), err)
	}
}

// A file that cannot be finished is not there, and another in its place stays.
func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	write := func(text string, err error) error {
		return dlq.WriteFile(path, func(w io.Writer) error {
			_, writeErr := io.WriteString(w, text)
			return errors.Join(writeErr, err)
		})
	}
	if err := write("half", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("half a file is there: %v", err)
	}
	if err := errors.Join(write("first", nil), write("second", nil)); err != nil {
		t.Fatal(err)
	}
	if err := write("half", context.Canceled); err == nil {
		t.Error("got no error")
	}
	text, err := os.ReadFile(path)
	entries, err2 := os.ReadDir(dir)
	if string(text) != "second" || len(entries) != 1 || errors.Join(err, err2) != nil {
		t.Errorf("got %q, %d files, %v", text, len(entries), errors.Join(err, err2))
	}
	// What a crash left long ago is removed, what another may be writing is not.
	old, young := filepath.Join(dir, ".a.1.unfinished"), filepath.Join(dir, ".b.1.unfinished")
	for _, f := range []string{old, young} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hour := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, hour, hour); err != nil {
		t.Fatal(err)
	}
	if err := (&dlq.Exporter{Dir: dir}).Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Error("what a crash left is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error(err)
	}
}
