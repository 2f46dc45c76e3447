package postgres

import (
	"fmt"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// params are the array parameters of one statement, filled row by row and used
// again for the next batch.
type params struct {
	arrays []array
	values [][]byte
	rows   int
	next   int // the array that set gives to next
}

// reset prepares for the parameters of s.
func (p *params) reset(s *statement) {
	for len(p.arrays) < len(s.types) {
		p.arrays = append(p.arrays, array{})
	}
	p.arrays = p.arrays[:len(s.types)]
	for i := range p.arrays {
		p.arrays[i].reset(s.types[i].oid)
	}
	p.rows = 0
}

// bind returns the values of all parameters.
func (p *params) bind() [][]byte {
	p.values = p.values[:0]
	for i := range p.arrays {
		p.values = append(p.values, p.arrays[i].param(p.rows))
	}
	return p.values
}

// abandon takes back what was given to the row at hand.
func (p *params) abandon() {
	for i := range p.arrays {
		p.arrays[i].drop(p.rows)
	}
}

func (p *params) skip() *array {
	p.next++
	return &p.arrays[p.next-1]
}

func (p *params) time(n int64) {
	if a := p.skip(); n != cdc.NoTime {
		a.setInt64(p.rows, n)
	}
}

func (p *params) key(cols []column, values []cdc.Value) error {
	for i := range cols {
		c := &cols[i]
		if len(values[i]) == 0 && !holdsEmpty(c.to, c.Type) {
			return fault.New(fault.NoTargetValue, "key column %q: the empty value of %s, for which PostgreSQL has none", c.Name, c.Type)
		}
		if err := p.skip().setValue(p.rows, c.to, c.Type, values[i]); err != nil {
			return fmt.Errorf("key column %q: %w", c.Name, err)
		}
		if c.raw {
			p.skip().setBytes(p.rows, values[i])
		}
	}
	return nil
}

// class gives the class of a cell unless its value implies it.
func (p *params) class(x int64, implied bool) {
	if a := p.skip(); !implied {
		a.setInt64(p.rows, x)
	}
}

// cells gives the cells of the columns, which come in the same order.
func (p *params) cells(cols []column, from int32, cells []cdc.Cell) error {
	for i := range cols {
		c := &cols[i]
		width := 3
		if c.raw {
			width++
		}
		if c.origin {
			width++
		}
		if len(cells) == 0 || cells[0].Column != from+int32(i) {
			p.next += width
			continue
		}
		cell := &cells[0]
		cells = cells[1:]
		// A column may hold NULL for the empty value, which is no tombstone.
		null := cell.Value == nil || len(cell.Value) == 0 && !holdsEmpty(c.to, c.Type)
		if err := p.skip().setValue(p.rows, c.to, c.Type, cell.Value); err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
		p.time(cell.Time)
		p.class(cell.Class, null && cell.Class == cdc.Tombstone || !null && cell.Class == cdc.Live)
		if c.raw {
			if a := p.skip(); cell.Value != nil {
				a.setBytes(p.rows, cell.Value)
			}
		}
		if c.origin {
			if a := p.skip(); cell.Origin != 0 {
				a.setInt64(p.rows, cell.Origin)
			}
		}
	}
	return nil
}

// addRow gives the parameters of [layout.mergeRows] for r.
func (p *params) addRow(l *layout, r *row) error {
	p.next = 0
	t := l.table
	if err := p.key(l.columns[:t.Key], r.first.Key); err != nil {
		return err
	}
	if t.Clustered() {
		p.skip().setBytes(p.rows, r.first.Clustering)
	}
	p.time(r.Marker.Time)
	p.class(r.Marker.Class, !r.Marker.Written() || r.Marker.Class == cdc.Live)
	p.time(r.Deleted)
	if err := p.cells(l.regular(), int32(t.Key+t.Statics), r.Cells); err != nil {
		return err
	}
	p.rows++
	return nil
}

// addPart gives the parameters of [layout.mergeParts] for q.
func (p *params) addPart(l *layout, q *part) error {
	p.next = 0
	if err := p.key(l.partition(), q.first.Key); err != nil {
		return err
	}
	p.time(q.Deleted)
	if err := p.cells(l.statics(), int32(l.table.Key), q.Statics); err != nil {
		return err
	}
	p.rows++
	return nil
}

// openHigh stands for an open upper bound: no clustering starts with it.
var openHigh = []byte{0xff}

// addRange gives the parameters of [layout.mergeRanges] for q's range.
func (p *params) addRange(l *layout, q *part) error {
	p.next = 0
	if err := p.key(l.partition(), q.first.Key); err != nil {
		return err
	}
	r := &q.Ranges[0]
	high := r.High
	if len(high) == 0 {
		high = openHigh
	}
	p.skip().setBytes(p.rows, r.Low)
	p.skip().setBytes(p.rows, high)
	p.time(r.Deleted)
	p.rows++
	return nil
}

// rowKey gives the parameters that identify r, as [layout.rowKey] names them.
func (p *params) rowKey(l *layout, r *row) error {
	p.next = 0
	opaque := false
	for i := range l.clustering() {
		opaque = opaque || l.clustering()[i].to.opaqueKey
	}
	for i := range l.table.Key {
		c := &l.columns[i]
		switch {
		case c.raw:
			p.skip().setBytes(p.rows, r.first.Key[i])
		case c.Role == cdc.Clustering && opaque:
		default:
			if err := p.skip().setValue(p.rows, c.to, c.Type, r.first.Key[i]); err != nil {
				return err
			}
		}
	}
	if opaque {
		p.skip().setBytes(p.rows, r.first.Clustering)
	}
	p.rows++
	return nil
}
