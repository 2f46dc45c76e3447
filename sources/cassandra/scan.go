package cassandra

import (
	"encoding/binary"
	"errors"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A scan turns the rows of one query into readings. It is not safe for concurrent
// use.
type scan struct {
	plan    *plan
	outputs []output
	now     int64 // now_in_seconds of the query: a TTL counts from it
	row     []received
	dest    []any
	checked *gocql.ColumnInfo // the first of the columns that were found to be the table's
}

func newScan(p *plan, outputs []output, now int64) *scan {
	s := &scan{plan: p, outputs: outputs, now: now, row: make([]received, len(outputs)), dest: make([]any, len(outputs))}
	for i := range s.row {
		s.dest[i] = &s.row[i]
	}
	return s
}

// next returns the next row. It reports false at the end, where iter.Close tells
// the error.
func (s *scan) next(iter *gocql.Iter) (r cdc.Reading, ok bool, err error) {
	if !iter.Scan(s.dest...) {
		return r, false, nil
	}
	// Cassandra sends other columns from the page on that follows an ALTER.
	if columns := iter.Columns(); len(columns) > 0 && &columns[0] != s.checked {
		if err := s.plan.checkColumns(s.outputs, columns); err != nil {
			return r, false, err
		}
		s.checked = &columns[0]
	}
	r, err = s.reading()
	if err != nil {
		return r, false, fault.New(fault.CassandraDiffers, "read %s: %w", s.plan.table, err)
	}
	return r, true, nil
}

// reading makes a reading of the row that was scanned. It shares nothing with it.
func (s *scan) reading() (cdc.Reading, error) {
	t := s.plan.table
	size, cells, keys := 0, 0, 0
	for i, o := range s.outputs {
		if o.part != value {
			continue
		}
		if s.plan.wrapped(o.column) {
			var err error
			if s.row[i], err = unwrap(s.row[i]); err != nil {
				return cdc.Reading{}, fmt.Errorf("column %s: %w", cdc.QuoteIdent(t.Columns[o.column].Name), err)
			}
		}
		if s.row[i] == nil {
			continue
		}
		size += len(s.row[i])
		switch {
		case o.column >= t.Key:
			cells++
		case keys < o.column:
			return cdc.Reading{}, errors.New("a key column is null")
		default:
			keys++
		}
	}
	if keys != t.Key && keys != t.Partition { // the latter of a partition without rows
		return cdc.Reading{}, errors.New("a key column is null")
	}
	buf := make([]byte, 0, size)
	r := cdc.Reading{Key: make([]cdc.Value, 0, keys)}
	if cells > 0 {
		r.Cells = make([]cdc.Cell, 0, cells)
	}
	for i, o := range s.outputs {
		if o.part != value || s.row[i] == nil {
			continue
		}
		c := &t.Columns[o.column]
		at := len(buf)
		buf = append(buf, s.row[i]...)
		v := cdc.Value(buf[at:len(buf):len(buf)])
		if err := c.Type.Check(v); err != nil {
			return r, fmt.Errorf("column %s: %w", cdc.QuoteIdent(c.Name), err)
		}
		if o.column < t.Key {
			r.Key = append(r.Key, v)
			continue
		}
		cell := cdc.Cell{Column: int32(o.column), Stamp: cdc.Unwritten(), Value: v}
		if i+2 < len(s.outputs) && s.outputs[i+1].part == writeTime {
			var err error
			if cell.Stamp, err = stamp(c.Type.Multicell(), s.row[i+1], s.row[i+2], s.now); err != nil {
				return r, fmt.Errorf("write time of column %s: %w", cdc.QuoteIdent(c.Name), err)
			}
		}
		r.Cells = append(r.Cells, cell)
	}
	return r, nil
}

// unwrap returns the one element of a list.
func unwrap(list received) (received, error) {
	if len(list) < 8 || binary.BigEndian.Uint32(list) != 1 {
		return nil, errors.New("not a list of one tuple")
	}
	switch n := int32(binary.BigEndian.Uint32(list[4:])); {
	case n == -1:
		return nil, nil
	case int(n) != len(list)-8:
		return nil, errors.New("malformed list")
	}
	return list[8:], nil
}

// stamp makes a stamp of WRITETIME and TTL, which are lists, of an entry for each
// element or field, if the column is stored as several cells.
func stamp(multicell bool, time, ttl received, now int64) (cdc.Stamp, error) {
	s := cdc.Unwritten()
	if !multicell {
		err := join(&s, true, time, ttl, now)
		return s, err
	}
	times, ok1 := elements(time)
	ttls, ok2 := elements(ttl)
	if !ok1 || !ok2 || times.n != ttls.n {
		return s, errors.New("malformed list")
	}
	for first := true; times.n > 0; {
		time, ok1 := times.next()
		ttl, ok2 := ttls.next()
		if !ok1 || !ok2 {
			return s, errors.New("malformed list")
		}
		if time == nil {
			continue // a field that is null
		}
		if err := join(&s, first, time, ttl, now); err != nil {
			return s, err
		}
		first = false
	}
	return s, nil
}

// join takes the later of two times and of two expiries; never is the latest.
func join(s *cdc.Stamp, first bool, time, ttl received, now int64) error {
	if len(time) != 8 || len(ttl) != 4 && ttl != nil {
		return errors.New("malformed number")
	}
	s.Time = max(s.Time, int64(binary.BigEndian.Uint64(time)))
	switch {
	case ttl == nil:
		s.Class = cdc.Live
	case first:
		s.Class = now + int64(int32(binary.BigEndian.Uint32(ttl)))
	case s.Class != cdc.Live:
		s.Class = max(s.Class, now+int64(int32(binary.BigEndian.Uint32(ttl))))
	}
	return nil
}

// A list is what remains of a serialised list.
type list struct {
	n    int
	rest received
}

func elements(v received) (list, bool) {
	if len(v) < 4 {
		return list{}, v == nil
	}
	l := list{int(int32(binary.BigEndian.Uint32(v))), v[4:]}
	return l, l.n >= 0 && l.n <= len(l.rest)/4
}

func (l *list) next() (received, bool) {
	l.n--
	if len(l.rest) < 4 {
		return nil, false
	}
	n, rest := int(int32(binary.BigEndian.Uint32(l.rest))), l.rest[4:]
	l.rest = rest
	if n < 0 {
		return nil, true
	}
	if n > len(rest) {
		return nil, false
	}
	l.rest = rest[n:]
	return rest[:n:n], true
}
