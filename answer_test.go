package cdcpipe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/cdc"
)

func newDatabase(t *testing.T, dsn, name string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
}

// differences lists where the replica is not what Cassandra answered: one line
// "table key column: kind" each, sorted.
func differences(t *testing.T, dsn string, c *capture, later int64) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn+"&timezone=UTC")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var diffs []string
	for _, tbl := range c.tables {
		got := replicaRows(t, conn, tbl)
		for i := range c.expected {
			a := &c.expected[i]
			if a.Keyspace != tbl.Keyspace || a.Table != tbl.Name {
				continue
			}
			key := rowKey(tbl, func(n string) string { return canonical(typeOf(tbl, n), a.Row[n]) })
			r, ok := got[key]
			delete(got, key)
			if !ok {
				diffs = append(diffs, fmt.Sprintf("%s %s: missing", tbl, key))
				continue
			}
			diffs = append(diffs, r.differ(tbl, key, a, c.capturedAt/1e6+later)...)
		}
		for key := range got {
			diffs = append(diffs, fmt.Sprintf("%s %s: extra", tbl, key))
		}
	}
	slices.Sort(diffs)
	return diffs
}

func typeOf(t *cdc.Table, column string) *cdc.Type {
	i, _ := t.Column(column)
	return t.Columns[i].Type
}

func rowKey(t *cdc.Table, value func(string) string) string {
	var parts []string
	for _, c := range t.Columns[:t.Key] {
		parts = append(parts, value(c.Name))
	}
	return strings.Join(parts, "/")
}

// A replicaRow is what PostgreSQL has of a row: values and shadow columns.
type replicaRow struct {
	values map[string]any
	times  map[string]*int64
	class  map[string]*int64
}

func replicaRows(t *testing.T, conn *pgx.Conn, tbl *cdc.Table) map[string]replicaRow {
	t.Helper()
	// One JSON object a row, of PostgreSQL's own text of every value.
	var pairs []string
	for _, c := range tbl.Columns {
		pairs = append(pairs, fmt.Sprintf("'%s', %s::text", strings.ReplaceAll(c.Name, "'", "''"), pgx.Identifier{c.Name}.Sanitize()))
	}
	q := fmt.Sprintf(`SELECT jsonb_build_object(%s)::text FROM %s`, strings.Join(pairs, ", "), pgx.Identifier{tbl.Keyspace, tbl.Name}.Sanitize())
	out := map[string]replicaRow{}
	each(t, conn, q, func(m map[string]any) {
		key := rowKey(tbl, func(n string) string { return canonical(typeOf(tbl, n), m[n]) })
		out[key] = replicaRow{values: m}
	})
	q = fmt.Sprintf(`SELECT to_jsonb("whole row")::text FROM %s AS "whole row"`, pgx.Identifier{tbl.Keyspace + "__cdc", tbl.Name + "__base"}.Sanitize())
	each(t, conn, q, func(m map[string]any) {
		key := rowKey(tbl, func(n string) string { return canonical(typeOf(tbl, n), m[n]) })
		r, ok := out[key]
		if !ok {
			return
		}
		r.times, r.class = map[string]*int64{}, map[string]*int64{}
		for _, c := range tbl.Columns {
			r.times[c.Name], r.class[c.Name] = integer(m[c.Name+"$ts"]), integer(m[c.Name+"$x"])
		}
		out[key] = r
	})
	return out
}

func each(t *testing.T, conn *pgx.Conn, q string, yield func(map[string]any)) {
	t.Helper()
	rows, err := conn.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		yield(m)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func integer(v any) *int64 {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	i, _ := n.Int64()
	return &i
}

// differ compares values, write times and expiries.
func (r replicaRow) differ(tbl *cdc.Table, key string, a *answer, now int64) (diffs []string) {
	for _, c := range tbl.Columns[tbl.Key:] {
		report := func(kind string) { diffs = append(diffs, fmt.Sprintf("%s %s %s: %s", tbl, key, c.Name, kind)) }
		got, want := canonical(c.Type, r.values[c.Name]), canonical(c.Type, a.Row[c.Name])
		if want == "" && a.Writetime[c.Name] != nil {
			continue // an infinity or a duration of zero, which the capture's JSON could not hold
		}
		if got != want {
			report("value")
			continue
		}
		if c.Type.Multicell() || c.Role == cdc.Static || want == "" {
			continue // Cassandra has no one write time of it, or none is kept in the row
		}
		if w := a.Writetime[c.Name]; w != nil && (r.times[c.Name] == nil || *r.times[c.Name] != *w) {
			report("write time")
		}
		ttl, x := a.TTL[c.Name], r.class[c.Name]
		switch {
		case ttl == nil && x == nil:
		case ttl == nil || x == nil:
			report("expiry")
		default: // to the second, and the query took its time
			if d := *x - (now + *ttl); d < -5 || d > 5 {
				report("expiry")
			}
		}
	}
	return diffs
}

// canonical writes a value of either side in one way; null is empty.
func canonical(t *cdc.Type, v any) string {
	if v == nil {
		return ""
	}
	s := fmt.Sprint(v)
	switch t.Kind {
	case cdc.Boolean:
		return s
	case cdc.Decimal, cdc.Double, cdc.Float, cdc.Varint: // a JSON number, which Cassandra's driver gave as a double
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		if t.Kind == cdc.Float {
			f = float64(float32(f))
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	case cdc.Int, cdc.Bigint, cdc.Smallint, cdc.Tinyint:
		if f, ok := v.(float64); ok {
			if math.Abs(f) > 1<<53 {
				return strconv.FormatFloat(f, 'g', -1, 64)
			}
			return strconv.FormatInt(int64(f), 10)
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && (n > 1<<53 || n < -1<<53) {
			return strconv.FormatFloat(float64(n), 'g', -1, 64)
		}
		return s
	case cdc.Blob:
		return strings.TrimPrefix(strings.TrimPrefix(s, "0x"), `\x`)
	case cdc.Inet:
		s, _, _ = strings.Cut(s, "/")
		if a, err := netip.ParseAddr(s); err == nil {
			return a.String()
		}
		return s
	case cdc.Timestamp:
		for _, layout := range []string{"2006-01-02 15:04:05.999Z", "2006-01-02 15:04:05.999-07", time.RFC3339Nano} {
			if ts, err := time.Parse(layout, s); err == nil {
				return strconv.FormatInt(ts.UnixMilli(), 10)
			}
		}
		return s
	case cdc.Time:
		if ts, err := time.Parse("15:04:05.000000000", s); err == nil {
			return strconv.FormatInt(int64(ts.Sub(ts.Truncate(24*time.Hour))), 10)
		}
		return s
	case cdc.List, cdc.Set, cdc.Tuple, cdc.Vector, cdc.Map, cdc.UDT:
		return nested(t, v)
	default:
		return s
	}
}

func nested(t *cdc.Type, v any) string {
	if text, ok := v.(string); ok { // as PostgreSQL has it
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return text
		}
	}
	var parts []string
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			e := t.Elems[0]
			if t.Kind == cdc.Tuple {
				e = t.Elems[i]
			}
			parts = append(parts, canonical(e, x))
		}
		if t.Kind == cdc.Set {
			slices.Sort(parts)
		}
	case map[string]any:
		for k, x := range v {
			parts = append(parts, k+"="+canonical(t.Elems[len(t.Elems)-1], x))
		}
		slices.Sort(parts)
	}
	if len(parts) == 0 && !reflect.ValueOf(v).IsZero() {
		return "[]"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// knownDifferences reads the differences that docs/reference/fidelity.md lists, by
// case: the lines of its blocks of code that are marked "differences <case>".
func knownDifferences(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile("docs/reference/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	name := ""
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutPrefix(line, "```differences "); ok {
			name = n
			continue
		}
		if strings.HasPrefix(line, "```") {
			name = ""
		}
		if name != "" {
			known[name] = append(known[name], line)
		}
	}
	for _, lines := range known {
		slices.Sort(lines)
	}
	return known
}
