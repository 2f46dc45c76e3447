package spec

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/plugin"
)

// JSONSchema returns the JSON Schema (draft 2020-12) of files that use the parts of r,
// for editors. It describes a file as it is written: what the environment may add,
// the order of stages, their types and their outlets are beyond it.
func JSONSchema(r *plugin.Registry) ([]byte, error) {
	g := newGenerator()
	def := Default()
	root := g.object(reflect.ValueOf(&def).Elem())
	root.Title = "cdcpipe pipeline"
	for _, f := range fields(reflect.ValueOf(&def).Elem()) {
		if f.value.Kind() == reflect.Struct && f.value.Type() != reflect.TypeFor[Step]() {
			g[typeName(f.value.Type())] = g.object(f.value)
		}
	}
	for _, kind := range []pipeline.Kind{pipeline.SourceKind, pipeline.StageKind, pipeline.SinkKind, pipeline.OutletKind} {
		g[string(kind)] = g.step(r, kind)
	}
	set := func(name string, s *jsonschema.Schema) {
		old, _ := root.Properties.Get(name)
		s.Description = old.Description
		root.Properties.Set(name, s)
	}
	set("source", ref(string(pipeline.SourceKind)))
	set("stages", &jsonschema.Schema{Type: "array", Items: ref(string(pipeline.StageKind))})
	set("sink", ref(string(pipeline.SinkKind)))
	set("outlets", &jsonschema.Schema{
		Type: "object", AdditionalProperties: ref(string(pipeline.OutletKind)),
		PropertyNames: &jsonschema.Schema{Pattern: wellFormed.String()},
	})
	root.PatternProperties = map[string]*jsonschema.Schema{"^x-": {Description: "Ignored: a place for anchors"}}
	root.Definitions = jsonschema.Definitions(g)
	root.Version = jsonschema.Version
	return json.MarshalIndent(root, "", "  ")
}

// A generator holds the definitions made so far.
type generator jsonschema.Definitions

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

// step returns the schema of steps of a kind: the name of a part, or an object whose
// with is as that part wants it.
func (g generator) step(r *plugin.Registry, kind pipeline.Kind) *jsonschema.Schema {
	s := g.object(reflect.ValueOf(new(Step)).Elem())
	var bare []any // parts that need no options
	var use []*jsonschema.Schema
	for p := s.Properties.Oldest(); p != nil; {
		next := p.Next()
		if !slices.Contains(keys[kind], p.Key) {
			s.Properties.Delete(p.Key)
		}
		p = next
	}
	for _, part := range r.Parts() {
		if part.Kind != kind {
			continue
		}
		options := string(kind) + "." + part.Name
		g[options] = g.object(reflect.ValueOf(part.Config()).Elem())
		then := &jsonschema.Schema{Properties: jsonschema.NewProperties()}
		then.Properties.Set("with", ref(options))
		if len(g[options].Required) > 0 {
			then.Required = []string{"with"}
		} else {
			bare = append(bare, part.Name)
		}
		if part.Gathers {
			for _, key := range keys[kind] {
				if !slices.Contains(gatherKeys, key) {
					then.Properties.Set(key, jsonschema.FalseSchema)
				}
			}
		}
		when := &jsonschema.Schema{Required: []string{"use"}, Properties: jsonschema.NewProperties()}
		when.Properties.Set("use", &jsonschema.Schema{Const: part.Name})
		s.AllOf = append(s.AllOf, &jsonschema.Schema{If: when, Then: then})
		use = append(use, &jsonschema.Schema{Const: part.Name, Description: part.Doc})
	}
	s.Properties.Set("use", &jsonschema.Schema{AnyOf: append(use, referenceSchema()), Description: "Name of the part"})
	s.Properties.Set("with", &jsonschema.Schema{Type: "object", Description: "Options of the part"})
	if len(bare) == 0 {
		return s
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Enum: bare}, s}}
}
