package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"cdcpipe/pipeline/fault"
)

// section returns what stands in doc under a heading.
func section(doc, heading string) string {
	_, after, _ := strings.Cut(doc, "\n"+heading+"\n")
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

// Every command stands in the documentation, with its flags.
func TestCommandsDoc(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/reference/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	for _, cmd := range newApp(console{}).Commands {
		if cmd.Name == "help" {
			continue
		}
		text := section(doc, "## cdcpipe "+cmd.Name)
		if text == "" {
			t.Errorf("there is no section of cdcpipe %s", cmd.Name)
		}
		documented(t, text, cmd)
		for _, sub := range cmd.Subcommands {
			row, _, _ := strings.Cut(text[max(0, strings.Index(text, "`cdcpipe "+cmd.Name+" "+sub.Name+"`")):], "\n")
			if !strings.Contains(row, sub.Name) {
				t.Errorf("cdcpipe %s %s is not documented", cmd.Name, sub.Name)
				continue
			}
			documented(t, row, sub)
		}
	}
	flags := regexp.MustCompile("`--[a-z-]+`").FindAllString(doc, -1)
	for _, f := range flags {
		if !exists(newApp(console{}).Commands, strings.Trim(f, "`-")) {
			t.Errorf("no command has a flag %s", f)
		}
	}
}

func documented(t *testing.T, text string, cmd *cli.Command) {
	t.Helper()
	for _, f := range cmd.Flags {
		for _, name := range f.Names() {
			dashes := "--"
			if len(name) == 1 {
				dashes = "-"
			}
			if !strings.Contains(text, "`"+dashes+name+"`") {
				t.Errorf("cdcpipe %s: %s%s is not documented", cmd.Name, dashes, name)
			}
		}
	}
}

func exists(cmds []*cli.Command, flag string) bool {
	for _, cmd := range cmds {
		for _, f := range cmd.Flags {
			if f.Names()[0] == flag {
				return true
			}
		}
		if exists(cmd.Subcommands, flag) {
			return true
		}
	}
	return false
}

// Every exit code stands in the documentation, with the faults that lead to it.
func TestExitCodesDoc(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/reference/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, code := map[string]string{}, ""
	for line := range strings.Lines(section(string(raw), "## Exit codes")) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		if len(cells) != 3 {
			continue
		}
		if c := strings.TrimSpace(cells[0]); c != "" {
			code = c
		}
		rows[code] += cells[2]
	}
	source, err := os.ReadFile("exit.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\texit[A-Z]\w* += (\d+)`).FindAllStringSubmatch(string(source), -1) {
		if _, ok := rows[m[1]]; !ok {
			t.Errorf("exit code %s is not documented", m[1])
		}
	}
	listed := func(code string, c fault.Code) bool { return strings.Contains(rows[code], string(c)) }
	for _, e := range fault.Catalogue() {
		want := strconv.Itoa(exitCode(fault.New(e.Code, "x")))
		area := fault.Code(string(e.Code[:len("CDC-0")]) + "xxx")
		switch {
		case want == strconv.Itoa(exitFailure), listed(want, e.Code), listed(want, area):
		default:
			t.Errorf("%s leads to exit code %s, where it is not listed", e.Code, want)
		}
		for code := range rows {
			if code != want && listed(code, e.Code) {
				t.Errorf("%s leads to exit code %s, and is listed under %s", e.Code, want, code)
			}
		}
	}
}
