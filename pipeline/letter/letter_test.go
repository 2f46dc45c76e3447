package letter_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

type rule struct{}

func (rule) Error() string               { return "rule age: too old" }
func (rule) Rule() (name, column string) { return "age.max", "age" }

func of(cause error, value any, e *cdc.Event) letter.Letter {
	return letter.Of(pipeline.Record[pipeline.Reject]{
		Header: &pipeline.Header{Partition: "p/0", Offset: 7},
		Value: pipeline.Reject{Outlet: pipeline.Invalid, Step: "validate", Cause: cause, Value: value, Origin: e,
			Attempts: 2, FirstFailed: time.Unix(1, 0), LastFailed: time.Unix(2, 0)},
	})
}

// Every failure is found, however it is wrapped.
func TestFailures(t *testing.T) {
	t.Parallel()
	ruled := fault.New(fault.RuleFailed, "%w", rule{})
	nul := fault.New(fault.NulInText, "column a")
	e := &cdc.Event{Topic: "p.k.t"}
	for name, tc := range map[string]struct {
		cause error
		want  []letter.Failure
	}{
		"one":        {nul, []letter.Failure{{Code: fault.NulInText, Detail: "column a"}}},
		"no code":    {errors.New("x"), []letter.Failure{{Code: fault.Unknown, Detail: "x"}}},
		"marked":     {pipeline.Permanent(nul), []letter.Failure{{Code: fault.NulInText, Detail: "column a"}}},
		"wrapped":    {fmt.Errorf("while: %w", nul), []letter.Failure{{Code: fault.NulInText, Detail: "column a"}}},
		"of a fault": {fault.New(fault.RuleFailed, "x: %w", nul), []letter.Failure{{Code: fault.RuleFailed, Detail: "x: CDC-2003 column a"}}},
		"all": {pipeline.Divert(pipeline.Invalid, errors.Join(errors.Join(nul, ruled), errors.New("y"))), []letter.Failure{
			{Code: fault.NulInText, Detail: "column a"}, {Code: fault.RuleFailed, Rule: "age.max", Column: "age", Detail: "rule age: too old"}, {Code: fault.Unknown, Detail: "y"},
		}},
	} {
		if got := of(tc.cause, nil, e).Failures; !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestTableAndTrace(t *testing.T) {
	t.Parallel()
	s, err := cdc.ParseCQL(`CREATE TABLE shop.users (id int PRIMARY KEY)`)
	if err != nil {
		t.Fatal(err)
	}
	c := &cdc.Change{Table: s.Tables()[0]}
	const id = "0af7651916cd43dd8448eb211c80319c"
	for topic, want := range map[string]string{"cdc.shop.orders": "shop.orders", "a.b.shop.orders": "shop.orders", "shop.orders": ".", "orders": ".", "": "."} {
		l := of(errors.New("x"), nil, &cdc.Event{Topic: topic})
		if got := l.Keyspace + "." + l.Table; got != want {
			t.Errorf("topic %q: got %s, want %s", topic, got, want)
		}
		if l = of(errors.New("x"), c, &cdc.Event{Topic: topic}); l.Table != "users" || l.Change != c {
			t.Errorf("topic %q: got %s of a change", topic, l.Table)
		}
	}
	for header, want := range map[string]string{
		"00-" + id + "-b7ad6b7169203331-01": id, "": "", "00-" + id: "", "00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": "", "00x" + id + "-b7ad6b7169203331-01": "",
	} {
		if got := of(errors.New("x"), nil, &cdc.Event{Headers: []cdc.EventHeader{{Key: "traceparent", Value: []byte(header)}}}).Trace; got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

// The record's own headers come first and are not touched; every failed rule is
// among cdcpipe's.
func TestHeaders(t *testing.T) {
	t.Parallel()
	own := []cdc.EventHeader{{Key: "h", Value: []byte{0xff}}, {Key: "__connect.errors.topic", Value: nil}}
	cause := errors.Join(fault.New(fault.NulInText, "column a"), fault.New(fault.RuleFailed, "%w", rule{}))
	l := of(cause, nil, &cdc.Event{Topic: "cdc.shop.orders", Partition: 3, Offset: 7, Headers: own})
	hs := l.Headers()
	if len(hs) < 2 || hs[0].Value[0] != 0xff || hs[1].Key != own[1].Key || hs[1].Value != nil || len(own) != 2 {
		t.Errorf("got %v", hs)
	}
	got := map[string]string{}
	for _, h := range hs {
		got[h.Key] = string(h.Value)
	}
	for key, want := range map[string]string{
		"__connect.errors.topic": "cdc.shop.orders", "__connect.errors.partition": "3", "__connect.errors.offset": "7", "__connect.errors.connector.name": "cdcpipe",
		"__connect.errors.task.id": "0", "__connect.errors.stage": "validate", "__connect.errors.class.name": "cdcpipe.validate",
		"__connect.errors.exception.class.name": "CDC-2003", "__connect.errors.exception.stacktrace": "CDC-2003 column a\nCDC-2004 rule age: too old",
		"cdcpipe.error.code": "CDC-2003", "cdcpipe.stage": "validate", "cdcpipe.table": "shop.orders", "cdcpipe.attempts": "2", "cdcpipe.outlet": "invalid",
		"cdcpipe.first_failed_at": "1970-01-01T00:00:01Z", "cdcpipe.last_failed_at": "1970-01-01T00:00:02Z",
		"cdcpipe.failures": `[{"code":"CDC-2003","detail":"column a"},{"code":"CDC-2004","rule":"age.max","column":"age","detail":"rule age: too old"}]`,
	} {
		if got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
	if _, ok := got["cdcpipe.trace_id"]; ok {
		t.Error("there is a trace id, and was no trace")
	}
	stale := of(fault.New(fault.StaleLost, "table t: %w", &letter.Late{Written: 5, Winner: 6}), nil, &cdc.Event{})
	if hs := stale.Headers(); string(hs[len(hs)-1].Value) != "6" || string(hs[len(hs)-2].Value) != "5" {
		t.Errorf("got %v", hs)
	}
}

func TestAppendRecord(t *testing.T) {
	t.Parallel()
	s, err := cdc.ParseCQL(`CREATE TABLE shop.users (id int PRIMARY KEY, "a""b" text, n int)`)
	if err != nil {
		t.Fatal(err)
	}
	c := &cdc.Change{Table: s.Tables()[0], Op: cdc.Insert, Time: 5, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, 1)},
		Cells: []cdc.Cell{{Column: 1, Value: cdc.Value("x")}, {Column: 2}}}
	if got, want := string(letter.AppendRecord(nil, c)), `{"op":"insert","written":5,"key":{"id":1},"columns":{"a\"b":"x","n":null}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	d := &cdc.Change{Table: c.Table, Op: cdc.DeleteRow, Time: 5, Deleted: 5, Snapshot: true, Key: c.Key}
	if got, want := string(letter.AppendRecord(nil, d)), `{"op":"delete_row","written":5,"snapshot":true,"deleted":5,"key":{"id":1},"columns":{}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
