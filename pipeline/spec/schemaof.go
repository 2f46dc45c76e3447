package spec

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"cdcpipe/pipeline/plugin"
)

// Patterns of texts that are read by their types.
const (
	durationPattern = `^[+-]?([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+$|^0$`
	sizePattern     = `^[+-]?[0-9]*\.?[0-9]+ *([KMGT]iB|[kKMGT]?B)?$`
)

// newGenerator knows what may stand for any scalar, and for a list.
func newGenerator() generator {
	return generator{"reference": {
		Type: "string", Pattern: `\$\{[a-z][a-z0-9]*:.+\}`,
		Description: "What is kept elsewhere: ${env:NAME}, ${env:NAME:-default}, ${file:path}, ${vault:path#key}",
	}}
}

func referenceSchema() *jsonschema.Schema { return ref("reference") }

// object returns the schema of v's type, with v's values as defaults. Types it refers
// to are added to the definitions.
func (g generator) object(v reflect.Value) *jsonschema.Schema {
	t := v.Type()
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true,
		Namer: typeName, KeyNamer: keyName,
		Mapper: func(u reflect.Type) *jsonschema.Schema {
			if u == t {
				return nil
			}
			return special(u)
		},
	}
	s := r.ReflectFromType(t)
	defs := s.Definitions
	if d, ok := defs[typeName(t)]; ok {
		s = d // what the root refers to
	}
	s.Version, s.Definitions = "", nil
	if !refers(s, defs, typeName(t)) {
		delete(defs, typeName(t))
	}
	loosen(s)
	for name, d := range defs {
		if g[name] == nil {
			loosen(d)
			g[name] = d
		}
	}
	if v.Kind() == reflect.Struct && s.Properties != nil {
		for _, f := range fields(v) {
			if p, ok := s.Properties.Get(f.name); ok {
				p.WriteOnly = p.WriteOnly || f.secret
				p.Default = defaultOf(f)
			}
		}
	}
	return s
}

// refers reports whether s or one of defs refers to the definition of that name.
func refers(s *jsonschema.Schema, defs jsonschema.Definitions, name string) bool {
	b, err := json.Marshal([]any{s, defs})
	return err != nil || strings.Contains(string(b), `"#/$defs/`+name+`"`)
}

// typeName tells types of one name in different packages apart.
func typeName(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return strings.ReplaceAll(path.Join(t.PkgPath(), t.Name()), "/", ".")
}

// keyName returns the name of an option: that of its yaml tag, or of its field.
func keyName(name string) string {
	if name != "" && name[0] >= 'A' && name[0] <= 'Z' {
		return strings.ToLower(name)
	}
	return name
}

// special returns the schemas of types that are written otherwise than they are made.
func special(t reflect.Type) *jsonschema.Schema {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", Pattern: durationPattern}, {Const: 0}, referenceSchema()}}
	case t == reflect.TypeFor[plugin.Size]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer"}, {Type: "string", Pattern: sizePattern}, referenceSchema()}}
	case t == reflect.TypeFor[plugin.Secret]():
		return &jsonschema.Schema{Type: "string", Format: "password"}
	case t == reflect.TypeFor[Step]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return &jsonschema.Schema{Type: "string"}
	default:
		return nil
	}
}

// loosen lets references stand where the schema asks for more than a text.
func loosen(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			p.Value = loose(p.Value)
		}
	}
	if s.Items != nil {
		s.Items = loose(s.Items)
	}
	if s.AdditionalProperties != nil {
		s.AdditionalProperties = loose(s.AdditionalProperties)
	}
}

// loose returns s, or what takes a reference instead.
func loose(s *jsonschema.Schema) *jsonschema.Schema {
	loosen(s)
	text := s.Type == "string" && len(s.Enum) == 0 && s.Pattern == ""
	if s.Type == "" || s.Type == "object" || text {
		return s
	}
	out := &jsonschema.Schema{Description: s.Description, Default: s.Default}
	s.Description, s.Default = "", nil
	out.AnyOf = []*jsonschema.Schema{s, referenceSchema()}
	return out
}

// defaultOf returns the default of an option as a file would give it, or nil.
func defaultOf(f field) any {
	v := f.value
	if v.Kind() == reflect.Pointer { // a scalar whose zero is not its default
		if v = v.Elem(); !v.IsValid() {
			return nil
		}
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map, reflect.Pointer, reflect.Interface:
		return nil
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k == reflect.Struct || k == reflect.Map || v.Len() == 0 {
			return nil
		}
	case reflect.Bool:
	default:
		if f.secret || v.IsZero() {
			return nil
		}
	}
	return shower{defaults: true}.value(v, nil, f.secret)
}
