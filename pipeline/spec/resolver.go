package spec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// A Resolver finds what a reference stands for. The name is what follows the scheme:
// of ${vault:kv/shop#dsn} it is kv/shop#dsn. Its error must not quote a secret.
type Resolver interface {
	Resolve(ctx context.Context, name string) (string, error)
}

// ResolverFunc adapts a function to a [Resolver].
type ResolverFunc func(ctx context.Context, name string) (string, error)

// Resolve calls f.
func (f ResolverFunc) Resolve(ctx context.Context, name string) (string, error) { return f(ctx, name) }

var errNotSet = errors.New("is not set")

// environment resolves env references; environ is as [os.Environ] returns it. Of a
// variable that is given twice the last counts.
func environment(environ []string) ResolverFunc {
	vars := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			vars[k] = v
		}
	}
	return func(_ context.Context, name string) (string, error) {
		v, ok := vars[name]
		if !ok {
			return "", fmt.Errorf("the environment variable %s %w", name, errNotSet)
		}
		return v, nil
	}
}

const maxSecretFile = 1 << 20

// files resolves file references, relative to dir. The newline that editors end a
// file with is no part of the value.
func files(dir string) ResolverFunc {
	return func(_ context.Context, name string) (string, error) {
		f, err := os.Open(plugin.Env{Dir: dir}.Path(name))
		if err != nil {
			return "", err
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
		if err != nil {
			return "", err
		}
		if len(b) > maxSecretFile {
			return "", fmt.Errorf("%s is larger than %d bytes", name, maxSecretFile)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
	}
}

// resolve replaces the references in n by what they stand for, and reports those
// that stand for nothing. With leave it replaces none, and marks their values bad.
func (l *loader) resolve(ctx context.Context, n *node, leave bool) {
	known := map[string]answer{}
	n.walk("", func(path string, n *node) {
		if n.Kind != text || !strings.Contains(n.Text, "$") {
			return
		}
		t, err := parseTemplate(n.Text)
		if n.Loose && (err != nil || t.whole() == nil) {
			return // a value from the environment is taken as it is, unless it is a reference
		}
		if err != nil {
			l.add(fault.ConfigReference, n.At, path, err.Error(), "")
			n.Bad = true
			return
		}
		refs := t.references()
		if len(refs) == 0 {
			n.Text = t.expand(nil) // only $$
			return
		}
		n.Raw, n.Loose = n.Text, true
		if leave {
			n.Bad = true
			return
		}
		for _, r := range refs {
			key := r.scheme + ":" + r.name
			if _, asked := known[key]; !asked {
				known[key] = l.ask(ctx, r)
			}
			if fix, err := known[key].fix, known[key].err; err != nil && !(r.optional && errors.Is(err, errNotSet)) {
				l.add(fault.ConfigReference, n.At, path, fmt.Sprintf("%s cannot be resolved: %v", r, err), fix)
				n.Bad = true
			}
		}
		if n.Bad {
			return
		}
		n.Text = t.expand(func(r *reference) string {
			v := known[r.scheme+":"+r.name].value
			if v == "" && r.optional {
				v = r.fallback
			}
			l.secret.learn(v, r.String())
			return v
		})
		l.secret.learn(n.Text, n.shown())
	})
}

// An answer is what a resolver said.
type answer struct {
	value string
	err   error
	fix   string
}

func (l *loader) ask(ctx context.Context, r *reference) (a answer) {
	res, ok := l.resolvers[r.scheme]
	if !ok {
		return answer{err: fmt.Errorf("there is no scheme %q", r.scheme), fix: didYouMean(r.scheme, slices.Sorted(maps.Keys(l.resolvers)))}
	}
	a.value, a.err = res.Resolve(ctx, r.name)
	switch {
	case r.scheme == "env":
		a.fix = fmt.Sprintf("set it, or give a default: ${env:%s:-default}", r.name)
	case r.scheme == "file":
		a.fix = "mount the file, readable for this process"
	}
	return a
}

// shown returns the text of n for people: its references are left as they are, and
// their fallbacks hidden.
func (n *node) shown() string {
	t, err := parseTemplate(n.Raw)
	if err != nil || n.Raw == "" {
		return n.Text
	}
	return t.expand(func(r *reference) string { return r.String() })
}
