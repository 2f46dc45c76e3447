package spec

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Finding is something that works, and that whoever wrote it may not want.
type Finding struct {
	Code fault.Code
	Problem
}

// shortestDrain is the least time in which a target is given a chance to answer.
const shortestDrain = 5 * time.Second

// Lint returns what is doubtful about s, sorted by position. What is wrong has been
// reported when s was loaded.
func (s *Spec) Lint() []Finding {
	l := &linter{s, new(problems)}
	l.batches()
	l.drain()
	l.discards()
	l.inexact()
	l.exposed()
	l.secrets(reflect.ValueOf(s.Config), s.root, "", false)
	var all []Finding
	for _, f := range Problems(l.err()) {
		all = append(all, Finding{f.Code, *f.Err.(*Problem)})
	}
	return all
}

// inexact looks for columns that events cannot carry and nothing reads back.
func (l *linter) inexact() {
	cql := l.root.get("schema").get("cql")
	if l.Config.Schema.Cassandra != nil || cql == nil {
		return
	}
	catalog, err := l.Catalog(nil)
	if err != nil {
		return // whoever runs it is told
	}
	for _, t := range catalog.Tables() {
		var names []string
		for _, c := range t.Inexact() {
			names = append(names, cdc.QuoteIdent(c.Name))
		}
		if len(names) > 0 {
			l.add(fault.ConfigInexact, cql.At, "schema.cql", fmt.Sprintf("table %s: %s cannot be exact from events (docs/reference/fidelity.md)", t, list(names)),
				"give schema.cassandra to have them read back, or schema.inexact: refuse")
		}
	}
}

type linter struct {
	*Spec
	*problems
}

// batches looks for gathering that the limits keep from ever filling a batch.
func (l *linter) batches() {
	for i, s := range l.steps {
		g, ok := s.trial.Part.(pipeline.Gatherer)
		if !ok || !s.built || !s.part.Gathers || i+1 == len(l.steps) {
			continue
		}
		records, bytes, _ := g.Gather()
		lanes := max(1, l.steps[i+1].Lanes)
		if limit := l.Config.Limits.InFlight; records*lanes > limit {
			l.add(fault.ConfigBatch, s.at(), s.path, fmt.Sprintf("%d lanes of %d records are more than limits.in_flight, %d: batches will wait in vain to fill", lanes, records, limit), "make batches smaller or the limit larger")
		}
		if limit := int(l.Config.Limits.InFlightBytes); bytes*lanes > limit {
			l.add(fault.ConfigBatch, s.at(), s.path, fmt.Sprintf("%d lanes of %d bytes are more than limits.in_flight_bytes, %d: batches will wait in vain to fill", lanes, bytes, limit), "make batches smaller or the limit larger")
		}
	}
}

func (l *linter) drain() {
	timeout, at := l.Config.Limits.DrainTimeout, l.at("limits", "drain_timeout")
	if timeout < shortestDrain {
		l.add(fault.ConfigDrain, at, "limits.drain_timeout", fmt.Sprintf("%v is little time to finish: what is in flight will often be read again", timeout), fmt.Sprintf("give it %v or more", shortestDrain))
	}
}

// discards looks for outlets by which records are lost. What leaves by the stale
// outlet has lost to newer data, and is no loss.
func (l *linter) discards() {
	for _, s := range l.steps {
		if s.kind == pipeline.OutletKind && s.Use == "discard" && s.name() != string(pipeline.Stale) {
			l.add(fault.ConfigDiscard, s.at(), s.path, "records that leave by this outlet are lost", "bind it to something durable, a topic or a table")
		}
	}
}

// exposed looks for an admin API that anyone may use.
func (l *linter) exposed() {
	host, _, err := net.SplitHostPort(l.Config.Admin.Listen)
	if err != nil || l.Config.Admin.Token != "" || l.root.get("admin").get("token") != nil {
		return
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		l.add(fault.ConfigExposed, l.at("admin", "listen"), "admin.listen", "the admin API is open to the network without a token", "give admin.token, or listen on 127.0.0.1")
	}
}

// secrets looks for secrets that are written out in the file.
func (l *linter) secrets(v reflect.Value, n *node, path string, secret bool) {
	if n == nil {
		return
	}
	if n.Kind == text && secret {
		if n.At.Line > 0 && tells(n) {
			l.add(fault.ConfigSecret, n.At, path, "a secret is written out in the file", "refer to it: ${env:NAME}, ${file:/path} or ${vault:path#key}")
		}
		return
	}
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fields(v) {
			l.secrets(f.value, n.get(f.name), join(path, f.name), secret || f.secret)
		}
	case reflect.Map:
		for key, x := range byText(v) {
			l.secrets(x, n.get(key), join(path, key), secret)
		}
	case reflect.Slice:
		for i := range min(v.Len(), len(n.Items)) {
			l.secrets(v.Index(i), n.Items[i], index(path, i), secret)
		}
	default:
	}
}

// elsewhere stands for what a reference means, in an address.
const elsewhere = "0elsewhere0"

var passwordPair = regexp.MustCompile(`(^|\s)password\s*=\s*(\S+)`)

// tells reports whether a text that may be secret is one: an address without a
// password is not, nor is what refers to all that is secret in it.
func tells(n *node) bool {
	written, partly := n.Text, false
	if n.Raw != "" {
		t, _ := parseTemplate(n.Raw)
		if whole := t.whole(); whole != nil {
			written = whole.fallback
		} else {
			partly = true
			written = t.expand(func(*reference) string { return elsewhere })
		}
	}
	password := ""
	if u, err := url.Parse(written); err == nil && u.Scheme != "" && u.Host != "" {
		password, _ = u.User.Password()
		password = cmp.Or(password, u.Query().Get("password"))
	} else if strings.Contains(written, "host=") { // pairs, as libpq takes them
		if m := passwordPair.FindStringSubmatch(written); m != nil {
			password = m[2]
		}
	} else if !partly {
		password = written
	}
	return password != "" && password != elsewhere
}
