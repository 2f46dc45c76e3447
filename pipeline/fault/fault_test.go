package fault_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"cdcpipe/pipeline/fault"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^CDC-\d{4}$`)
	seen := map[fault.Code]bool{}
	for _, e := range fault.Catalogue() {
		switch {
		case !form.MatchString(string(e.Code)):
			t.Errorf("%s: not of the form CDC-0000", e.Code)
		case seen[e.Code]:
			t.Errorf("%s: given twice", e.Code)
		case e.Title == "" || strings.HasSuffix(e.Title, "."):
			t.Errorf("%s: title %q", e.Code, e.Title)
		case !strings.HasSuffix(e.Fix, "."):
			t.Errorf("%s: %q is not a sentence", e.Code, e.Fix)
		}
		seen[e.Code] = true
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("row 7: %w", fault.Wrap(fault.MalformedJSON, fmt.Errorf("at byte 3: %w", io.ErrUnexpectedEOF)))
	if got, want := err.Error(), "row 7: CDC-1001 at byte 3: unexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !fault.Is(err, fault.MalformedJSON) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the code or the cause is lost")
	}
	if got := fault.CodeOf(io.EOF); got != fault.Unknown {
		t.Errorf("got %s for an error without a code", got)
	}
	if fault.Wrap(fault.MalformedJSON, nil) != nil {
		t.Error("wrapping nil is not nil")
	}
	if fault.New(fault.TooDeep, "x").Fix() == "" || fault.Describe("CDC-7777").Code != fault.Unknown {
		t.Error("description missing")
	}
}
