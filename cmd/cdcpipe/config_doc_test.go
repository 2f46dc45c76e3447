package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/spec"
)

var update = flag.Bool("update", false, "write docs/reference/configuration.md anew")

const configurationDoc = "../../docs/reference/configuration.md"

const configurationIntro = `# Configuration

<!-- Made from the parts of cdcpipe by go test ./cmd/cdcpipe -run Doc -update. Do not edit. -->

A pipeline is one YAML file. [configs/](../../configs) has files that work; "cdcpipe config init" prints one to begin
from, "config lint" checks one, "config show --defaults" prints what is in force, "config schema" prints a JSON Schema
for editors.

- Unknown keys, wrong types and values out of bounds are errors, with file:line:column. Keys that begin with "x-" are
  ignored: a place for YAML's anchors.
- The environment lies over the file, and the flag --set over both. CDCPIPE_SINK__WITH__DSN stands for sink.with.dsn:
  two underscores part the levels. Variables without them are no options, but for CDCPIPE_NAME. What a list holds can
  only be replaced as a whole, by its items with commas between them.
- ${env:NAME}, ${env:NAME:-default}, ${file:path} and ${vault:mount/path#key} stand for what is kept elsewhere, $$ for
  $. Within { } and [ ] they have to be quoted. What a reference stands for is never printed. Vault is found by its own
  tools' variables ([cli.md](cli.md)).
- Paths are relative to the pipeline's file.

Below, a duration is a number with a unit, 200ms, 10s or 1h30m; a size a number of bytes, or with a unit, 64MiB or
1.5GB; a secret is text that is never printed. A key without a default is empty, zero or off.
`

const stepsIntro = `
## Steps

The source, each of the stages, the sink and each of the outlets is a step: the name of a part alone, or keys and
values. Parts and their options stand in the sections below. The stages of cdcpipe have an order: decode, validate,
schema_check, stale_check, transform, batch; a program's own may stand anywhere before batch. An outlet that a step
uses must be bound; the outlet discard loses records on purpose. workers and lanes exclude one another.

`

// A documenter writes what a schema says of options.
type documenter struct {
	strings.Builder
	defs jsonschema.Definitions
}

func name(s *jsonschema.Schema) string { return strings.TrimPrefix(s.Ref, "#/$defs/") }

// plain returns s without what every option takes instead, a reference.
func plain(s *jsonschema.Schema) *jsonschema.Schema {
	if len(s.AnyOf) > 0 && name(s.AnyOf[len(s.AnyOf)-1]) == "reference" {
		return s.AnyOf[0]
	}
	return s
}

// typ describes the type of an option, and what it nests.
func (d *documenter) typ(s *jsonschema.Schema) (text string, nested *jsonschema.Schema) {
	whole := s
	s = plain(s)
	switch {
	case s.Ref != "":
		return "keys and values", d.defs[name(s)]
	case len(s.Enum) == 1:
		return fmt.Sprint(s.Enum[0]), nil
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		return "one of " + strings.Join(values, ", "), nil
	case s.Type == "array":
		of, nested := d.typ(s.Items)
		return "list of " + of, nested
	case s.Type == "object" && s.AdditionalProperties != nil && s.Properties == nil:
		of, nested := d.typ(s.AdditionalProperties)
		return "keys of your own, each with " + of, nested
	case s.Type == "object":
		return "keys of your own", nil
	case s.Type == "string" && s.Format == "password", whole.WriteOnly:
		return "secret", nil
	case s.Type == "string" && strings.Contains(s.Pattern, "(ns|"):
		return "duration", nil
	case s.Type == "integer" && len(whole.AnyOf) == 3:
		return "size", nil
	case s.Type == "integer":
		return "whole number" + bounds(s), nil
	case s.Type == "number":
		return "number" + bounds(s), nil
	case s.Type == "boolean":
		return "true or false", nil
	case s.Type == "string":
		return "text", nil
	default:
		return "any value", nil
	}
}

func bounds(s *jsonschema.Schema) string {
	switch {
	case s.Minimum == "":
		return ""
	case s.Maximum != "":
		return fmt.Sprintf(" from %s to %s", s.Minimum, s.Maximum)
	case s.ExclusiveMaximum != "":
		return fmt.Sprintf(" from %s to less than %s", s.Minimum, s.ExclusiveMaximum)
	default:
		return fmt.Sprintf(", at least %s", s.Minimum)
	}
}

// options writes a line for each option of s, whose struct is t.
func (d *documenter) options(s *jsonschema.Schema, t reflect.Type, indent string) {
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		text, nested := d.typ(p.Value)
		if slices.Contains(s.Required, p.Key) {
			text += "; required"
		}
		if v := defaultOf(p.Value, t, p.Key); v != "" {
			text += "; default " + v
		}
		d.item(indent, "`"+p.Key+"`: "+text+described(p.Value))
		if nested != nil {
			d.options(nested, nil, indent+"  ")
		}
	}
}

func described(s *jsonschema.Schema) string {
	if s.Description == "" {
		return ""
	}
	return ". " + s.Description
}

// defaultOf returns the default of an option; that of a pointer stands in its
// tag only.
func defaultOf(s *jsonschema.Schema, t reflect.Type, key string) string {
	if s.Default != nil {
		return fmt.Sprint(s.Default)
	}
	if t == nil || t.Kind() != reflect.Struct {
		return ""
	}
	for f := range t.Fields() {
		if f.Tag.Get("yaml") != key || f.Type.Kind() != reflect.Pointer {
			continue
		}
		for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
			if v, ok := strings.CutPrefix(part, "default="); ok {
				return v
			}
		}
	}
	return ""
}

// steps writes the keys of steps, and which kinds of them have each.
func (d *documenter) steps(kinds []pipeline.Kind) {
	for p := d.step(pipeline.StageKind).Properties.Oldest(); p != nil; p = p.Next() {
		var of []string
		for _, kind := range kinds {
			if _, ok := d.step(kind).Properties.Get(p.Key); ok {
				of = append(of, string(kind))
			}
		}
		text, nested := d.typ(p.Value)
		switch {
		case p.Key == "use":
			text = "text; required"
		case p.Key == "with" || nested != nil:
			text = "keys and values"
		case p.Key == "workers" || p.Key == "lanes":
			text += "; default 1"
		}
		if v := defaultOf(p.Value, reflect.TypeFor[spec.Step](), p.Key); v != "" {
			text += "; default " + v
		}
		if len(of) < len(kinds) {
			text += "; of a " + strings.Join(of, ", ")
		}
		d.item("", "`"+p.Key+"`: "+text+described(p.Value))
	}
}

// item writes an item of a list, in lines no longer than the documentation's.
func (d *documenter) item(indent, text string) {
	const width = 120
	line := indent + "-"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			d.WriteString(line + "\n")
			line = indent + " "
		}
		line += " " + word
	}
	d.WriteString(line + "\n")
}

// step returns the keys of the steps of a kind.
func (d *documenter) step(kind pipeline.Kind) *jsonschema.Schema {
	s := d.defs[string(kind)]
	if len(s.AnyOf) > 0 {
		s = s.AnyOf[len(s.AnyOf)-1]
	}
	return s
}

func typeName(t reflect.Type) string {
	if t == nil {
		return "any record"
	}
	return t.String()
}

// The documentation of the configuration is that of the parts.
func TestConfigurationDoc(t *testing.T) {
	t.Parallel()
	raw, err := spec.JSONSchema(parts())
	if err != nil {
		t.Fatal(err)
	}
	var root jsonschema.Schema
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	d := documenter{defs: root.Definitions}
	d.WriteString(configurationIntro)
	kinds := []pipeline.Kind{pipeline.SourceKind, pipeline.StageKind, pipeline.SinkKind, pipeline.OutletKind}
	file := documenter{defs: maps.Clone(d.defs)}
	for _, kind := range kinds { // which have sections of their own
		delete(file.defs, string(kind))
	}
	file.options(&root, reflect.TypeFor[spec.Config](), "")
	d.WriteString("\n## The file\n\n" + file.String() + stepsIntro)
	d.steps(kinds)
	for _, kind := range kinds {
		for _, p := range parts().Parts() {
			if p.Kind != kind {
				continue
			}
			fmt.Fprintf(&d, "\n## %s %s\n\n", strings.ToUpper(string(kind[:1]))+string(kind[1:]), p.Name)
			what := strings.ToUpper(p.Doc[:1]) + p.Doc[1:] + "."
			switch {
			case p.Gathers:
				what += " It is no step of its own and takes no keys but use and with."
			case kind == pipeline.SourceKind:
				what += fmt.Sprintf(" It gives `%s`.", typeName(p.Out))
			case kind == pipeline.StageKind && p.Out != nil:
				what += fmt.Sprintf(" It takes `%s` and gives `%s`.", typeName(p.In), typeName(p.Out))
			case kind == pipeline.StageKind:
				what += " It takes any record and gives the same."
			case kind == pipeline.SinkKind:
				what += fmt.Sprintf(" It takes `%s`.", typeName(p.In))
			}
			d.WriteString(what + "\n\n")
			if options := d.defs[string(kind)+"."+p.Name]; options.Properties != nil && options.Properties.Len() > 0 {
				d.options(options, reflect.TypeOf(p.Config()).Elem(), "")
			} else {
				d.WriteString("It has no options.\n")
			}
		}
	}
	got := d.String()
	if *update {
		if err := os.WriteFile(configurationDoc, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(configurationDoc)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("docs/reference/configuration.md is not that of the parts: run go test ./cmd/cdcpipe -run Doc -update")
	}
}
