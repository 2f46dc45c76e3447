package cassandra

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Reader reads rows as Cassandra answers them, with WRITETIME and TTL of every
// cell, over version 5 of the native protocol (Cassandra 4.0 and newer). It
// connects when it is first asked. It is safe for concurrent use; how much is read
// at once is the caller's to bound, and so is reading again after an error.
//
// Each query carries the second at which Cassandra is to see the table
// (now_in_seconds), the same for all pages: a TTL counts from it, so that the
// expiry is exact whatever the clocks say. It is the second of this machine's clock:
// where that is ahead of the cluster's, what is about to expire is missing, and what
// expires while a query runs is still among its result.
//
// A table with a vector of frozen elements other than tuples and vectors, which the
// driver cannot read, is refused with [fault.CassandraUnread].
//
// Before Cassandra 5.0 the write times of a collection or UDT that is not frozen
// cannot be had: its cell has [cdc.NoTime] and class [cdc.Live].
//
// What a method returns or yields may be retained: it shares no memory with
// the reader. A table that was altered meanwhile ends the read with
// [fault.CassandraDiffers]; columns it has beyond its definition are not read.
type Reader struct {
	link     *link
	localDC  string
	mu       sync.Mutex
	plans    map[string]*plan // by the table's name; the last definition that was read
	elements *bool            // whether every node is of 5.0 or newer, once connected
}

// rowsPerQuery bounds the rows that one query names.
const rowsPerQuery = 100

// NewReader returns a reader; nothing is dialled before it is asked.
func NewReader(cfg Config) (*Reader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Reader{link: newLink(cfg.rows), localDC: cfg.LocalDC, plans: map[string]*plan{}}, nil
}

// Close ends the connections, and with them what is being read.
func (r *Reader) Close() { r.link.close() }

// ReadRows returns the rows with these clustering values of one partition, in no
// particular order; rows that do not exist are not among them. Of a table without
// clustering columns it returns the row of the partition.
//
// Where a table has static columns each reading has the static cells too, and
// where none of the rows exists but the partition has static values, there is one
// reading with the partition key alone. That is a query of its own, and so is each
// hundred of rows: what is written meanwhile may be in one and not in another.
func (r *Reader) ReadRows(ctx context.Context, t *cdc.Table, partition []cdc.Value, clustering [][]cdc.Value) ([]cdc.Reading, error) {
	session, p, err := r.prepare(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(partition) != t.Partition {
		return nil, fmt.Errorf("read %s: %d partition key values instead of %d", t, len(partition), t.Partition)
	}
	if err := p.checkKey(0, partition); err != nil {
		return nil, err
	}
	for _, c := range clustering {
		if len(c) != t.Key-t.Partition {
			return nil, fmt.Errorf("read %s: %d clustering values instead of %d", t, len(c), t.Key-t.Partition)
		}
		if err := p.checkKey(t.Partition, c); err != nil {
			return nil, err
		}
	}
	var rows []cdc.Reading
	run := func(outputs []output, stmt string, args []any) error {
		return r.read(ctx, p, outputs, session.Query(stmt, args...).RoutingKey(cdc.AppendRoutingKey(nil, partition)), func(x cdc.Reading) error {
			rows = append(rows, x)
			return nil
		})
	}
	if !t.Clustered() {
		err := run(p.outputs, p.prefixes[0], p.bind(partition))
		return rows, err
	}
	for len(clustering) > 0 {
		n := min(len(clustering), rowsPerQuery)
		stmt, args := p.rows, p.bind(partition)
		if n == 1 {
			stmt, args = p.prefixes[len(p.prefixes)-1], p.bind(slices.Concat(partition, clustering[0]))
		} else {
			args = append(args, p.clusterings(clustering[:n]))
		}
		if err := run(p.outputs, stmt, args); err != nil {
			return nil, err
		}
		clustering = clustering[n:]
	}
	if len(rows) == 0 && p.static != "" {
		if err := run(p.statics, p.static, p.bind(partition)); err != nil {
			return nil, err
		}
		if len(rows) > 0 && len(rows[0].Cells) == 0 {
			rows = nil // a partition of other rows
		}
	}
	return rows, nil
}

// ReadPrefix calls yield for every row of a partition whose clustering begins with
// the values that key has after those of the partition key, page by page, and
// returns the error that yield returns. With the partition key alone it also yields
// the static values of a partition that has no row, under that key.
func (r *Reader) ReadPrefix(ctx context.Context, t *cdc.Table, key []cdc.Value, yield func(cdc.Reading) error) error {
	session, p, err := r.prepare(ctx, t)
	if err != nil {
		return err
	}
	if len(key) < t.Partition || len(key) > t.Key {
		return fmt.Errorf("read %s: %d key values, not from %d to %d", t, len(key), t.Partition, t.Key)
	}
	if err := p.checkKey(0, key); err != nil {
		return err
	}
	q := session.Query(p.prefixes[len(key)-t.Partition], p.bind(key)...).RoutingKey(cdc.AppendRoutingKey(nil, key[:t.Partition]))
	return r.read(ctx, p, p.outputs, q, yield)
}

// ReadTokens does as [Reader.ReadPrefix] for every row with
// from < token(partition key) <= to. Rows come by ascending token, those of a
// partition together and in clustering order.
func (r *Reader) ReadTokens(ctx context.Context, t *cdc.Table, from, to int64, yield func(cdc.Reading) error) error {
	session, p, err := r.prepare(ctx, t)
	if err != nil {
		return err
	}
	if from >= to {
		return fmt.Errorf("read %s: no tokens are above %d and up to %d", t, from, to)
	}
	q := session.Query(p.tokens, bound(cdc.AppendInt64(nil, from)), bound(cdc.AppendInt64(nil, to)))
	return r.read(ctx, p, p.outputs, q, yield)
}

// read runs a query. It yields what is read of a page before asking for the page
// after the next.
func (r *Reader) read(ctx context.Context, p *plan, outputs []output, q *gocql.Query, yield func(cdc.Reading) error) error {
	within, cancel := context.WithCancel(ctx) // a page that is on its way is not waited for
	defer cancel()
	now := time.Now().Unix()
	iter := q.SetKeyspace(p.table.Keyspace).WithNowInSeconds(int(now)).Prefetch(1).IterContext(within)
	s := newScan(p, outputs, now)
	for {
		x, ok, err := s.next(iter)
		if err == nil && ok {
			if err = ctx.Err(); err != nil {
				err = fmt.Errorf("read %s: %w", p.table, err)
			} else {
				err = yield(x)
			}
		}
		if err != nil {
			_ = iter.Close() // tells only what ended the iteration, and nothing did
			return err
		}
		if !ok {
			return r.classify(ctx, p.table, iter.Close())
		}
	}
}

// prepare connects and returns how to read t.
func (r *Reader) prepare(ctx context.Context, t *cdc.Table) (*gocql.Session, *plan, error) {
	if t.Counter() {
		return nil, nil, fault.New(fault.TableRefused, "read %s: it is a counter table", t)
	}
	for _, c := range t.Columns {
		if !parsable(c.Type) {
			return nil, nil, fault.New(fault.CassandraUnread, "read %s: column %s: the driver cannot read %s", t, cdc.QuoteIdent(c.Name), c.Type)
		}
	}
	session, err := r.link.connect(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", t, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.elements == nil {
		all := true
		for _, h := range session.GetHosts() {
			all = all && !h.Version().Before(5, 0, 0)
		}
		r.elements = &all
	}
	p := r.plans[t.String()]
	if p == nil || !p.table.Equal(t) {
		p = newPlan(t, *r.elements)
		r.plans[t.String()] = p
	}
	return session, p, nil
}
