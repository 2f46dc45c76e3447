package stages_test

import (
	"log/slog"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
)

var quiet = slog.New(slog.DiscardHandler)

// result is what a stage made of a run of changes.
type result struct {
	out     []*cdc.Change
	rejects []pipeline.Reject
	dropped map[string]int64
}

// run passes changes through a stage, in one batch each n.
func run(t testing.TB, st pipeline.Stage[*cdc.Change, *cdc.Change], n int, cs ...*cdc.Change) result {
	t.Helper()
	var log pipelinetest.Log[*cdc.Change]
	for _, c := range cs {
		log.Append("t/0", c.Hash(), c)
	}
	var out pipelinetest.Collector[*cdc.Change]
	var rejects pipelinetest.Collector[pipeline.Reject]
	p := pipeline.New("test", pipeline.Config{Logger: quiet})
	f := pipeline.Then(pipeline.From(p, "log", log.Reader(n, false)), "stage", st)
	pipeline.To(f, "out", &out)
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		pipeline.Bind(p, o, &rejects)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := result{dropped: map[string]int64{}}
	for _, rec := range out.All() {
		r.out = append(r.out, rec.Value)
	}
	for _, rec := range rejects.All() {
		r.rejects = append(r.rejects, rec.Value)
	}
	for _, s := range p.Stats().Steps {
		for why, n := range s.Dropped {
			r.dropped[why] += n
		}
	}
	return r
}

// table parses one CREATE TABLE.
func table(t testing.TB, cql string) *cdc.Table {
	t.Helper()
	s, err := cdc.ParseCQL(cql)
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()[0]
}

// change makes a change of a table whose first column is an int key; values
// are by column, nil for a tombstone.
func change(t testing.TB, tbl *cdc.Table, op cdc.Op, id int32, values map[string]cdc.Value) *cdc.Change {
	t.Helper()
	c := &cdc.Change{Table: tbl, Op: op, Time: 1000, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, id)}}
	if op == cdc.Insert {
		c.Marker = cdc.Stamp{Time: c.Time}
	}
	for i, col := range tbl.Columns {
		v, ok := values[col.Name]
		switch {
		case ok && i < tbl.Key:
			c.Key = append(c.Key, v)
		case ok && v == nil:
			c.Cells = append(c.Cells, cdc.Cell{Column: int32(i), Stamp: cdc.Stamp{Time: c.Time, Class: cdc.Tombstone}})
		case ok:
			c.Cells = append(c.Cells, cdc.Cell{Column: int32(i), Stamp: cdc.Stamp{Time: c.Time}, Value: v})
		}
	}
	if tbl.Clustered() && len(c.Key) == tbl.Key {
		c.Clustering = tbl.AppendClustering(nil, c.Key[tbl.Partition:])
	}
	return c
}

func text(s string) cdc.Value { return cdc.Value(s) }
func num(n int32) cdc.Value   { return cdc.AppendInt32(nil, n) }

// show writes a change's cells as column=text.
func show(c *cdc.Change) string {
	s := c.Table.Name
	for i, v := range c.Key {
		s += " " + c.Table.Columns[i].Name + "=" + string(c.Table.Columns[i].Type.AppendText(nil, v))
	}
	for _, x := range c.Cells {
		col := c.Table.Columns[x.Column]
		if x.Value == nil {
			s += " " + col.Name + "=∅"
			continue
		}
		s += " " + col.Name + "=" + string(col.Type.AppendText(nil, x.Value))
	}
	return s
}
