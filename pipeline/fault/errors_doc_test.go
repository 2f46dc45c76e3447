package fault_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"cdcpipe/pipeline/fault"
)

var update = flag.Bool("update", false, "write docs/reference/errors.md anew")

const errorsDoc = "../../docs/reference/errors.md"

const errorsIntro = `# Errors

<!-- Made from pipeline/fault by go test ./pipeline/fault -update. Do not edit. -->

Every error that an operator may see has a code. Codes are never reused and do not change their meaning. The program
prints code, title, detail and what to do; a letter on an outlet carries the same in its headers or columns; a log line
has the code in its error. [cli.md](cli.md) says with which exit code the program ends.
`

// areas are the areas of the codes, by what their codes begin with.
var areas = []struct{ prefix, title, text string }{
	{"CDC-0", "Without a code", ""},
	{"CDC-1", "Reading an event", "The event leaves the pipeline and the others go on: what cannot be read by the outlet " +
		"dead_letter (1001 to 1006, 1014, 1015, 1017), what can be read and does not fit its table by the outlet invalid."},
	{"CDC-2", "Checking a change against rules", "The change leaves by the outlet invalid, with every rule that it breaks."},
	{"CDC-3", "Table definitions", ""},
	{"CDC-4", "Writing to a target", ""},
	{"CDC-5", "Age", "The change leaves by the outlet stale."},
	{"CDC-60", "Configuration", "The pipeline does not start. All that is wrong with a file is reported at once, each with its position."},
	{"CDC-61", "Doubts about a configuration", "The configuration works; config lint and run warn."},
	{"CDC-7", "Reading from a source", ""},
	{"CDC-8", "Running", ""},
	{"CDC-9", "Bugs", ""},
}

// wrap breaks text into lines that are no longer than the documentation's.
func wrap(text string) string {
	const width = 120
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// The documentation of errors is that of the catalogue.
func TestErrorsDoc(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(errorsIntro)
	entries := fault.Catalogue()
	for _, a := range areas {
		fmt.Fprintf(&b, "\n## %s\n", a.title)
		if a.text != "" {
			fmt.Fprintf(&b, "\n%s\n", wrap(a.text))
		}
		for len(entries) > 0 && strings.HasPrefix(string(entries[0].Code), a.prefix) {
			fmt.Fprintf(&b, "\n### %s %s\n\n%s\n", entries[0].Code, entries[0].Title, wrap(entries[0].Fix))
			entries = entries[1:]
		}
	}
	for _, e := range entries {
		t.Errorf("%s is of no area", e.Code)
	}
	if *update {
		if err := os.WriteFile(errorsDoc, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(errorsDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/reference/errors.md is not that of the catalogue: run go test ./pipeline/fault -update")
	}
}
