package file

import (
	"log/slog"
	"os"
	"strings"
	"testing"
)

// A write that failed leaves nothing behind, and the next begins where it should.
func TestAppendAfterFailure(t *testing.T) {
	t.Parallel()
	a := newAppender(t.TempDir(), "x", 1<<20, slog.New(slog.DiscardHandler))
	if err := a.append([]byte("{\"n\":1}\n")); err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(a.path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.WriteString("{\"n\":2}\n{\"n\""); err != nil { // what the failed write got done
		t.Fatal(err)
	}
	a.file.Close()
	if err := a.append([]byte("{\"n\":2}\n{\"n\":3}\n")); err == nil {
		t.Fatal("got no error")
	}
	if err := a.append([]byte("{\"n\":2}\n{\"n\":3}\n")); err != nil {
		t.Fatal(err)
	}
	a.close()
	text, err := os.ReadFile(a.path())
	if err != nil {
		t.Fatal(err)
	}
	want := "{\"n\":1}\n{\"n\":2}\n{\"n\":2}\n{\"n\":3}\n" // again is allowed, torn is not
	if got := string(text); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if strings.Count(string(text), "\n") != 4 {
		t.Error("a line is torn")
	}
}
