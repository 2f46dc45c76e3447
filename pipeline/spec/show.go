package spec

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"cdcpipe/pipeline/plugin"
)

// Show returns the configuration in force as YAML: the file with what the environment
// and the caller have laid over it, and with defaults also what none of them says.
// References are shown as they are written and secrets as ***.
func (s *Spec) Show(defaults bool) ([]byte, error) {
	x := shower{defaults}.value(reflect.ValueOf(s.Config), s.root, false)
	return yaml.MarshalWithOptions(x, yaml.Indent(2), yaml.IndentSequence(true))
}

// A shower turns configurations into what a YAML or JSON encoder takes.
type shower struct {
	defaults bool // show what is not given, too
}

const stars = "***"

// value returns v as it is shown, or nil if there is nothing to show. It was decoded
// from n, which is nil where nothing was given.
func (w shower) value(v reflect.Value, n *node, secret bool) any {
	if n != nil && n.Kind == text && n.Raw != "" {
		return w.reference(n, secret)
	}
	if t, ok := textOf(v); ok {
		if secret = secret || v.Type() == reflect.TypeFor[plugin.Secret](); secret && t != "" {
			return stars
		}
		if v.Kind() == reflect.String && n != nil {
			return n.Text // paths are shown as they were given
		}
		return t
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return w.value(v.Elem(), n, secret)
	case reflect.Struct:
		return w.structure(v, n)
	case reflect.Map:
		m := yaml.MapSlice{}
		for _, k := range slices.SortedFunc(maps.Keys(byText(v)), strings.Compare) {
			m = append(m, yaml.MapItem{Key: k, Value: w.value(byText(v)[k], n.get(k), secret)})
		}
		return m
	case reflect.Slice:
		s := make([]any, v.Len())
		for i := range s {
			var item *node
			if n != nil && i < len(n.Items) {
				item = n.Items[i]
			}
			s[i] = w.value(v.Index(i), item, secret)
		}
		return s
	default:
		if secret && !v.IsZero() {
			return stars
		}
		return v.Interface()
	}
}

func (w shower) structure(v reflect.Value, n *node) any {
	m := yaml.MapSlice{}
	step := v.Type() == reflect.TypeFor[Step]() // its defaults are the pipeline's, but for those of the part
	for _, f := range fields(v) {
		given := n.get(f.name)
		if given == nil && (!w.defaults || unset(f.value) || step && f.name != "with") {
			continue
		}
		if x := w.value(f.value, given, f.secret); x != nil {
			m = append(m, yaml.MapItem{Key: f.name, Value: x})
		}
	}
	return m
}

// unset reports whether v stands for nothing, rather than for a default.
func unset(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Pointer, reflect.Interface:
		return v.IsNil()
	default:
		return false
	}
}

// reference shows a text that has references. Of a secret nothing else is shown.
func (w shower) reference(n *node, secret bool) any {
	t, err := parseTemplate(n.Raw)
	switch {
	case err != nil || secret && t.whole() == nil:
		return stars
	case !secret:
		return n.Raw
	default:
		return t.whole().String()
	}
}

// textOf returns v as text, if it is written as one.
func textOf(v reflect.Value) (string, bool) {
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		return "", false
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return durationText(x), true
	case plugin.Secret:
		return string(x), true
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		return string(b), err == nil
	}
	if v.Kind() == reflect.String {
		return v.String(), true
	}
	return "", false
}

// durationText writes d without the zeros that [time.Duration.String] ends it with.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func byText(v reflect.Value) map[string]reflect.Value {
	m := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		m[fmt.Sprint(it.Key())] = it.Value()
	}
	return m
}
