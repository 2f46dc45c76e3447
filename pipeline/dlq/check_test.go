package dlq_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages"
)

// checker has the stages of a pipeline whose rules are that qty is not negative and
// note is short.
func checker(t testing.TB) dlq.Check {
	t.Helper()
	s, err := cdc.ParseCQL(`CREATE TABLE shop.orders (customer int PRIMARY KEY, at timestamp, note text, price decimal, qty int); CREATE TABLE shop.users (customer int PRIMARY KEY)`)
	if err != nil {
		t.Fatal(err)
	}
	catalog := cdc.NewCatalog(nil)
	catalog.Put(s.Tables()...)
	decode, err := stages.NewDecode(stages.DefaultDecode(), catalog)
	if err != nil {
		t.Fatal(err)
	}
	five, cfg := 5, stages.DefaultValidate()
	cfg.Tables = []stages.TableRules{{Match: "shop.orders", Columns: map[string]stages.ColumnRules{"qty": {Min: 0}, "note": {MaxLength: &five}}}}
	validate, err := stages.NewValidate(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	stale := stages.DefaultStaleCheck()
	stale.Policy = "refuse"
	old, err := stages.NewStaleCheck(stale, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dlq.Check{Stages: []any{decode, validate, old}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	c := checker(t)
	v, err := c.Run(t.Context(), &of(envelope).Event)
	if err != nil || v.Decoded == nil || len(v.Failures) != 1 || v.Failures[0].Rule != "qty.min" {
		t.Fatalf("got %+v, %v", v, err)
	}
	long := strings.Replace(envelope, `"note":{"value":null,"deletion_ts":17`, `"note":{"value":"too long","deletion_ts":null`, 1)
	for name, tc := range map[string]struct {
		value string
		want  []string // of the error; none if it passes
	}{
		"corrected":      {strings.Replace(envelope, "-3", "3", 1), nil},
		"still broken":   {envelope, []string{"CDC-2004", "qty"}},
		"every rule":     {long, []string{"qty", "note"}},
		"another type":   {strings.Replace(envelope, "-3", `"x"`, 1), []string{"CDC-1008"}},
		"no JSON":        {"{", []string{"CDC-1001"}},
		"empty":          {"", []string{"CDC-1001"}},
		"another table":  {strings.Replace(strings.Replace(envelope, "-3", "3", 1), `"table":"orders"`, `"table":"users"`, 1), []string{"CDC-1016"}},
		"no table":       {strings.Replace(envelope, `"table":"orders"`, `"table":"x"`, 1), []string{"CDC-1007"}},
		"another key":    {strings.Replace(strings.Replace(envelope, "-3", "3", 1), `"customer":{"value":1`, `"customer":{"value":2`, 1), []string{"another key"}},
		"only the table": {`{"ts_ms":1,"op":"i","source":{"ts_us":1767225601000000,"keyspace":"shop","table":"users"},"after":{"customer":{"value":1,"deletion_ts":null,"set":true},"_range_start":null,"_range_end":null}}`, []string{"of table shop.users"}},
	} {
		err := c.Correction(t.Context(), of(envelope), []byte(tc.value))
		if tc.want == nil {
			if err != nil {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if !fault.Is(err, fault.LetterRefused) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		for _, w := range tc.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, which does not name %s", name, err, w)
			}
		}
	}
	if err := c.Correction(t.Context(), of("{"), []byte(strings.Replace(envelope, "-3", "3", 1))); err != nil {
		t.Errorf("of an original that cannot be read: %v", err)
	}
	v, err = c.Run(t.Context(), &cdc.Event{Topic: "cdc.shop.orders"})
	if err != nil || v.Err() == nil {
		t.Errorf("a tombstone: got %+v, %v", v, err)
	}
	if _, err := (dlq.Check{}).Run(t.Context(), &of(envelope).Event); !fault.Is(err, fault.ConfigUsage) {
		t.Errorf("without stages: got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if err := c.Correction(ctx, of(envelope), []byte(envelope)); err == nil || fault.Is(err, fault.LetterRefused) {
		t.Errorf("out of time: got %v", err)
	}
}
