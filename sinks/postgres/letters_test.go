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
	"cdcpipe/pipeline/letter"
	"cdcpipe/sinks/postgres"
)

func openLetters(t *testing.T, dsn string) *postgres.Letters {
	t.Helper()
	l, err := postgres.NewLetters(postgres.LettersConfig{DSN: dsn}, "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(context.Background()) })
	return l
}

var failedAt = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// rejected is a record that left, with bytes that are neither text nor JSON.
func rejected(o pipeline.Outlet, offset int64, value any, cause error) pipeline.Record[pipeline.Reject] {
	e := &cdc.Event{
		Topic: "p.k.t", Partition: 3, Offset: offset, Key: []byte{0, 1}, Value: []byte("{\x00\xff"), Time: failedAt,
		Headers: []cdc.EventHeader{{Key: "h", Value: []byte{0xff}}, {Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}},
	}
	return pipeline.Record[pipeline.Reject]{
		Header: &pipeline.Header{Partition: "p.k.t/3", Offset: offset},
		Value:  pipeline.Reject{Outlet: o, Step: "decode", Cause: cause, Value: value, Origin: e, Attempts: 1, FirstFailed: failedAt, LastFailed: failedAt},
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := openLetters(t, dsn)
	bad := fault.New(fault.MalformedJSON, "at byte %d", 3)
	recs := []pipeline.Record[pipeline.Reject]{
		rejected(pipeline.DeadLetter, 1, nil, bad), rejected(pipeline.DeadLetter, 1, nil, bad), rejected(pipeline.Invalid, 2, nil, errors.New("no code\x00")),
		rejected(pipeline.Stale, 3, nil, bad), rejected("own", 4, nil, bad),
	}
	for range 2 { // a write that is repeated changes nothing
		if err := l.Write(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	const columns = `SELECT pipeline, topic, partition, "offset", key, value, headers->0, recorded_at, keyspace_name, table_name, record, trace_id, code, title, detail, step, failures, attempts, first_failed_at, last_failed_at, status FROM cdcpipe.dlq_archive`
	want := `test|p.k.t|3|1|\x0001|\x7b00ff|["h", "/w=="]|2026-05-04 03:02:01+00|k|t|∅|0af7651916cd43dd8448eb211c80319c|CDC-1001|malformed JSON|at byte 3|decode|` +
		`[{"code": "CDC-1001", "detail": "at byte 3"}]|1|2026-05-04 03:02:01+00|2026-05-04 03:02:01+00|open`
	if got := strings.Join(lines(t, dsn, columns), "\n"); got != want {
		t.Errorf("got %q, want %s", got, want)
	}
	for _, table := range []string{"validation_errors", "staleness_audit", "own_letters"} {
		if got := lines(t, dsn, `SELECT count(*) FROM cdcpipe.`+table+` WHERE fix <> ''`); got[0] != "1" {
			t.Errorf("%s has %s rows", table, got[0])
		}
	}
	if got := strings.Join(lines(t, dsn, `SELECT outlet, "offset", table_name, code, detail FROM cdcpipe.error_log ORDER BY id`), "\n"); got != "dead_letter|1|t|CDC-1001|at byte 3\ninvalid|2|t|CDC-0000|no code\uFFFD" {
		t.Errorf("error_log has %s", got)
	}
	// Somebody deals with the letter; its record fails again all the same.
	exec(t, dsn, `UPDATE cdcpipe.dlq_archive SET status = 'discarded', status_by = 'me'`)
	again := rejected(pipeline.DeadLetter, 1, nil, fault.New(fault.MalformedJSON, "at byte 4"))
	again.Value.LastFailed = failedAt.Add(time.Second)
	// A topic that was made anew has another record at that offset.
	anew := rejected(pipeline.DeadLetter, 1, nil, bad)
	anew.Value.Origin.(*cdc.Event).Value = []byte("another")
	if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{again, anew}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(lines(t, dsn, `SELECT value, detail, attempts, status, last_failed_at FROM cdcpipe.dlq_archive ORDER BY id`), "\n")
	if want := "\\x7b00ff|at byte 4|2|discarded|2026-05-04 03:02:02+00\n\\x616e6f74686572|at byte 3|1|open|2026-05-04 03:02:01+00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A letter has the decoded record, whatever PostgreSQL thinks of its values, and
// every failed rule.
func TestLettersRecord(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := openLetters(t, dsn)
	tbl := table(t, `CREATE TABLE shop.orders (id int PRIMARY KEY, note text, total decimal)`)
	huge, err := cdc.AppendDecimalText(nil, []byte("1e200000"))
	if err != nil {
		t.Fatal(err)
	}
	c := &cdc.Change{Table: tbl, Op: cdc.Update, Time: 17, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, 1)}, Cells: []cdc.Cell{
		{Column: 1, Stamp: cdc.Stamp{Time: 17}, Value: cdc.Value("a\x00\\u0000\"b")}, {Column: 2, Stamp: cdc.Stamp{Time: 17}, Value: huge},
	}}
	cause := errors.Join(fault.New(fault.NulInText, `column "note" holds U+0000`), fault.New(fault.NoTargetValue, "column total"))
	late := fault.New(fault.StaleLost, "table shop.orders: %w", &letter.Late{Written: 17, Winner: 18})
	if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{rejected(pipeline.Invalid, 1, c, cause), rejected(pipeline.Stale, 2, c, late)}); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		`SELECT keyspace_name, table_name, written, winner, record->'key'->>'id', record->'columns'->>'note', record->'columns'->>'total' FROM cdcpipe.validation_errors`: "shop|orders|17|∅|1|a\uFFFD\\u0000\"b|1E200000",
		`SELECT f->>'code', f->>'detail' FROM cdcpipe.validation_errors, jsonb_array_elements(failures) AS f`:                                                             "CDC-2003|column \"note\" holds U+0000\nCDC-4001|column total",
		`SELECT written, winner FROM cdcpipe.staleness_audit`:                                                                                                             "17|18",
		`SELECT nr, code, outlet FROM cdcpipe.error_log ORDER BY nr`:                                                                                                      "0|CDC-2003|invalid\n1|CDC-4001|invalid",
	} {
		if got := strings.Join(lines(t, dsn, sql), "\n"); got != want {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
}

// Letters are durable when Write returns, whatever the database's default.
func TestLettersAreDurable(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := openLetters(t, dsn)
	exec(t, dsn, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`,
		`CREATE TABLE commits (s text)`,
		`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO commits VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END'`,
		`CREATE TRIGGER note BEFORE INSERT ON cdcpipe.dlq_archive FOR EACH ROW EXECUTE FUNCTION note()`)
	l.Close(t.Context())
	l = openLetters(t, dsn)
	if err := l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{rejected(pipeline.DeadLetter, 1, nil, errors.New("x"))}); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, dsn, "SELECT s FROM commits"); len(got) != 1 || got[0] != "on" {
		t.Errorf("written with synchronous_commit %v", got)
	}
}
