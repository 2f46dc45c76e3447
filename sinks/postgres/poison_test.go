package postgres_test

import (
	"math/bits"
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sinks/postgres"
)

// Of a large batch one record is refused: it alone leaves, is found by halves, and
// has a letter; all others are merged.
func TestPoison(t *testing.T) {
	t.Parallel()
	const n, poison = 5000, 3217
	dsn := database(t)
	tbl := table(t, `CREATE TABLE k.t (id int PRIMARY KEY, b int)`)
	sink, err := postgres.New(postgres.Config{DSN: dsn}, "test", []*cdc.Table{tbl}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	open(t, postgres.Config{DSN: dsn}, tbl)
	exec(t, dsn, "ALTER TABLE k__cdc.t__base ADD CHECK (b <> 7)")
	letters, err := postgres.NewLetters(postgres.LettersConfig{DSN: dsn}, "test", quiet)
	if err != nil {
		t.Fatal(err)
	}
	var log pipelinetest.Log[*cdc.Change]
	for i := range int32(n) {
		b := int32(1)
		if i == poison {
			b = 7
		}
		c := &cdc.Change{Table: tbl, Op: cdc.Insert, Time: 10, Marker: cdc.Stamp{Time: 10}, Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, i)},
			Cells: []cdc.Cell{{Column: 1, Stamp: cdc.Stamp{Time: 10}, Value: cdc.AppendInt32(nil, b)}}}
		log.Append("t/0", c.Hash(), c)
	}
	p := pipeline.New("test", pipeline.Config{Logger: quiet, Offsets: sink})
	pipeline.To(pipeline.From(p, "log", log.Reader(n, false)), "postgres", sink)
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		pipeline.Bind(p, o, letters)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, dsn, "SELECT count(*), count(*) FILTER (WHERE id = 3217) FROM k.t"); got[0] != "4999|0" {
		t.Errorf("got %s rows", got[0])
	}
	got := strings.Join(lines(t, dsn, `SELECT code, failures->0->>'code', record->'key'->>'id', record->'columns'->>'b', status FROM cdcpipe.validation_errors`), " ")
	if want := string(fault.ConstraintBroke) + "|" + string(fault.ConstraintBroke) + "|3217|7|open"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, s := range p.Stats().Steps {
		if most := int64(2*bits.Len(n) + 1); s.Kind == pipeline.SinkKind && (s.Attempts < 2 || s.Attempts > most || s.Diverted[pipeline.Invalid] != 1) {
			t.Errorf("%d attempts, at most %d are needed; diverted %v", s.Attempts, most, s.Diverted)
		}
	}
}
