package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
	"cdcpipe/sinks/postgres"
)

// records is a source of events.
type records struct{ events []*cdc.Event }

func (*records) Open(context.Context, pipeline.Partitions) error { return nil }

func (s *records) Read(context.Context) (pipeline.Batch[*cdc.Event], error) {
	if s.events == nil {
		return pipeline.Batch[*cdc.Event]{}, io.EOF
	}
	b := pipeline.NewBatch[*cdc.Event](len(s.events))
	for i, e := range s.events {
		b.Append(pipeline.Header{Partition: "t/0", Offset: int64(i), Origin: e}, e)
	}
	b.Through = pipeline.Mark{Partition: "t/0", Offset: int64(len(s.events) - 1)}
	s.events = nil
	return b, nil
}

func (*records) Commit(context.Context, []pipeline.Mark) error { return nil }

// bring sends events of a letters' topic the way of cdcpipe dlq run, once. Nothing is
// tried again.
func bring(t *testing.T, dsn string, events ...*cdc.Event) {
	t.Helper()
	l, err := postgres.NewLetters(postgres.LettersConfig{DSN: dsn}, "p", quiet)
	if err != nil {
		t.Fatal(err)
	}
	p := pipeline.New("topic", pipeline.Config{Logger: quiet})
	ls := pipeline.Then[*cdc.Event, letter.Letter](pipeline.From(p, "topic", &records{events}), "unpack", dlq.Unpack{})
	pipeline.To[letter.Letter](ls, "keep", dlq.Keep{Letters: l}, pipeline.WithRetry(pipeline.Retry{Attempts: 1}))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A letter that comes from a topic is the one that would have come from the outlet, and
// comes once. Whatever somebody else writes there is kept and holds up nothing.
func TestTopic(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := open(t, dsn)
	cause := errors.Join(fault.New(fault.RuleFailed, "a"), fault.New(fault.NulInText, "b"))
	origin := &cdc.Event{Topic: "cdc.shop.orders", Partition: 1, Offset: 7, Key: []byte{0xff}, Value: []byte("v"), Time: at, Headers: []cdc.EventHeader{{Key: "h", Value: []byte{0}}}}
	l := letter.Of(pipeline.Record[pipeline.Reject]{Header: &pipeline.Header{}, Value: pipeline.Reject{Outlet: pipeline.Invalid, Step: "validate", Cause: cause, Origin: origin, Attempts: 3, FirstFailed: at, LastFailed: at.Add(time.Second)}})
	on := func(offset int64, hs []cdc.EventHeader) *cdc.Event {
		return &cdc.Event{Topic: "cassandra.cdc.dlq", Offset: offset, Key: origin.Key, Value: origin.Value, Headers: hs, Time: at}
	}
	good := l.Headers()
	bring(t, dsn, on(1, good))
	bring(t, dsn, on(1, good), on(2, good))
	got, err := s.Page(t.Context(), dlq.Filter{Outlet: pipeline.Invalid})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d, %v", len(got), err)
	}
	if g := got[0]; g.Event.Offset != 7 || len(g.Event.Headers) != 1 || len(g.Failures) != 2 || g.Attempts != 3 || g.Code != fault.RuleFailed || g.TableName() != "shop.orders" || !g.Failed.Equal(at.Add(time.Second)) {
		t.Errorf("got %+v", g)
	}
	bring(t, dsn, on(3, append(slices.Clone(good), cdc.EventHeader{Key: "cdcpipe.truncated", Value: []byte("true")})), on(4, nil))

	// Every header, as nobody would write it.
	var bad []*cdc.Event
	for i := range good {
		for _, v := range []string{"", "\x00", "\xff\xfe", strings.Repeat("x", 100_000), "-1", "99999999999999999999", "a.b.c", `[{"code":"\u0000","rule":"\u0000"}]`, `[{"code":"CDC-2004","detail":"\u0000","rule":"` + strings.Repeat("r", 9000) + `"}]`, "CDC-99999", "CDC-1234", "own"} {
			hs := slices.Clone(good)
			hs[i].Value = []byte(v)
			bad = append(bad, on(int64(100+len(bad)), hs))
		}
		bad = append(bad, on(int64(100+len(bad)), slices.Delete(slices.Clone(good), i, i+1)), on(int64(100+len(bad)), slices.Concat(good[:i], []cdc.EventHeader{{Key: "\xff\x00", Value: nil}}, good[i:])))
	}
	for i, e := range bad {
		e.Value = fmt.Appendf(nil, "bad %d", i)
	}
	bring(t, dsn, bad...)
	if got, want := query(t, dsn, `SELECT (SELECT count(DISTINCT value) FROM cdcpipe.dlq_archive WHERE value::text LIKE '\\x626164%') + (SELECT count(DISTINCT value) FROM cdcpipe.validation_errors WHERE value::text LIKE '\\x626164%')`), strconv.Itoa(len(bad)); got != want {
		t.Errorf("%s letters are kept of %s", got, want)
	}
	if got := query(t, dsn, `SELECT count(*) FROM pg_tables WHERE tablename LIKE '%letters'`); got != "0" {
		t.Errorf("%s tables were made", got)
	}
}
