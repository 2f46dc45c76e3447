package stages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A plan is an entry applied to one definition of a table.
type plan struct {
	err     error
	entry   *entry
	out     *cdc.Table
	columns []columnPlan // parallel to the columns of the table
	hashKey bool         // a key column is hashed
}

// A columnPlan says what becomes of a column.
type columnPlan struct {
	to      int32     // its position, -1 if it is dropped
	mask    cdc.Value // what stands for its values
	hash    bool
	derived []derivedColumn // from it
}

type derivedColumn struct {
	to   int32
	typ  *cdc.Type
	expr *expression
}

func newPlan(e *entry, t *cdc.Table) *plan {
	p := &plan{entry: e, columns: make([]columnPlan, len(t.Columns))}
	if err := p.build(t); err != nil {
		p.err = fault.New(fault.TransformUnfit, "table %s: %w", t, err)
	}
	return p
}

// build makes the table of the replica, then finds where its columns stand.
func (p *plan) build(t *cdc.Table) error {
	e := p.entry
	errs := []error{p.mention(t), p.filters(t)}
	var columns []cdc.Column
	for i, c := range t.Columns {
		if slices.Contains(e.Drop, c.Name) {
			if c.Role <= cdc.Clustering {
				errs = append(errs, fmt.Errorf("key column %q cannot be dropped", c.Name))
			}
			continue
		}
		errs = append(errs, p.mask(&c, &p.columns[i]), p.hash(&c, &p.columns[i]))
		if to, ok := e.Rename[c.Name]; ok {
			c.Name = to
		}
		columns = append(columns, c)
	}
	basis := make([]int, len(e.derived))
	for i, d := range e.derived {
		var err error
		if basis[i], err = p.basis(t, d); err != nil {
			errs = append(errs, err)
			continue
		}
		columns = append(columns, cdc.Column{Name: d.name, Type: d.typ, Role: t.Columns[basis[i]].Role})
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	keyspace, name := t.Keyspace, t.Name
	if r := e.Route; r != nil {
		keyspace, name = either(r.Keyspace, keyspace), either(r.Table, name)
	}
	out, err := cdc.NewTable(keyspace, name, columns)
	if err != nil {
		return err
	}
	if t.Facts {
		out = out.OfFacts()
	}
	p.out = out
	for i, c := range t.Columns {
		p.columns[i].to = -1
		if !slices.Contains(e.Drop, c.Name) {
			to, _ := out.Column(either(e.Rename[c.Name], c.Name))
			p.columns[i].to = int32(to)
		}
	}
	for i, d := range e.derived {
		to, _ := out.Column(d.name)
		from := &p.columns[basis[i]]
		from.derived = append(from.derived, derivedColumn{int32(to), d.typ, d.expr})
	}
	return nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// mention reports columns that the entry names and the table lacks.
func (p *plan) mention(t *cdc.Table) error {
	var errs []error
	look := func(what, name string) {
		if _, ok := t.Column(name); !ok {
			errs = append(errs, fmt.Errorf("%s names %q, which is no column", what, name))
		}
	}
	for n := range p.entry.Mask {
		look("mask", n)
	}
	for n := range p.entry.Rename {
		look("rename", n)
	}
	for _, n := range p.entry.Drop {
		look("drop", n)
	}
	if h := p.entry.Hash; h != nil {
		for _, n := range h.Columns {
			look("hash", n)
		}
	}
	return errors.Join(errs...)
}

// filters checks that rows can be told apart by the filter.
func (p *plan) filters(t *cdc.Table) error {
	f := p.entry.filter
	if f == nil {
		return nil
	}
	if err := f.fits(t); err != nil {
		return err
	}
	for _, c := range f.columns {
		if i, _ := t.Column(c); i >= t.Key && p.entry.Filter.Partial == "" {
			return fmt.Errorf("filter names %q, which is not of the key, and a change may lack it: say in filter.partial what happens then", c)
		}
	}
	return nil
}

func (p *plan) mask(c *cdc.Column, cp *columnPlan) error {
	m, ok := p.entry.Mask[c.Name]
	if !ok {
		return nil
	}
	if c.Role <= cdc.Clustering {
		return fmt.Errorf("key column %q cannot be masked: rows would become one", c.Name)
	}
	v, err := appendGo(nil, c.Type, m)
	if err != nil {
		return fmt.Errorf("mask of %q: %w", c.Name, err)
	}
	cp.mask = v
	return nil
}

func (p *plan) hash(c *cdc.Column, cp *columnPlan) error {
	if p.entry.Hash == nil || !slices.Contains(p.entry.Hash.Columns, c.Name) {
		return nil
	}
	switch {
	case c.Role == cdc.Clustering:
		return fmt.Errorf("clustering column %q cannot be hashed: ranges would lose their order", c.Name)
	case c.Type.Kind != cdc.Text && c.Type.Kind != cdc.Ascii && c.Type.Kind != cdc.Blob:
		return fmt.Errorf("column %q is a %s: only text and blob can be hashed", c.Name, c.Type)
	case cp.mask != nil:
		return fmt.Errorf("column %q is both masked and hashed", c.Name)
	}
	cp.hash = true
	p.hashKey = p.hashKey || c.Role == cdc.PartitionKey
	return nil
}

// basis returns the one column outside the key that a derived column rests on.
func (p *plan) basis(t *cdc.Table, d derivation) (int, error) {
	if err := d.expr.fits(t); err != nil {
		return 0, err
	}
	basis := -1
	for _, c := range d.expr.columns {
		i, _ := t.Column(c)
		switch {
		case i < t.Key:
		case basis >= 0:
			return 0, fmt.Errorf("derived column %q rests on %q and %q: a change may carry one without the other; use a view or a generated column in PostgreSQL",
				d.name, t.Columns[basis].Name, c)
		default:
			basis = i
		}
	}
	if basis < 0 {
		return 0, fmt.Errorf("derived column %q rests on no column outside the key, so nothing says when it was written", d.name)
	}
	return basis, nil
}

// keeps reports whether c passes the filter. A deletion that the filter cannot
// judge passes: it hides rows that are not there.
func (p *plan) keeps(c *cdc.Change, env environment) (bool, error) {
	if p.entry.filter == nil && len(p.entry.derived) == 0 {
		return true, nil
	}
	env.fill(c)
	switch {
	case p.entry.filter == nil:
		return true, nil
	case env.carries(p.entry.filter):
		return env.test(p.entry.filter)
	case c.Op > cdc.Update:
		return true, nil
	default:
		return p.entry.Filter.Partial != "drop", nil
	}
}

// apply returns c as the replica has it. env holds its columns if any are derived.
func (p *plan) apply(c *cdc.Change, env environment, s *transformSlab) (*cdc.Change, error) {
	s.changes = append(s.changes, *c)
	n := &s.changes[len(s.changes)-1]
	n.Table = p.out
	if p.hashKey {
		n.Key = slices.Clone(c.Key)
		for i := range p.out.Partition {
			if p.columns[i].hash {
				n.Key[i] = p.hashed(c.Table.Columns[i].Type, c.Key[i], s)
			}
		}
	}
	from := len(s.cells)
	for _, x := range c.Cells {
		cp, column := &p.columns[x.Column], &c.Table.Columns[x.Column]
		for _, d := range cp.derived {
			y, err := d.cell(x, env, s)
			if err != nil {
				return nil, fmt.Errorf("derived column %q: %w", p.out.Columns[d.to].Name, err)
			}
			s.cells = append(s.cells, y)
		}
		if cp.to < 0 {
			continue
		}
		x.Column = cp.to
		if x.Value != nil && cp.mask != nil {
			x.Value = cp.mask
		} else if x.Value != nil && cp.hash {
			x.Value = p.hashed(column.Type, x.Value, s)
		}
		s.cells = append(s.cells, x)
	}
	n.Cells = s.cells[from:len(s.cells):len(s.cells)]
	slices.SortFunc(n.Cells, func(a, b cdc.Cell) int { return int(a.Column - b.Column) })
	return n, nil
}

// cell derives a cell from x, whose stamp it has: it is written, expires and is
// deleted with it.
func (d *derivedColumn) cell(x cdc.Cell, env environment, s *transformSlab) (cdc.Cell, error) {
	y := cdc.Cell{Column: d.to, Stamp: x.Stamp, Origin: x.Origin}
	if x.Value == nil {
		return y, nil
	}
	v, err := env.run(d.expr)
	if err != nil {
		return y, err
	}
	if v == nil {
		y.Class = cdc.Tombstone
		return y, nil
	}
	from := len(s.bytes)
	if s.bytes, err = appendGo(s.bytes, d.typ, v); err != nil {
		return y, err
	}
	y.Value = cdc.Value(s.bytes[from:len(s.bytes):len(s.bytes)])
	if y.Value == nil {
		y.Value = cdc.Value{}
	}
	return y, d.typ.Check(y.Value)
}

func (p *plan) hashed(t *cdc.Type, v cdc.Value, s *transformSlab) cdc.Value {
	h := hmac.New(sha256.New, []byte(p.entry.Hash.Key))
	h.Write(v)
	sum := h.Sum(nil)
	from := len(s.bytes)
	if t.Kind == cdc.Blob {
		s.bytes = append(s.bytes, sum...)
	} else {
		s.bytes = hex.AppendEncode(s.bytes, sum)
	}
	return cdc.Value(s.bytes[from:len(s.bytes):len(s.bytes)])
}
