package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// pipelined sends the statements of a transaction without waiting for each
// (libpq's pipeline mode), and reads their results in order.
type pipelined struct {
	pg         *pgconn.PgConn
	pipe       *pgconn.Pipeline
	unprepared bool
	pending    []func(*pgconn.ResultReader) // one per statement, nil if its rows are of no use
}

func (s *Sink) pipelined(ctx context.Context, pg *pgconn.PgConn) *pipelined {
	return &pipelined{pg: pg, pipe: pg.StartPipeline(ctx), unprepared: s.cfg.Unprepared}
}

// exec sends a statement without parameters.
func (p *pipelined) exec(sql string) {
	p.pipe.SendQueryParams(sql, nil, nil, nil, nil)
	p.pending = append(p.pending, nil)
}

// ask sends a query whose answer is one boolean.
func (p *pipelined) ask(sql string, answer *bool) {
	p.pipe.SendQueryParams(sql, nil, nil, nil, binary1)
	p.pending = append(p.pending, func(r *pgconn.ResultReader) {
		for r.NextRow() {
			v := r.Values()[0]
			*answer = len(v) == 1 && v[0] != 0
		}
	})
}

// binary1 is the format of all parameters, and of all columns.
var binary1 = []int16{1}

// run sends a statement with its parameters, unless there are none. What it
// returns, in binary form, is given to rows.
func (p *pipelined) run(s *statement, args *params, rows func(*pgconn.ResultReader)) {
	if args.rows == 0 {
		return
	}
	if p.unprepared {
		p.pipe.SendQueryParams(s.sql, args.bind(), s.oids(), binary1, binary1)
	} else {
		p.pipe.SendQueryPrepared(s.name, args.bind(), binary1, binary1)
	}
	p.pending = append(p.pending, rows)
}

// flush sends what was queued and reads all results so far.
func (p *pipelined) flush() error {
	p.pipe.SendFlushRequest()
	if err := p.pipe.Flush(); err != nil {
		return err
	}
	return p.read()
}

// sync is flush at the end of the transaction.
func (p *pipelined) sync() error {
	if err := p.pipe.Sync(); err != nil {
		return err
	}
	if err := p.read(); err != nil {
		return err
	}
	_, err := p.pipe.GetResults() // that the server is in sync
	return err
}

func (p *pipelined) read() error {
	for _, rows := range p.pending {
		r, err := p.pipe.GetResults()
		if err != nil {
			return err
		}
		reader, ok := r.(*pgconn.ResultReader)
		if !ok {
			return fmt.Errorf("a result is missing: %T", r)
		}
		if rows != nil {
			rows(reader)
		}
		if _, err := reader.Close(); err != nil {
			return err
		}
	}
	p.pending = p.pending[:0]
	return nil
}

// close leaves pipeline mode. After an error it lets the server skip the rest. A
// connection that is gone is closed by a goroutine of the driver's own, and must
// not be written to any more.
func (p *pipelined) close(failed bool) {
	if failed && !p.pg.IsClosed() {
		_ = p.pipe.Sync() // a connection that is gone says so at its next use
	}
	_ = p.pipe.Close()
}

// prepare prepares statements that the connection does not know yet.
func prepare(ctx context.Context, pg *pgconn.PgConn, statements ...*statement) error {
	const slot = "cdcpipe.statements"
	known, ok := pg.CustomData()[slot].(map[string]bool)
	if !ok {
		known = map[string]bool{}
		pg.CustomData()[slot] = known
	}
	for _, s := range statements {
		if s.sql == "" || known[s.sql] {
			continue
		}
		if _, err := pg.Prepare(ctx, s.name, s.sql, s.oids()); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		known[s.sql] = true
	}
	return nil
}
