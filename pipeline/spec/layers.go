package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"cdcpipe/pipeline/fault"
)

// Prefix begins the names of environment variables that stand for options.
const Prefix = "CDCPIPE_"

// koanf joins keys by this. No key holds it, so topic names with dots stay whole.
const delimiter = "\x00"

// A tree gives nodes to koanf: mappings as maps, everything else as it is.
type tree struct{ *node }

func (t tree) Read() (map[string]any, error) { return t.flat(), nil }

func (t tree) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }

func (n *node) flat() map[string]any {
	m := make(map[string]any, len(n.Entries))
	for _, e := range n.Entries {
		if e.Value.Kind == mapping {
			m[e.Key] = e.Value.flat()
		} else {
			m[e.Key] = e.Value
		}
	}
	return m
}

// layer lays the environment over the file, and set over both.
func (l *loader) layer(file *node, environ []string, set map[string]string) *node {
	k := koanf.New(delimiter)
	environ = l.options(environ)
	over := make(map[string]any, len(set))
	paths := map[string]string{}
	for path, value := range set {
		key := strings.ReplaceAll(path, ".", delimiter)
		over[key] = &node{Kind: text, Text: value, Loose: true, At: Position{File: "option " + path}}
		paths[key] = "option " + path
	}
	if l.clash(paths) {
		return file
	}
	for _, p := range []koanf.Provider{
		tree{file},
		env.Provider(delimiter, env.Opt{
			Prefix:      Prefix,
			EnvironFunc: func() []string { return environ },
			TransformFunc: func(name, value string) (string, any) {
				return envKey(name), &node{Kind: text, Text: value, Loose: true, At: Position{File: "environment variable " + name}}
			},
		}),
		confmap.Provider(over, delimiter),
	} {
		if err := k.Load(p, nil); err != nil {
			l.add(fault.ConfigFile, file.At, "", fmt.Sprintf("merge the configuration: %v", err), "")
			return file
		}
	}
	return graft(k.Raw(), file)
}

// options returns the variables that stand for options: those with two underscores,
// between levels, and the name. Others with the prefix have other uses.
func (l *loader) options(environ []string) []string {
	var opts []string
	paths := map[string]string{}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, Prefix) && (strings.Contains(name[len(Prefix):], "__") || name == Prefix+"NAME") {
			opts = append(opts, kv)
			paths[envKey(name)] = "environment variable " + name
		}
	}
	if l.clash(paths) {
		return nil
	}
	return opts
}

func envKey(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, Prefix)), "__", delimiter)
}

// clash reports paths, from key to where it stands, of which one lies within another.
func (l *loader) clash(paths map[string]string) (found bool) {
	for a, at := range paths {
		for b, within := range paths {
			if strings.HasPrefix(b, a+delimiter) {
				l.add(fault.ConfigValue, Position{File: within}, "", "is given together with the "+at+", which it lies within", "give one of them")
				found = true
			}
		}
	}
	return found
}

// graft turns what koanf has merged into nodes again, in the file's order, and with
// the file's positions where keys stand in it.
func graft(merged map[string]any, file *node) *node {
	n := &node{Kind: mapping}
	if file != nil {
		n.At = file.At
	}
	for key, v := range merged {
		e := entry{Key: key}
		place := -1
		if file != nil && file.Kind == mapping {
			place = slices.IndexFunc(file.Entries, func(f entry) bool { return f.Key == key })
		}
		var old *node
		if place >= 0 {
			old, e.At = file.Entries[place].Value, file.Entries[place].At
		}
		switch v := v.(type) {
		case map[string]any:
			e.Value = graft(v, old)
		case *node:
			e.Value = v
		}
		if place < 0 || e.Value.Kind != mapping && e.Value.At.Line == 0 {
			e.At = e.Value.At
		}
		n.Entries = append(n.Entries, e)
	}
	slices.SortFunc(n.Entries, func(a, b entry) int {
		if c := a.At.compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	if n.At == (Position{}) && len(n.Entries) > 0 {
		n.At = n.Entries[0].At
	}
	return n
}
