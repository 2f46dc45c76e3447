package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"cdcpipe/pipeline/dlq"
)

// A printer prints letters, page by page, in one of the forms.
type printer struct {
	c    console
	form string
	all  []dlq.View // of forms that are one document
	tab  *tabwriter.Writer
	some bool
}

func newPrinter(c console, form string) *printer { return &printer{c: c, form: form} }

// page prints letters.
func (p *printer) page(ls []*dlq.Letter) error {
	first := !p.some
	p.some = true
	switch p.form {
	case "csv":
		return dlq.WriteCSV(p.c.out, ls, first)
	case "table":
		if first {
			p.tab = tabwriter.NewWriter(p.c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(p.tab, "ID\tSTATE\tCODE\tTABLE\tKEY\tRECEIVED\tDETAIL")
		}
		for _, l := range ls {
			fmt.Fprintf(p.tab, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.State, l.Code, shown(l.TableName(), 40), shown(string(l.Event.Key), 40), l.Received.UTC().Format(time.RFC3339), shown(l.Detail, 80))
		}
		return nil
	}
	for _, l := range ls {
		p.all = append(p.all, l.View(false))
	}
	return nil
}

// end prints what is left.
func (p *printer) end() error {
	switch p.form {
	case "csv":
		if !p.some {
			return dlq.WriteCSV(p.c.out, nil, true)
		}
		return nil
	case "table":
		if p.tab == nil {
			return nil
		}
		return p.tab.Flush()
	}
	if p.all == nil {
		p.all = []dlq.View{}
	}
	return document(p.c, p.form, p.all)
}

// document prints v as one document of JSON or YAML.
func document(c console, form string, v any) error {
	if form != "yaml" {
		return c.json(v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	text, err := dlq.ToYAML(b.Bytes())
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = fmt.Fprintf(c.out, "%s\n", bytes.TrimSpace(text))
	return err
}

// shown returns s as a cell of a table: one line without what a terminal would obey, no
// longer than so many characters.
func shown(s string, most int) string {
	if s == "" {
		return "-"
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			return b.String() + "…"
		}
		switch {
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteByte(' ')
		default:
			b.WriteString("\uFFFD")
		}
	}
	return b.String()
}

// printStats prints counts.
func printStats(c console, form string, all []dlq.Stat) error {
	head := []string{"table", "code", "title", "category", "state", "letters", "oldest", "newest"}
	row := func(s dlq.Stat) []string {
		return []string{s.Table, string(s.Code), s.Title, string(s.Category), string(s.State), strconv.FormatInt(s.Letters, 10), s.Oldest.UTC().Format(time.RFC3339), s.Newest.UTC().Format(time.RFC3339)}
	}
	switch form {
	case "csv":
		w := csv.NewWriter(c.out)
		rows := [][]string{head}
		for _, s := range all {
			rows = append(rows, row(s))
		}
		return w.WriteAll(rows)
	case "table":
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
		for _, s := range all {
			cells := row(s)
			for i := range cells {
				cells[i] = shown(cells[i], 60)
			}
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
		return w.Flush()
	}
	for i := range all {
		all[i].Oldest, all[i].Newest = all[i].Oldest.UTC(), all[i].Newest.UTC()
	}
	if all == nil {
		all = []dlq.Stat{}
	}
	return document(c, form, all)
}
