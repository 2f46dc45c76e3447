package stages_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/letter"
	"cdcpipe/stages"
)

// validator returns a stage with rules for the columns of shop.t.
func validator(t testing.TB, columns map[string]stages.ColumnRules, rules ...stages.Rule) *stages.Validate {
	t.Helper()
	cfg := stages.DefaultValidate()
	cfg.Tables = []stages.TableRules{{Match: "shop.t", Columns: columns, Rules: rules}}
	v, err := stages.NewValidate(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// failed returns the names of the rules that a change breaks.
func failed(t testing.TB, v *stages.Validate, c *cdc.Change) (names []string) {
	t.Helper()
	for _, r := range run(t, v, 10, c).rejects {
		l := letter.Of(pipeline.Record[pipeline.Reject]{Header: new(pipeline.Header), Value: r})
		for _, f := range l.Failures {
			names = append(names, f.Rule)
			if !strings.HasPrefix(f.Rule, f.Column+".") {
				t.Errorf("rule %q is about column %q", f.Rule, f.Column)
			}
		}
	}
	return names
}

func TestColumnRules(t *testing.T) {
	t.Parallel()
	three := 3
	cast := func(typ, s string) cdc.Value {
		var v []byte
		var err error
		switch typ {
		case "decimal":
			v, err = cdc.AppendDecimalText(nil, []byte(s))
		case "varint":
			v, err = cdc.AppendVarintText(nil, []byte(s))
		default:
			v = []byte(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const jan2 = 20455 // 2026-01-02 in days since 1970
	for _, tc := range []struct {
		typ   string
		rules stages.ColumnRules
		good  []cdc.Value
		bad   []cdc.Value
		rule  string
	}{
		{"int", stages.ColumnRules{Min: 1}, []cdc.Value{num(1), num(9), nil}, []cdc.Value{num(0), num(-5), {}}, "c.min"},
		{"int", stages.ColumnRules{Max: 1.5}, []cdc.Value{num(1)}, []cdc.Value{num(2)}, "c.max"},
		{"bigint", stages.ColumnRules{Max: uint64(1) << 63}, []cdc.Value{cdc.AppendInt64(nil, 1<<62)}, nil, ""},
		{"bigint", stages.ColumnRules{Max: "-9223372036854775808"}, []cdc.Value{cdc.AppendInt64(nil, -1<<63)}, []cdc.Value{cdc.AppendInt64(nil, -1<<63+1)}, "c.max"},
		{"double", stages.ColumnRules{Min: 0}, []cdc.Value{cdc.AppendDouble(nil, 0)}, []cdc.Value{cdc.AppendDouble(nil, -1), {0x7f, 0xf8, 0, 0, 0, 0, 0, 0}}, "c.min"},
		{"decimal", stages.ColumnRules{Max: "0.30"}, []cdc.Value{cast("decimal", "0.3"), cast("decimal", "0.29999999999999999999999999999999999")}, []cdc.Value{cast("decimal", "0.30000000000000000000000000000000001"), cast("decimal", "1e100000")}, "c.max"},
		{"varint", stages.ColumnRules{Min: 0}, []cdc.Value{cast("varint", "123456789012345678901234567890")}, []cdc.Value{cast("varint", "-123456789012345678901234567890")}, "c.min"},
		{"text", stages.ColumnRules{Min: 0}, []cdc.Value{text("0"), text("1.5e3")}, []cdc.Value{text("-1"), text("x"), text("")}, "c.min"},
		{"timestamp", stages.ColumnRules{Min: "2026-01-02"}, []cdc.Value{cdc.AppendInt64(nil, jan2*86400000)}, []cdc.Value{cdc.AppendInt64(nil, jan2*86400000-1)}, "c.min"},
		{"timestamp", stages.ColumnRules{Max: "2026-01-02T00:00:00+01:00"}, []cdc.Value{cdc.AppendInt64(nil, (jan2*24-1)*3600000)}, []cdc.Value{cdc.AppendInt64(nil, jan2*86400000)}, "c.max"},
		{"date", stages.ColumnRules{Max: "2026-01-02"}, []cdc.Value{cdc.AppendDate(nil, jan2)}, []cdc.Value{cdc.AppendDate(nil, jan2+1)}, "c.max"},
		{"text", stages.ColumnRules{MinLength: 2}, []cdc.Value{text("äö")}, []cdc.Value{text("ä"), text("")}, "c.min_length"},
		{"text", stages.ColumnRules{MaxLength: &three}, []cdc.Value{text("äöü")}, []cdc.Value{text("äöüß")}, "c.max_length"},
		{"text", stages.ColumnRules{MaxBytes: 3}, []cdc.Value{text("abc")}, []cdc.Value{text("äö")}, "c.max_bytes"},
		{"blob", stages.ColumnRules{MaxBytes: 3}, []cdc.Value{text("abc")}, []cdc.Value{text("abcd")}, "c.max_bytes"},
		{"text", stages.ColumnRules{Pattern: `^[^@\s]+@[^@\s]+$`}, []cdc.Value{text("a@b")}, []cdc.Value{text("a"), text("a@b c")}, "c.pattern"},
		{"int", stages.ColumnRules{Pattern: `^1`}, []cdc.Value{num(10)}, []cdc.Value{num(20)}, "c.pattern"},
		{"text", stages.ColumnRules{Enum: []any{"new", "paid"}}, []cdc.Value{text("new")}, []cdc.Value{text("New"), text("")}, "c.enum"},
		{"int", stages.ColumnRules{Enum: []any{1, uint64(2)}}, []cdc.Value{num(1), num(2)}, []cdc.Value{num(3)}, "c.enum"},
		{"int", stages.ColumnRules{Type: "number"}, []cdc.Value{num(1)}, nil, ""},
		{"text", stages.ColumnRules{Type: "integer"}, []cdc.Value{text("-12345678901234567890")}, []cdc.Value{text("1.5"), text(" 1"), text("")}, "c.type"},
		{"text", stages.ColumnRules{Type: "number"}, []cdc.Value{text("1.5e3")}, []cdc.Value{text("NaN"), text("0x1")}, "c.type"},
		{"text", stages.ColumnRules{Type: "boolean"}, []cdc.Value{text("true")}, []cdc.Value{text("yes")}, "c.type"},
		{"text", stages.ColumnRules{Type: "uuid"}, []cdc.Value{text("5f0a3b0e-8c1a-4d5e-9f00-112233445566")}, []cdc.Value{text("5f0a")}, "c.type"},
		{"text", stages.ColumnRules{Type: "inet"}, []cdc.Value{text("::1")}, []cdc.Value{text("localhost")}, "c.type"},
		{"text", stages.ColumnRules{Type: "date"}, []cdc.Value{text("2026-01-02")}, []cdc.Value{text("2026-13-02")}, "c.type"},
		{"text", stages.ColumnRules{Type: "timestamp"}, []cdc.Value{text("2026-01-02T03:04:05.6Z")}, []cdc.Value{text("2026-01-02")}, "c.type"},
		{"text", stages.ColumnRules{Type: "json"}, []cdc.Value{text(`{"a":1}`)}, []cdc.Value{text("{")}, "c.type"},
		{"text", stages.ColumnRules{Required: true}, []cdc.Value{text("")}, []cdc.Value{nil}, "c.required"},
	} {
		v, tbl := validator(t, map[string]stages.ColumnRules{"c": tc.rules}), table(t, `CREATE TABLE shop.t (id int PRIMARY KEY, c `+tc.typ+`)`)
		if err := v.Fits([]*cdc.Table{tbl}); err != nil {
			t.Errorf("%s %+v: %v", tc.typ, tc.rules, err)
		}
		for i, x := range append(slices.Clone(tc.good), tc.bad...) {
			got := strings.Join(failed(t, v, change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"c": x})), " ")
			if want := tc.rule; i < len(tc.good) && got != "" || i >= len(tc.good) && got != want {
				t.Errorf("%s %+v: value %d: got %q", tc.typ, tc.rules, i, got)
			}
		}
	}
}

// All rules that a change breaks are reported, of collections and keys too.
func TestEveryColumnRule(t *testing.T) {
	t.Parallel()
	one := 1
	tbl := table(t, `CREATE TABLE shop.t (id int PRIMARY KEY, age text, tags frozen<list<text>>)`)
	v := validator(t, map[string]stages.ColumnRules{
		"id": {Max: 5}, "age": {Type: "integer", MaxLength: &one, Enum: []any{"1"}, Pattern: "^[0-9]$"}, "tags": {MaxElements: &one}, "gone": {Required: true},
	})
	i, _ := tbl.Column("tags")
	s, b := cdc.Build(nil, tbl.Columns[i].Type)
	for range 2 {
		b = s.Close(append(s.Open(b), 'x'))
	}
	list, _ := s.End(b)
	got := failed(t, v, change(t, tbl, cdc.Insert, 9, map[string]cdc.Value{"age": text("xx"), "tags": list}))
	if want := []string{"gone.required", "id.max", "age.type", "age.max_length", "age.pattern", "age.enum", "tags.max_elements"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := failed(t, v, change(t, tbl, cdc.DeleteRow, 9, nil)); got != nil {
		t.Errorf("a deletion breaks %v", got)
	}
}

// What is only a warning passes and is counted.
func TestSeverity(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE shop.t (id int PRIMARY KEY, a int, b int)`)
	v := validator(t, map[string]stages.ColumnRules{"a": {Max: 5, Severity: stages.SeverityWarn}, "b": {Max: 5}},
		stages.Rule{Name: "odd", Expr: "a != 7", Severity: stages.SeverityWarn})
	for _, tc := range []struct {
		a, b int32
		want string
	}{{1, 1, ""}, {6, 1, ""}, {7, 1, ""}, {7, 6, "b.max"}} {
		if got := strings.Join(failed(t, v, change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"a": num(tc.a), "b": num(tc.b)})), " "); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
	got := map[string]float64{}
	for _, m := range v.Measures() {
		name := m.Name
		for _, l := range m.Labels {
			name += " " + l.Value
		}
		got[name] = m.Value
	}
	for name, want := range map[string]float64{
		"validated_records_total shop.t valid": 1, "validated_records_total shop.t warned": 2, "validated_records_total shop.t invalid": 1,
		"validation_errors_total shop.t a.max warn": 3, "validation_errors_total shop.t odd warn": 2, "validation_errors_total shop.t b.max error": 1,
		"validation_error_ratio": 0.25, "validation_error_ratio_threshold": 0.05, "validation_alert": 0,
	} {
		if n, ok := got[name]; !ok || n != want {
			t.Errorf("%s: got %v, %v, want %v", name, n, ok, want)
		}
	}
}

// Rules that cannot be applied to a table are found where the tables are known, and
// else let nothing pass; nor do rules that make no sense start.
func TestRulesDoNotFit(t *testing.T) {
	t.Parallel()
	one := 1
	tbl := table(t, `CREATE TABLE shop.t (id int PRIMARY KEY, b blob, l frozen<list<int>>, n int)`)
	for column, rules := range map[string]stages.ColumnRules{
		"b": {Min: 1}, "l": {Pattern: "x"}, "n": {MaxLength: &one}, "id": {Max: "x"},
	} {
		v := validator(t, map[string]stages.ColumnRules{column: rules})
		if err := v.Fits([]*cdc.Table{tbl}); err == nil || !strings.Contains(err.Error(), "rule "+column+".") {
			t.Errorf("%s: got %v", column, err)
		}
	}
	v := validator(t, map[string]stages.ColumnRules{"n": {Type: "uuid"}})
	if got := failed(t, v, change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"n": num(1)})); !slices.Equal(got, []string{"n.type"}) {
		t.Errorf("got %v", got)
	}
	for _, bad := range []stages.ColumnRules{
		{Type: "float"}, {Min: []any{}}, {Max: true}, {Pattern: "("}, {MinLength: 2, MaxLength: &one}, {MinElements: -1}, {Severity: "fatal"},
	} {
		c := stages.DefaultValidate()
		c.Tables = []stages.TableRules{{Match: "k.t", Columns: map[string]stages.ColumnRules{"x": bad}}}
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "tables[0].columns.x: ") {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
	var log strings.Builder
	c := stages.DefaultValidate()
	c.Tables = []stages.TableRules{{Match: "shop.t", Columns: map[string]stages.ColumnRules{"typo": {Min: 1}}}, {Match: "*.*", Columns: map[string]stages.ColumnRules{"any": {Min: 1}}}}
	v, err := stages.NewValidate(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Fits([]*cdc.Table{tbl, tbl}); err != nil || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "column=typo") {
		t.Errorf("got %v, %s", err, log.String())
	}
}
