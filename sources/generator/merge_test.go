package generator

import "cdcpipe/pipeline/cdc"

// A merge is the state that package cdc keeps of a table.
type merge struct {
	table      *table
	rows       map[uint64]*cdc.Row
	partitions map[uint32]*cdc.Partition
}

func newMerge(t *table) *merge {
	return &merge{t, map[uint64]*cdc.Row{}, map[uint32]*cdc.Partition{}}
}

func (m *merge) apply(s *statement) {
	c := &cdc.Change{Table: m.table.def, Op: s.op, Time: s.time, Marker: cdc.Unwritten(), Deleted: cdc.NoTime}
	p := m.partitions[s.partition]
	if p == nil {
		n := cdc.NewPartition()
		p = &n
		m.partitions[s.partition] = p
	}
	switch s.op {
	case cdc.DeleteRange:
		c.Deleted = s.time
		c.Bounds = cdc.Bounds{
			Low:  m.table.def.AppendBound(nil, m.values(s.from.prefix), !s.from.inclusive),
			High: m.table.def.AppendBound(nil, m.values(s.to.prefix), s.to.inclusive),
		}
		p.Merge(c)
		return
	case cdc.DeletePartition:
		c.Deleted = s.time
		p.Merge(c)
		return
	case cdc.DeleteRow:
		c.Deleted = s.time
	case cdc.Insert:
		c.Marker = cdc.Stamp{Time: s.time, Class: s.expiry}
	}
	for _, w := range s.cells {
		cell := cdc.Cell{Column: int32(m.table.def.Key) + int32(w.column), Stamp: cdc.Stamp{Time: s.time, Class: cdc.Tombstone}}
		if !w.null {
			cell.Class, cell.Value = s.expiry, cdc.Value(m.table.regular[w.column].pool[w.value].raw)
		}
		c.Cells = append(c.Cells, cell)
	}
	key := uint64(s.partition)<<32 | uint64(s.row)
	if m.rows[key] == nil {
		r := cdc.NewRow()
		m.rows[key] = &r
	}
	m.rows[key].Merge(c)
}

func (m *merge) values(places []uint16) (vs []cdc.Value) {
	for i, at := range places {
		vs = append(vs, cdc.Value(m.table.clustering[i].pool[at].raw))
	}
	return vs
}

// show returns the regular columns of what shows at a second.
func (m *merge) show(second int64) map[uint64]Row {
	out := map[uint64]Row{}
	for key, r := range m.rows {
		var clustering []byte
		if m.table.def.Clustered() {
			clustering = m.table.def.AppendClustering(nil, m.values(m.table.places(nil, uint32(key))))
		}
		covering := m.partitions[uint32(key>>32)].Covering(clustering)
		if !r.Live(covering, second) {
			continue
		}
		row := Row{}
		for _, c := range r.Cells {
			if !c.Visible(max(covering, r.Deleted), second) {
				continue
			}
			column := &m.table.regular[int(c.Column)-m.table.def.Key]
			for _, l := range column.pool {
				if l.raw == string(c.Value) {
					row[m.table.def.Columns[c.Column].Name] = l.text
					break
				}
			}
		}
		out[key] = row
	}
	return out
}
