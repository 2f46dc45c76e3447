package stages

import (
	"context"
	"slices"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// maxAsked bounds the rows of one read.
const maxAsked = 100

// A question is one read, and the records of a batch that ask it: for rows of one
// partition, for what a deletion has left of a partition or a range, or for nothing
// but static values.
type question struct {
	table *cdc.Table // as it was asked for
	plan  hydratePlan
	key   []cdc.Value // partition key
	rows  []askedRow  // none if it is about the change at of
	of    int

	at       int64 // the place of the answer
	readings []cdc.Reading
	err      error // why there is none
}

// An askedRow is a row that changes of a batch are about.
type askedRow struct {
	clustering []cdc.Value
	changes    []int // positions in the batch
}

// questions passes on what needs no answer, and returns what has to be asked of
// the rest, in an order in which later ones are about later changes of a row.
func (h *Hydrate) questions(in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) []*question {
	type place struct {
		table *cdc.Table
		key   string
		after int // deletions of the partition, or of ranges of it
	}
	var all []*question
	open := map[place]*question{} // by partition, the one that takes rows
	rows := map[place]*question{} // by row
	indices := map[place]int{}    // of the row in its question
	after := map[place]int{}
	var scratch []byte
	for i := range in {
		c := in[i].Value
		p := h.plan(c.Table)
		row := c.Row() || c.Op == cdc.DeletePartition && !c.Table.Clustered()
		if p.facts == nil && !(p.deletes && c.Op == cdc.DeleteRow) {
			out.Emit(i, c)
			continue
		}
		scratch = c.AppendPartitionKey(scratch[:0])
		part := place{table: c.Table, key: string(scratch)}
		if !row {
			after[part]++
			all = append(all, &question{table: c.Table, plan: p, key: c.Key[:c.Table.Partition], of: i})
			continue
		}
		part.after = after[part]
		scratch = c.AppendKey(scratch[:0])
		at := place{c.Table, string(scratch), part.after}
		if q, known := rows[at]; known {
			r := &q.rows[indices[at]]
			r.changes = append(r.changes, i)
			continue
		}
		q := open[part]
		if q == nil || len(q.rows) == maxAsked {
			q = &question{table: c.Table, plan: p, key: c.Key[:c.Table.Partition], of: -1}
			open[part], all = q, append(all, q)
		}
		rows[at], indices[at] = q, len(q.rows)
		q.rows = append(q.rows, askedRow{clustering: c.Key[c.Table.Partition:], changes: []int{i}})
	}
	return all
}

// ask reads. Only an error about the world is returned.
func (q *question) ask(ctx context.Context, h *Hydrate, in []pipeline.Record[*cdc.Change]) error {
	err := q.read(ctx, h, in)
	if fault.Is(err, fault.CassandraDiffers) {
		var now *cdc.Table
		if now, err = h.current(ctx, q.table, err); err == nil {
			q.table, q.plan = now, h.plan(now)
			err = q.read(ctx, h, in)
		}
	}
	if about(err) {
		q.err = err
		return nil
	}
	return err
}

// current returns a newer definition of t, after that turned out not to be
// Cassandra's, or else why as an error.
func (h *Hydrate) current(ctx context.Context, t *cdc.Table, why error) (*cdc.Table, error) {
	now, err := h.tables.Refresh(ctx, t.Keyspace, t.Name, t)
	switch {
	case err != nil:
		return nil, err
	case now == nil || now == t || now.Equal(t):
		return nil, why
	}
	if d := Compare(t, now); len(d.Key) > 0 {
		return nil, d.Err(now)
	}
	return now, nil
}

func (q *question) read(ctx context.Context, h *Hydrate, in []pipeline.Record[*cdc.Change]) (err error) {
	q.readings = nil
	if q.of < 0 {
		clustering := make([][]cdc.Value, len(q.rows))
		for i := range q.rows {
			clustering[i] = q.rows[i].clustering
		}
		q.readings, err = h.reader.ReadRows(ctx, q.table, q.key, clustering)
		return err
	}
	c := in[q.of].Value
	if !deletes(c) {
		q.readings, err = h.reader.ReadRows(ctx, q.table, q.key, nil)
		return err
	}
	prefix := slices.Concat(q.key, c.Bounds.Prefix)
	return h.reader.ReadPrefix(ctx, q.table, prefix, func(r cdc.Reading) error {
		if c.Op == cdc.DeleteRange && (len(r.Key) < q.table.Key || !c.Bounds.Covers(q.table.AppendClustering(nil, r.Key[q.table.Partition:]))) {
			return nil
		}
		if len(q.readings) == h.cfg.MaxRows {
			return fault.New(fault.ReadTooLarge, "table %s: a deletion has left more than %d rows", q.table, h.cfg.MaxRows)
		}
		q.readings = append(q.readings, r)
		return nil
	})
}

// deletes reports whether c is about more than a row and its partition's static values.
func deletes(c *cdc.Change) bool { return c.Op == cdc.DeletePartition || c.Op == cdc.DeleteRange }

// answer sends on what was read.
func (q *question) answer(in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) {
	switch {
	case q.err != nil && q.of >= 0:
		out.Divert(q.of, pipeline.Invalid, q.err)
	case q.err != nil:
		for _, r := range q.rows {
			for _, i := range r.changes {
				out.Divert(i, pipeline.Invalid, q.err)
			}
		}
	case q.of >= 0 && !deletes(in[q.of].Value):
		s := &cdc.Change{Table: q.plan.facts, Op: cdc.Update, Key: q.key, Time: in[q.of].Value.Time, Marker: cdc.Unwritten(),
			Deleted: cdc.NoTime, Cells: q.statics(), Event: in[q.of].Value.Event}
		out.EmitKeyed(q.of, s.Hash(), s)
	case q.of >= 0:
		c := in[q.of].Value
		d := q.deletion(c)
		out.EmitKeyed(q.of, d.Hash(), d)
		for i := range q.readings {
			f := q.fact(&q.readings[i], []*cdc.Change{c})
			out.EmitKeyed(q.of, f.Hash(), f)
		}
	default:
		q.answerRows(in, out)
	}
}

func (q *question) answerRows(in []pipeline.Record[*cdc.Change], out *pipeline.Outbox[*cdc.Change]) {
	there := make(map[string]*cdc.Reading, len(q.readings))
	var key []byte
	statics := q.statics()
	for i := range q.readings {
		if r := &q.readings[i]; len(r.Key) == q.table.Key {
			key = q.table.AppendClustering(key[:0], r.Key[q.table.Partition:])
			there[string(key)] = r
		}
	}
	changes := make([]*cdc.Change, 0, 4)
	for _, row := range q.rows {
		changes = changes[:0]
		for _, i := range row.changes {
			changes = append(changes, in[i].Value)
		}
		key = q.table.AppendClustering(key[:0], row.clustering)
		r := there[string(key)]
		switch {
		case q.plan.facts == nil:
			for n, i := range row.changes {
				out.Emit(i, lowered(q.table, r, changes[n]))
			}
		case r == nil:
			out.Merge(q.gone(changes, statics), row.changes...)
		default:
			out.Merge(q.fact(r, changes), row.changes...)
		}
	}
}
