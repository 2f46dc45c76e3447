package stages_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages"
)

const users = `CREATE TABLE shop.users (id int PRIMARY KEY, age int, email text, "a b" text, tags frozen<list<text>>)`

func TestValidate(t *testing.T) {
	t.Parallel()
	tbl := table(t, users)
	cfg := stages.DefaultValidate()
	cfg.MaxValueBytes, cfg.MaxElements = 40, 2
	cfg.Tables = []stages.TableRules{
		{Match: "shop.*", Required: []string{"email"}, Rules: []stages.Rule{
			{Name: "age", Expr: "age >= 0 && age < 150"}, {Name: "quoted", Expr: `$env["a b"] != "bad"`},
			{Name: "both", Expr: `age > 17 || email endsWith ".edu"`}, {Name: "written", Expr: `_op != "nope" && _written.Year() >= 1970`},
		}},
		{Match: "other.users", Required: []string{"nothing"}},
	}
	st, err := stages.NewValidate(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	list := func(n int) cdc.Value {
		i, _ := tbl.Column("tags")
		s, b := cdc.Build(nil, tbl.Columns[i].Type)
		for range n {
			b = s.Close(append(s.Open(b), 'x'))
		}
		b, _ = s.End(b)
		return b
	}
	for name, tc := range map[string]struct {
		c    *cdc.Change
		want string // codes in order, and rules
	}{
		"valid":                 {change(t, tbl, cdc.Insert, 1, map[string]cdc.Value{"email": text("a@b.edu"), "age": num(5), "a b": text("good")}), ""},
		"missing on insert":     {change(t, tbl, cdc.Insert, 1, nil), "CDC-2001"},
		"not written by update": {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"age": num(20)}), ""},
		"deleted by update":     {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"email": nil}), "CDC-2001"},
		"row deleted":           {change(t, tbl, cdc.DeleteRow, 1, nil), ""},
		"one rule":              {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"age": num(-1)}), "CDC-2004 age"},
		"every rule":            {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"age": num(-1), "email": text("a@b.com"), "a b": text("bad")}), "CDC-2004 age CDC-2004 quoted CDC-2004 both"},
		"null in a rule":        {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"age": nil}), "CDC-2004 age"},
		"NUL":                   {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"a b": text("x\x00")}), "CDC-2003"},
		"large":                 {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"a b": text(strings.Repeat("x", 41))}), "CDC-2002"},
		"many":                  {change(t, tbl, cdc.Update, 1, map[string]cdc.Value{"tags": list(3)}), "CDC-2005"},
	} {
		r := run(t, st, 10, tc.c)
		if tc.want == "" {
			if len(r.out) != 1 || r.out[0] != tc.c {
				t.Errorf("%s: got %v", name, r.rejects)
			}
			continue
		}
		if len(r.rejects) != 1 || r.rejects[0].Outlet != pipeline.Invalid {
			t.Errorf("%s: got %v", name, r.rejects)
			continue
		}
		var got []string
		for line := range strings.Lines(r.rejects[0].Cause.Error()) {
			code, detail, _ := strings.Cut(line, " ")
			got = append(got, code)
			if rule, ok := strings.CutPrefix(detail, "rule "); ok {
				rule, _, _ := strings.Cut(rule, ":")
				got = append(got, rule)
			}
		}
		if s := strings.Join(got, " "); s != tc.want || fault.CodeOf(r.rejects[0].Cause) != fault.Code(got[0]) {
			t.Errorf("%s: got %s, want %s", name, s, tc.want)
		}
		if strings.Contains(r.rejects[0].Cause.Error(), "a@b.com") {
			t.Errorf("%s: the error quotes a value", name)
		}
	}
	for _, bad := range []stages.TableRules{
		{Match: "users"}, {Match: "k.t", Rules: []stages.Rule{{Name: "x", Expr: "1 +"}}}, {Match: "k.t", Rules: []stages.Rule{{Name: "x", Expr: "1 + 1"}}},
		{Match: "k.t", Rules: []stages.Rule{{Expr: "true"}}}, {Match: "k.t", Rules: []stages.Rule{{Name: "x", Expr: "$env[a] == 1"}}},
	} {
		c := stages.DefaultValidate()
		c.Tables = []stages.TableRules{bad}
		if c.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}
