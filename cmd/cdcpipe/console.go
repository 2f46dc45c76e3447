package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
)

// A console is where a command prints.
type console struct {
	out, err io.Writer // data; everything else
}

// explain prints an error as operators need it: what, where, and what to do.
func (c console) explain(err error) {
	if _, ok := errors.AsType[*spec.Problem](err); ok {
		for _, p := range spec.Problems(err) {
			fmt.Fprintln(c.err, p)
		}
		return
	}
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok {
		fmt.Fprintln(c.err, "cdcpipe:", err)
		return
	}
	fmt.Fprintf(c.err, "cdcpipe: %s %s\n", f.Code, f.Title())
	detail := strings.TrimPrefix(err.Error(), string(f.Code)+" ")
	for line := range strings.Lines(detail) {
		fmt.Fprintf(c.err, "  %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintf(c.err, "  what to do: %s\n", f.Fix())
}

// json prints v on standard output.
func (c console) json(v any) error {
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// terminal reports whether w is one, and whether it wants colour
// (https://no-color.org).
func terminal(w io.Writer) (is, colour bool) {
	f, ok := w.(*os.File)
	is = ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	return is, is && os.Getenv("NO_COLOR") == ""
}

// usage is an error in how a command was called.
func usage(format string, args ...any) error { return fault.New(fault.ConfigUsage, format, args...) }
