package spec

import (
	"reflect"
	"strings"

	"cdcpipe/pipeline/plugin"
)

// A field is an option of a struct.
type field struct {
	name   string
	value  reflect.Value
	secret bool
}

type fieldList []field

// fields lists the options of a struct in order, by their yaml tags; a field
// without one is named in lower case.
func fields(v reflect.Value) fieldList {
	var fs fieldList
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name, flags, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		switch {
		case name == "-", !sf.IsExported():
		case flags == "inline", sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			fs = append(fs, fields(v.Field(i))...)
		default:
			if name == "" {
				name = strings.ToLower(sf.Name)
			}
			fs = append(fs, field{name, v.Field(i), isSecret(sf)})
		}
	}
	return fs
}

func isSecret(sf reflect.StructField) bool {
	if sf.Type == reflect.TypeFor[plugin.Secret]() {
		return true
	}
	for tag := range strings.SplitSeq(sf.Tag.Get("jsonschema"), ",") {
		if tag == "format=password" {
			return true
		}
	}
	return false
}

func (fs fieldList) named(name string) (field, bool) {
	for _, f := range fs {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (fs fieldList) names() []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}
