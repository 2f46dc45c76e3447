package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A buffer is what one Write needs, kept for the next.
type buffer struct {
	scratch             []byte
	prints              []fingerprint
	known               []bool
	rows, parts, ranges params
}

// Write merges recs in one transaction. It is idempotent: a change that was
// merged before changes nothing. Changes that PostgreSQL cannot hold are
// reported one by one; all others are durable when it returns.
func (s *Sink) Write(ctx context.Context, recs []pipeline.Record[*cdc.Change]) error {
	buf := s.buffers.Get().(*buffer)
	defer s.buffers.Put(buf)
	out := outcome{}
	groups, err := s.group(ctx, recs, buf, &out)
	if err != nil {
		return err
	}
	if len(groups) > 0 {
		if err := s.write(ctx, groups, recs, buf, &out); err != nil {
			// What the server lost, if it lost anything, must be merged again.
			s.recent.forget()
			return err
		}
		s.recent.remember(buf.prints, out.failures)
	}
	return out.err()
}

func (s *Sink) write(ctx context.Context, groups []*group, recs []pipeline.Record[*cdc.Change], buf *buffer, out *outcome) (err error) {
	ctx, end := span(ctx, s.pool, func() (names []string) {
		for _, g := range groups {
			names = append(names, g.layout.table.String())
		}
		return names
	}, len(recs))
	defer func() { end(err) }()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return judge(fmt.Errorf("connect: %w", err))
	}
	defer conn.Release()
	trace.SpanFromContext(ctx).AddEvent("connection acquired")
	pg := conn.Conn().PgConn()
	for _, g := range groups {
		g.sort()
	}
	err = s.merge(ctx, pg, groups, recs, buf, out)
	if err == nil {
		return nil
	}
	if undefined(err) {
		s.replica.forget()
	}
	if !pg.IsClosed() && pg.TxStatus() != 'I' {
		_, rollback := pg.Exec(ctx, "ROLLBACK").ReadAll()
		err = errors.Join(err, rollback)
	}
	return judge(err)
}

// group sorts changes by table, in the order of the tables' names, and merges
// them by key. It leaves out copies of what was merged lately, and reports
// changes of a table that cannot be kept.
func (s *Sink) group(ctx context.Context, recs []pipeline.Record[*cdc.Change], buf *buffer, out *outcome) ([]*group, error) {
	buf.prints, buf.known = buf.prints[:0], append(buf.known[:0], make([]bool, len(recs))...)
	for i := range recs {
		var f fingerprint
		f, buf.scratch = s.recent.of(recs[i].Value, buf.scratch)
		buf.prints = append(buf.prints, f)
	}
	s.recent.known(buf.prints, buf.known)
	var groups []*group
	byTable := map[*cdc.Table]*group{}
	for i := range recs {
		if buf.known[i] {
			continue
		}
		c := recs[i].Value
		g, ok := byTable[c.Table]
		if !ok {
			l, err := s.replica.layout(ctx, c.Table)
			switch {
			case err == nil:
				// Two definitions of one table share its rows, so they share a group's turn
				// but not its statements.
				g = newGroup(l, min(len(recs), 1024))
				groups = append(groups, g)
			case !tableFault(err):
				return nil, err
			}
			if err != nil {
				out.fail(int32(i), err)
				continue
			}
			byTable[c.Table] = g
		}
		buf.scratch = g.add(int32(i), c, buf.scratch)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return strings.Compare(a.layout.base.sql(), b.layout.base.sql()) })
	return groups, nil
}

// begin and durable start a transaction whatever the role's defaults are, that
// sees what others have committed while it waited for a lock, and that the server
// does not lose once it has answered.
const (
	begin   = "BEGIN ISOLATION LEVEL READ COMMITTED"
	durable = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)

// merge runs the transaction.
//
// Locks are taken before any row is touched, in the order of the tables' names,
// and rows in the order of their keys: transactions that meet wait for one
// another, never in a circle.
func (s *Sink) merge(ctx context.Context, pg *pgconn.PgConn, groups []*group, recs []pipeline.Record[*cdc.Change], buf *buffer, out *outcome) (err error) {
	if !s.cfg.Unprepared {
		for _, g := range groups {
			if err := prepare(ctx, pg, g.layout.statements()...); err != nil {
				return err
			}
		}
	}
	p := s.pipelined(ctx, pg)
	defer func() { p.close(err != nil) }()
	p.exec(begin)
	p.exec(durable)
	under := make([]bool, len(groups))
	locked := false
	for i, g := range groups {
		switch {
		case !g.layout.table.Clustered():
		case g.deletes():
			under[i] = true
			p.exec(g.layout.lockAll)
		default:
			locked = true
			p.exec(g.layout.lock)
			p.ask(g.layout.state, &under[i])
		}
	}
	if locked { // which statement is right is only known under the lock
		if err := p.flush(); err != nil {
			return err
		}
	}
	audits := make([]*audit, len(groups))
	for i, g := range groups {
		if !s.cfg.NoAudit {
			audits[i] = newAudit(g, recs, out)
		}
		sendParts(p, g, buf, out)
		if err := sendRows(p, g, under[i], audits[i], recs, buf, out); err != nil {
			return err
		}
	}
	p.exec("COMMIT")
	if err := p.sync(); err != nil {
		return err
	}
	if s.cfg.NoAudit {
		return nil
	}
	for _, a := range audits {
		keys, err := a.rest()
		if err != nil {
			return err
		}
		p.run(&a.group.layout.stamps, keys, a.after)
	}
	if len(p.pending) == 0 {
		return nil
	}
	return p.sync()
}

// sendParts sends what g says of partitions and ranges.
func sendParts(p *pipelined, g *group, buf *buffer, out *outcome) {
	l := g.layout
	if len(g.parts) > 0 {
		buf.parts.reset(&l.parts)
		for i := range g.parts {
			if err := buf.parts.addPart(l, &g.parts[i]); err != nil {
				buf.parts.abandon()
				out.failAll(g.parts[i].changes, err)
			}
		}
		p.run(&l.parts, &buf.parts, nil)
	}
	if len(g.ranges) > 0 {
		buf.ranges.reset(&l.spans)
		for i := range g.ranges {
			if err := buf.ranges.addRange(l, &g.ranges[i]); err != nil {
				buf.ranges.abandon()
				out.failAll(g.ranges[i].changes, err)
			}
		}
		p.run(&l.spans, &buf.ranges, nil)
	}
}

// sendRows sends what g says of rows.
func sendRows(p *pipelined, g *group, under bool, a *audit, recs []pipeline.Record[*cdc.Change], buf *buffer, out *outcome) error {
	l := g.layout
	stmt := &l.rows
	if under {
		stmt = &l.rowsUnder
	}
	buf.rows.reset(stmt)
	for i := range g.rows {
		r := &g.rows[i]
		if err := buf.rows.addRow(l, r); err == nil {
			continue
		}
		buf.rows.abandon()
		if !r.sieve(l, recs, &buf.rows, out) {
			continue
		}
		if err := buf.rows.addRow(l, r); err != nil {
			return fault.New(fault.BrokenInvariant, "table %s: a row of sound changes is not sound: %w", l.table, err)
		}
	}
	if a == nil {
		p.run(stmt, &buf.rows, nil)
		return nil
	}
	keys, err := a.several()
	if err != nil {
		return err
	}
	p.run(&l.stamps, keys, a.before)
	p.run(stmt, &buf.rows, a.after)
	return nil
}
