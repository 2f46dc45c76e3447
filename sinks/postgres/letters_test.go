package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

func TestLetters(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, err := postgres.NewLetters(postgres.LettersConfig{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	reject := func(o pipeline.Outlet, offset int64, cause error) pipeline.Record[pipeline.Reject] {
		e := &cdc.Event{Topic: "p.k.t", Partition: 3, Offset: offset, Key: []byte{0, 1}, Value: []byte("{\x00\xff"), Headers: []cdc.EventHeader{{Key: "h", Value: []byte{0xff}}}, Time: at}
		return pipeline.Record[pipeline.Reject]{Header: &pipeline.Header{Partition: "p.k.t/3", Offset: offset},
			Value: pipeline.Reject{Outlet: o, Step: "decode", Cause: cause, Origin: e, Attempts: 1, FirstFailed: at, LastFailed: at}}
	}
	bad := fault.New(fault.MalformedJSON, "at byte %d", 3)
	recs := []pipeline.Record[pipeline.Reject]{
		reject(pipeline.DeadLetter, 1, bad), reject(pipeline.DeadLetter, 1, bad), reject(pipeline.Invalid, 2, errors.New("no code\x00")), reject(pipeline.Stale, 3, bad), reject("own", 4, bad),
	}
	for range 2 { // a replay updates
		if err := l.Write(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	got := lines(t, dsn, `SELECT topic, partition, "offset", key, value, headers, recorded_at, code, title, detail, step, attempts, first_failed_at FROM cdcpipe.dlq_archive`)
	if want := `p.k.t|3|1|\x0001|\x7b00ff|[["h", "/w=="]]|2026-05-04 03:02:01+00|CDC-1001|malformed JSON|at byte 3|decode|2|2026-05-04 03:02:01+00`; strings.Join(got, "\n") != want {
		t.Errorf("got %q, want %s", got, want)
	}
	for _, table := range []string{"validation_errors", "staleness_audit", "own_letters"} {
		if got := lines(t, dsn, `SELECT count(*) FROM cdcpipe.`+table+` WHERE fix <> ''`); got[0] != "1" {
			t.Errorf("%s has %s rows", table, got[0])
		}
	}
}
