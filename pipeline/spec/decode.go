package spec

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// A decoder sets Go values to what nodes say, strictly. What it finds wrong it
// reports, marks as bad and leaves at its default.
type decoder struct {
	*problems
	steps []*step // met, and not decoded yet: that takes to know their part
}

// value sets v, which lies at path, to n. Of a secret the text is not quoted.
func (d *decoder) value(n *node, v reflect.Value, path string, secret bool) {
	if n == nil || n.Kind == null || n.Bad {
		return
	}
	t := v.Type()
	secret = secret || t == reflect.TypeFor[plugin.Secret]()
	switch {
	case t == reflect.TypeFor[Step]():
		n.spell()
		d.steps = append(d.steps, &step{Step: v.Addr().Interface().(*Step), node: n, path: path})
	case t == reflect.TypeFor[time.Duration]():
		d.duration(n, v, path, secret)
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		d.unmarshal(n, v, path, secret)
	default:
		d.kind(n, v, path, secret)
	}
}

func (d *decoder) kind(n *node, v reflect.Value, path string, secret bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path, secret)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path, secret)
	case reflect.Slice:
		d.list(n, v, path, secret)
	case reflect.Interface:
		d.anything(n, v, path)
	default:
		d.scalar(n, v, path, secret)
	}
}

// structure sets the fields of a struct. Every key has to be a field's.
func (d *decoder) structure(n *node, v reflect.Value, path string) {
	if n.Kind != mapping {
		d.wrong(n, path, "keys and values", "", true)
		return
	}
	fs := fields(v)
	for _, e := range n.Entries {
		f, ok := fs.named(e.Key)
		if !ok {
			d.unknown(e, path, didYouMean(e.Key, fs.names()))
			continue
		}
		d.value(e.Value, f.value, join(path, e.Key), f.secret)
	}
}

func (d *decoder) unknown(e entry, path, fix string) {
	e.Value.Bad = true
	what := fmt.Sprintf("unknown key %q", e.Key)
	d.add(fault.ConfigUnknown, e.At, path, what, fix)
}

func (d *decoder) mapping(n *node, v reflect.Value, path string, secret bool) {
	if v.Type().Key().Kind() != reflect.String {
		d.unsupported(n, v, path)
		return
	}
	if n.Kind != mapping {
		d.wrong(n, path, "keys and values", "", true)
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Entries)))
	}
	for _, e := range n.Entries {
		x := reflect.New(v.Type().Elem()).Elem()
		d.value(e.Value, x, join(path, e.Key), secret)
		v.SetMapIndex(reflect.ValueOf(e.Key).Convert(v.Type().Key()), x)
	}
}

// list sets a slice. Text that may be of any type is a list with commas.
func (d *decoder) list(n *node, v reflect.Value, path string, secret bool) {
	items := n.Items
	if n.Kind == text && n.Loose {
		for part := range strings.SplitSeq(n.Text, ",") {
			if n.Text == "" {
				break
			}
			items = append(items, &node{Kind: text, Text: strings.TrimSpace(part), Loose: true, Raw: n.Raw, At: n.At})
		}
		if n.Raw == "" {
			n.Kind, n.Items = sequence, items
		}
	} else if n.Kind != sequence {
		fix := ""
		if n.Kind != mapping && !secret {
			fix = "write [" + n.Text + "]"
		}
		d.wrong(n, path, "a list", fix, secret)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items)) // whole, so that steps can be set later
	for i, item := range items {
		if item.Kind == null {
			d.wrong(item, index(path, i), "a value", "", secret)
			continue
		}
		d.value(item, out.Index(i), index(path, i), secret)
		n.Bad = n.Bad || item.Bad && n.Kind == text
	}
	v.Set(out)
}

// anything sets an interface without methods to what JSON would make of n.
func (d *decoder) anything(n *node, v reflect.Value, path string) {
	if v.NumMethod() > 0 {
		d.unsupported(n, v, path)
		return
	}
	n.walk(path, func(path string, n *node) {
		if _, err := parseFloat(n.Text, 64); err != nil && n.Kind == float {
			d.wrong(n, path, "a finite number", "", true)
		}
	})
	if x := n.plain(); x != nil {
		v.Set(reflect.ValueOf(x))
	}
}

// wrong reports a value of the wrong type.
func (d *decoder) wrong(n *node, path, want, fix string, secret bool) {
	n.Bad = true
	d.add(fault.ConfigType, n.At, path, fmt.Sprintf("expected %s, found %s", want, found(n, secret)), fix)
}

func (d *decoder) unsupported(n *node, v reflect.Value, path string) {
	n.Bad = true
	d.add(fault.ConfigType, n.At, path, fmt.Sprintf("an option of type %v cannot be given in a file", v.Type()), "remove it")
}

// found says what n is.
func found(n *node, secret bool) string {
	s := n.Text
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	switch {
	case n.Kind == null:
		return "nothing"
	case n.Kind == sequence:
		return "a list"
	case n.Kind == mapping:
		return "keys and values"
	case n.Raw != "":
		return "the value of " + n.shown()
	case secret:
		return map[kind]string{boolean: "true or false", integer: "a number", float: "a number", text: "a text"}[n.Kind]
	case n.Kind == text:
		return fmt.Sprintf("the text %q", s)
	case n.Kind == boolean:
		return s
	default:
		return "the number " + s
	}
}

// plain returns n as a map, a slice or a scalar.
func (n *node) plain() any {
	switch n.Kind {
	case mapping:
		m := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			m[e.Key] = e.Value.plain()
		}
		return m
	case sequence:
		s := make([]any, len(n.Items))
		for i, item := range n.Items {
			s[i] = item.plain()
		}
		return s
	case boolean:
		return n.Text == "true"
	case integer:
		if i, err := parseInt(n.Text, 64); err == nil {
			return i
		}
		fallthrough
	case float:
		f, _ := parseFloat(n.Text, 64)
		return f
	case text:
		return n.Text
	default:
		return nil
	}
}
