package dlq_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

func ids(ls []*dlq.Letter) (ids []int64) {
	for _, l := range ls {
		ids = append(ids, l.ID)
	}
	return ids
}

func TestPage(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := open(t, dsn)
	hs := []cdc.EventHeader{{Key: "h", Value: []byte{0xff}}, {Key: "none"}}
	keep(t, dsn,
		spoiled{pipeline.DeadLetter, 1, fault.TargetBusy, `{"customer":1}`, "a\x00\xff", hs},
		spoiled{pipeline.DeadLetter, 2, fault.MalformedJSON, `{"customer":2}`, "b", nil},
		spoiled{pipeline.DeadLetter, 3, fault.NulInText, `100%_\`, "c", nil},
		spoiled{pipeline.Invalid, 4, fault.RuleFailed, "k", "d", nil})
	all, err := s.Page(t.Context(), dlq.Filter{})
	if err != nil || len(all) != 3 {
		t.Fatalf("got %d, %v", len(all), err)
	}
	l := all[0]
	if string(l.Event.Value) != "a\x00\xff" || l.Event.Topic != "cdc.shop.orders" || l.TableName() != "shop.orders" || !l.Event.Time.Equal(at) || l.State != dlq.Open ||
		l.Failures[0].Code != fault.TargetBusy || l.Pipeline != "p" || len(l.Event.Headers) != 2 || l.Event.Headers[0].Value[0] != 0xff || l.Event.Headers[1].Value != nil {
		t.Errorf("got %+v", l)
	}
	if err := s.Mark(t.Context(), pipeline.DeadLetter, "me", "archive", dlq.Change{ID: all[1].ID, State: dlq.Archived, Note: "n"}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		f    dlq.Filter
		want []int64
	}{
		{dlq.Filter{State: dlq.Open}, []int64{1, 3}},
		{dlq.Filter{State: dlq.Archived}, []int64{2}},
		{dlq.Filter{Code: "CDC-1001"}, []int64{2}},
		{dlq.Filter{Code: "CDC-"}, []int64{1, 2, 3}},
		{dlq.Filter{Code: "%"}, nil},
		{dlq.Filter{Table: "shop.orders"}, []int64{1, 2, 3}},
		{dlq.Filter{Table: "shop"}, []int64{1, 2, 3}},
		{dlq.Filter{Table: "shop.users"}, nil},
		{dlq.Filter{Key: `"customer":2`}, []int64{2}},
		{dlq.Filter{Key: `%_\`}, []int64{3}},
		{dlq.Filter{Key: "' OR true --"}, nil},
		{dlq.Filter{Since: time.Now().Add(time.Hour)}, nil},
		{dlq.Filter{Until: time.Now().Add(-time.Hour)}, nil},
		{dlq.Filter{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}, []int64{1, 2, 3}},
		{dlq.Filter{IDs: []int64{3, 1, 99}}, []int64{1, 3}},
		{dlq.Filter{IDs: []int64{}}, nil},
		{dlq.Filter{Limit: 2}, []int64{1, 2}},
		{dlq.Filter{After: 1, Limit: 1}, []int64{2}},
		{dlq.Filter{Pipeline: "another"}, nil},
		{dlq.Filter{Outlet: pipeline.Invalid}, []int64{1}},
	} {
		got, err := s.Page(t.Context(), tc.f)
		if err != nil || !slices.Equal(ids(got), tc.want) {
			t.Errorf("%+v: got %v, %v, want %v", tc.f, ids(got), err, tc.want)
		}
		n, err := s.Matching(t.Context(), tc.f)
		if err != nil || n != int64(len(tc.want)) {
			t.Errorf("%+v: counted %d, %v", tc.f, n, err)
		}
	}
	for _, f := range []dlq.Filter{{State: "x"}, {Limit: -1}, {After: -1}, {Code: "1001"}, {Code: "cdc-1001"}, {Code: "CDC-1x"}, {Code: "CDC-10010"}, {Table: "a.b.c"}, {Table: ".a"}, {Since: at, Until: at}} {
		if err := f.Validate(); !fault.Is(err, fault.ConfigUsage) {
			t.Errorf("%+v: got %v", f, err)
		}
	}
	for _, c := range []fault.Code{"", "C", "CDC", "CDC-", "CDC-2", "CDC-2004"} {
		if err := (dlq.Filter{Code: c}).Validate(); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
	if _, err := s.Get(t.Context(), pipeline.DeadLetter, 99); !fault.Is(err, fault.LetterMissing) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Page(t.Context(), dlq.Filter{Outlet: `own" x`}); !fault.Is(err, fault.LetterMissing) {
		t.Errorf("an outlet without letters: got %v", err)
	}
	stats, err := s.Stats(t.Context(), dlq.Filter{})
	if err != nil || len(stats) != 3 || stats[0].Table != "shop.orders" || stats[0].Code != "CDC-1001" || stats[0].Category != dlq.Data || stats[0].State != dlq.Archived || stats[2].Category != dlq.Transient {
		t.Errorf("got %+v, %v", stats, err)
	}
}

// A page ends before it is too large, but has one letter at least.
func TestPageBytes(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := open(t, dsn)
	big := strings.Repeat("x", dlq.PageBytes/2+1)
	keep(t, dsn, spoiled{pipeline.DeadLetter, 1, "CDC-1001", "k", big, nil}, spoiled{pipeline.DeadLetter, 2, "CDC-1001", "k", big, nil}, spoiled{pipeline.DeadLetter, 3, "CDC-1001", "k", big + big, nil})
	for after := range int64(3) {
		got, err := s.Page(t.Context(), dlq.Filter{After: after})
		if err != nil || !slices.Equal(ids(got), []int64{after + 1}) {
			t.Errorf("after %d: got %v, %v", after, ids(got), err)
		}
	}
	claimed, err := s.Claim(t.Context(), dlq.Filter{}, time.Hour)
	if err != nil || len(claimed) != 1 {
		t.Errorf("claimed %v, %v", ids(claimed), err)
	}
}

// Who did what is on record, of the same transaction, and outlasts the letter.
func TestAuditAndPurge(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := open(t, dsn)
	keep(t, dsn, spoiled{pipeline.DeadLetter, 1, "CDC-1001", "k", "a", nil}, spoiled{pipeline.DeadLetter, 2, "CDC-1001", "k", "b", nil}, spoiled{pipeline.DeadLetter, 3, "CDC-1001", "k", "c", nil})
	mark := func(id int64, action string, c dlq.Change) {
		t.Helper()
		c.ID = id
		if err := s.Mark(t.Context(), pipeline.DeadLetter, "me", action, c); err != nil {
			t.Fatal(err)
		}
	}
	mark(1, "resubmit", dlq.Change{State: dlq.Resubmitted, Sent: true, Value: []byte("A"), Detail: map[string]any{"n": 1}})
	mark(1, "resubmit", dlq.Change{State: dlq.Resubmitted, Sent: true})
	mark(2, "archive", dlq.Change{State: dlq.Archived, Note: "why"})
	mark(99, "archive", dlq.Change{State: dlq.Archived})
	l, err := s.Get(t.Context(), pipeline.DeadLetter, 1)
	if err != nil || l.State != dlq.Resubmitted || l.StateBy != "me" || l.Resubmissions != 2 || string(l.Corrected) != "A" || !l.Due.IsZero() || l.StateAt.IsZero() {
		t.Errorf("got %+v, %v", l, err)
	}
	if n, err := s.Expire(t.Context(), dlq.Filter{}, time.Now().Add(-time.Hour), "clock"); n != 0 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	if n, err := s.Expirable(t.Context(), dlq.Filter{Limit: 1}, time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if n, err := s.Expire(t.Context(), dlq.Filter{}, time.Now().Add(time.Hour), "clock"); n != 2 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	if n, err := s.Purge(t.Context(), dlq.Filter{Limit: 1}, "you"); n != 1 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	got := query(t, dsn, `SELECT actor, action, letters, letter_id, was, became, topic, "offset", detail FROM cdcpipe.letter_audit ORDER BY id`)
	want := `me|resubmit|dlq_archive|1|open|resubmitted|cdc.shop.orders|1|{"n": 1}
me|resubmit|dlq_archive|1|resubmitted|resubmitted|cdc.shop.orders|1|{}
me|archive|dlq_archive|2|open|archived|cdc.shop.orders|2|{}
clock|purge|dlq_archive|1|resubmitted||cdc.shop.orders|1|{}
clock|purge|dlq_archive|2|archived||cdc.shop.orders|2|{}
you|purge|dlq_archive|3|open||cdc.shop.orders|3|{}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	h, err := s.History(t.Context(), pipeline.DeadLetter, 1)
	if err != nil || len(h) != 3 || h[0].Action != "resubmit" || h[2].Became != "" {
		t.Errorf("got %+v, %v", h, err)
	}
}
