package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cdcpipe/pipeline/cdc"
)

// A heldQuery reads what the base table or the part table holds.
type heldQuery struct {
	layout  *layout
	static  bool // of the part table
	origins map[string]bool
	columns []string
}

// query returns how to read rows, or the static columns of partitions. Of a table of
// claims there may be origins too, which repairs have left.
func (s *Sink) query(ctx context.Context, l *layout, static bool) (*heldQuery, error) {
	q := &heldQuery{layout: l, static: static, origins: map[string]bool{}}
	var kept []string
	if err := s.pool.QueryRow(ctx, "SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped", q.table()).Scan(&kept); err != nil {
		return nil, judge(fmt.Errorf("look at the columns of %s: %w", q.table(), err))
	}
	for _, c := range q.keys() {
		q.columns = append(q.columns, quote(c.Name))
		if c.raw {
			q.columns = append(q.columns, quote(suffixed(c.Name, rawSuffix)))
		}
	}
	if !static && l.table.Clustered() {
		q.columns = append(q.columns, quote(orderSuffix))
	}
	q.columns = append(q.columns, quote(deletedSuffix))
	if !static {
		q.columns = append(q.columns, quote(timeSuffix), quote(classSuffix))
	}
	for _, c := range q.cells() {
		q.columns = append(q.columns, quote(c.Name), quote(suffixed(c.Name, timeSuffix)), quote(suffixed(c.Name, classSuffix)))
		if c.raw {
			q.columns = append(q.columns, quote(suffixed(c.Name, rawSuffix)))
		}
		if name := suffixed(c.Name, originSuffix); slices.Contains(kept, name) {
			q.origins[c.Name] = true
			q.columns = append(q.columns, quote(name))
		}
	}
	return q, nil
}

func (q *heldQuery) table() string {
	if q.static {
		return q.layout.part.sql()
	}
	return q.layout.base.sql()
}

func (q *heldQuery) keys() []column {
	if q.static {
		return q.layout.partition()
	}
	return q.layout.columns[:q.layout.table.Key]
}

func (q *heldQuery) cells() []column {
	if q.static {
		return q.layout.statics()
	}
	return q.layout.regular()
}

// read makes of a row what is visible at second now. It shares nothing with it.
func (q *heldQuery) read(v [][]byte, now int64) *cdc.Held {
	t := q.layout.table
	h := &cdc.Held{Static: q.static, Marker: cdc.Unwritten()}
	take := func() []byte {
		x := v[0]
		v = v[1:]
		return x
	}
	whole := true
	for i, c := range q.keys() {
		shown := take()
		var key cdc.Value
		var err error
		switch {
		case c.raw:
			key = append(cdc.Value{}, take()...)
			if !c.to.shows(c.Type, key, shown) {
				h.Broken = append(h.Broken, int32(i))
			}
		case !c.to.decodable(c.Type):
			whole = false
			continue
		default:
			if key, err = c.to.decode(c.Type, shown); err != nil {
				h.Broken, key = append(h.Broken, int32(i)), cdc.Value{}
			}
		}
		if whole || i < t.Partition {
			h.Key = append(h.Key, key)
		}
	}
	if !whole {
		h.Key = h.Key[:t.Partition:t.Partition]
	}
	if !q.static && t.Clustered() {
		h.Clustering = append([]byte{}, take()...)
		if whole && len(h.Broken) == 0 {
			if is := t.AppendClustering(nil, h.Key[t.Partition:]); string(is) != string(h.Clustering) {
				h.Broken, h.Clustering = append(h.Broken, int32(t.Partition)), is
			}
		}
	}
	deleted := int8Or(take(), cdc.NoTime)
	h.Newest = deleted
	if !q.static {
		marker := cdc.Stamp{Time: int8Or(take(), cdc.NoTime), Class: int8Or(take(), cdc.Live)}
		h.Newest = max(h.Newest, marker.Time)
		if marker.Written() && marker.Visible(deleted, now) {
			h.Marker, h.Exists = marker, true
		}
	}
	from := int32(t.Key)
	if !q.static {
		from += int32(t.Statics)
	}
	for i, c := range q.cells() {
		shown := take()
		x := cdc.Cell{Column: from + int32(i), Stamp: cdc.Stamp{Time: int8Or(take(), cdc.NoTime), Class: int8Or(take(), implied)}}
		var raw []byte
		if c.raw {
			raw = take()
		}
		if q.origins[c.Name] {
			x.Origin = int8Or(take(), 0)
		}
		h.Newest = max(h.Newest, x.Time)
		if x.Class == implied {
			if x.Class = cdc.Live; shown == nil {
				x.Class = cdc.Tombstone
			}
		}
		if !x.Written() || !x.Visible(deleted, now) {
			continue
		}
		q.value(h, &c, &x, shown, raw)
		h.Cells = append(h.Cells, x)
		h.Exists = true
	}
	return h
}

// value gives x its value, from its serialised bytes where they are kept.
func (q *heldQuery) value(h *cdc.Held, c *column, x *cdc.Cell, shown, raw []byte) {
	x.Value = cdc.Value{} // the empty value, which may be NULL
	switch {
	case c.raw:
		x.Value = append(x.Value, raw...)
		if raw == nil || !c.to.shows(c.Type, x.Value, shown) {
			h.Broken = append(h.Broken, x.Column)
		}
	case shown != nil:
		v, err := c.to.decode(c.Type, shown)
		if err != nil {
			h.Broken = append(h.Broken, x.Column)
			return
		}
		x.Value = v
	}
}

// Scan calls yield for every row of t that who reads the replica sees, and for the
// static columns of every partition that have values.
func (s *Sink) Scan(ctx context.Context, t *cdc.Table, yield func(*cdc.Held) error) error {
	l, err := s.replica.layout(ctx, t)
	if err != nil {
		return err
	}
	for _, static := range []bool{false, true} {
		if static && len(l.statics()) == 0 {
			continue
		}
		q, err := s.query(ctx, l, static)
		if err != nil {
			return err
		}
		sql := "SELECT " + strings.Join(q.columns, ", ") + " FROM " + q.table()
		if err := s.held(ctx, sql, nil, nil, func(v [][]byte, now int64) error {
			if h := q.read(v, now); h.Exists {
				return yield(h)
			}
			return nil
		}); err != nil {
			return fmt.Errorf("read %s: %w", q.table(), err)
		}
	}
	return nil
}

// held runs a query that may take as long as it needs, and calls f for each row of
// its result.
func (s *Sink) held(ctx context.Context, sql string, values [][]byte, oids []uint32, f func(v [][]byte, now int64) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return judge(fmt.Errorf("connect: %w", err))
	}
	defer conn.Release()
	pg := conn.Conn().PgConn()
	if _, err := pg.Exec(ctx, "BEGIN READ ONLY; SET LOCAL statement_timeout = 0").ReadAll(); err != nil {
		return judge(err)
	}
	now := time.Now().Unix()
	binaries := make([]int16, len(values))
	for i := range binaries {
		binaries[i] = 1
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	r := pg.ExecParams(within, sql, values, oids, binaries, []int16{1})
	for err == nil && r.NextRow() {
		err = f(r.Values(), now)
	}
	if err != nil {
		cancel() // what is left is not waited for, at the price of the connection
	}
	_, closing := r.Close()
	if err == nil {
		err = judge(closing)
	}
	if pg.IsClosed() {
		return err
	}
	_, rollback := pg.Exec(ctx, "ROLLBACK").ReadAll()
	return errors.Join(err, judge(rollback))
}

// Hold reads anew what the replica has of rows and of static columns, which hs name,
// and writes it over them.
func (s *Sink) Hold(ctx context.Context, t *cdc.Table, hs []*cdc.Held) error {
	l, err := s.replica.layout(ctx, t)
	if err != nil {
		return err
	}
	for _, static := range []bool{false, true} {
		var some []*cdc.Held
		for _, h := range hs {
			if h.Static == static {
				some = append(some, h)
			}
		}
		if len(some) == 0 {
			continue
		}
		q, err := s.query(ctx, l, static)
		if err == nil {
			err = s.hold(ctx, q, some)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", q.table(), err)
		}
	}
	return nil
}

func (s *Sink) hold(ctx context.Context, q *heldQuery, hs []*cdc.Held) error {
	l := q.layout
	stmt, p, err := q.named(hs)
	if err != nil {
		return err
	}
	for _, h := range hs {
		*h = cdc.Held{Key: h.Key, Clustering: h.Clustering, Static: h.Static, Marker: cdc.Unwritten(), Newest: cdc.NoTime}
	}
	at := func(b []byte) (*cdc.Held, error) {
		if i := int8Or(b, -1); i >= 0 && i < int64(len(hs)) {
			return hs[i], nil
		}
		return nil, errStored
	}
	if err := s.held(ctx, stmt.sql, p.bind(), stmt.oids(), func(v [][]byte, now int64) error {
		h, err := at(v[0])
		if err != nil {
			return err
		}
		is := q.read(v[1:], now)
		is.Key, is.Clustering, is.Newest = h.Key, h.Clustering, max(h.Newest, is.Newest)
		*h = *is
		return nil
	}); err != nil || q.static || !l.table.Clustered() {
		return err
	}
	// A row that is not there may be covered by a deletion.
	stmt, p, err = q.covering(hs)
	if err != nil {
		return err
	}
	return s.held(ctx, stmt.sql, p.bind(), stmt.oids(), func(v [][]byte, _ int64) error {
		h, err := at(v[0])
		if err == nil {
			h.Newest = max(h.Newest, int8Or(v[1], cdc.NoTime))
		}
		return err
	})
}

// named returns the statement that reads the rows or partitions hs.
func (q *heldQuery) named(hs []*cdc.Held) (statement, *params, error) {
	l := q.layout
	names := l.rowKey()
	if q.static {
		names = l.partitionKey()
	}
	var u unnested
	number := u.take(&pgInt8)
	on := make([]string, 0, len(names))
	for _, k := range names {
		on = append(on, fmt.Sprintf("t.%s = %s", k, u.take(l.keyType(k))))
	}
	stmt := newStatement(fmt.Sprintf("SELECT %s, %s FROM %s JOIN %s AS t ON %s", number, qualify(q.columns), u.sql(), q.table(), strings.Join(on, " AND ")), u.types)
	p := new(params)
	p.reset(&stmt)
	for i, h := range hs {
		if err := p.heldKey(l, int64(i), h, !q.static); err != nil {
			return stmt, nil, err
		}
	}
	return stmt, p, nil
}

// covering returns the statement that reads the times of the deletions of partitions
// and ranges that cover the rows hs.
func (q *heldQuery) covering(hs []*cdc.Held) (statement, *params, error) {
	l := q.layout
	var u unnested
	number := u.take(&pgInt8)
	var part, ranges []string
	for _, k := range l.partitionKey() {
		v := u.take(l.keyType(k))
		part = append(part, fmt.Sprintf("q.%s = %s", k, v))
		ranges = append(ranges, fmt.Sprintf("r.%s = %s", k, v))
	}
	order, del := u.take(&pgBytea), quote(deletedSuffix)
	stmt := newStatement(fmt.Sprintf("SELECT %[1]s, GREATEST((SELECT q.%[2]s FROM %[3]s AS q WHERE %[4]s), (SELECT max(r.%[2]s) FROM %[5]s AS r WHERE %[6]s AND r.lo < %[7]s AND %[7]s < r.hi)) FROM %[8]s",
		number, del, l.part.sql(), strings.Join(part, " AND "), l.ranges.sql(), strings.Join(ranges, " AND "), order, u.sql()), u.types)
	p := new(params)
	p.reset(&stmt)
	for i, h := range hs {
		if err := p.heldKey(l, int64(i), h, false); err != nil {
			return stmt, nil, err
		}
		p.rows--
		p.skip().setBytes(p.rows, h.Clustering)
		p.rows++
	}
	return stmt, p, nil
}

// heldKey gives the number of a row or partition and what identifies it.
func (p *params) heldKey(l *layout, number int64, h *cdc.Held, row bool) error {
	p.next = 0
	p.skip().setInt64(p.rows, number)
	n := l.table.Partition
	opaque := false
	for _, c := range l.clustering() {
		opaque = opaque || c.to.opaqueKey
	}
	if row && !opaque {
		n = l.table.Key
	}
	for i := range n {
		c := &l.columns[i]
		if c.raw {
			p.skip().setBytes(p.rows, h.Key[i])
		} else if err := p.skip().setValue(p.rows, c.to, c.Type, h.Key[i]); err != nil {
			return err
		}
	}
	if row && opaque {
		p.skip().setBytes(p.rows, h.Clustering)
	}
	p.rows++
	return nil
}
