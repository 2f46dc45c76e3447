package generator

import "cdcpipe/pipeline/cdc"

// A role says where the statement of an event comes from.
type role uint8

const (
	fresh     role = iota // of its own
	tie                   // it meets the statement of a fresh event
	duplicate             // it is the statement of an earlier event
	malformed             // it never happened
)

// role throws the dice of event i and returns its role. A tie or duplicate that
// finds no event it can refer to is fresh after all.
func (g *Generator) role(i uint64) (dice, role) {
	d := throw(g.cfg.Seed, i)
	if g.cfg.Tiny {
		if d.hit(g.cfg.Malformed) {
			return d, malformed
		}
		return d, fresh
	}
	switch f := d.fraction(); {
	case f < g.cfg.Malformed:
		return d, malformed
	case f < g.cfg.Malformed+g.cfg.Duplicates:
		return d, duplicate
	case f < g.cfg.Malformed+g.cfg.Duplicates+g.cfg.Ties:
		return d, tie
	}
	return d, fresh
}

// plan sets s to the statement of event i, and returns the dice that are left.
// It never refers back more than twice, so its cost is bounded.
func (g *Generator) plan(i uint64, s *statement) (dice, role) {
	d, r := g.role(i)
	if (r == tie || r == duplicate) && i > 0 {
		j := i - d.distance(i)
		switch _, of := g.role(j); {
		case r == duplicate && (of == fresh || of == tie):
			g.plan(j, s)
			return d, duplicate
		case r == tie && of == fresh:
			g.plan(j, s)
			s.time += [...]int64{0, 0, 0, -1, 1}[d.n(5)]
			g.change(&d, s, 0.6)
			return d, tie
		}
	}
	if r == malformed { // harm to an ordinary insert
		g.place(&d, s, g.tables[0])
		s.time, s.expiry, s.op = g.nominal(i), 0, cdc.Insert
		g.cells(&d, s, 1)
		return d, malformed
	}
	g.place(&d, s, g.pick(&d))
	s.time = g.nominal(i)
	switch {
	case g.cfg.Tiny:
		s.time = 1 + int64(d.n(5))
		s.partition += uint32(i/tinyEvents) * s.table.partitions
	case d.hit(g.cfg.Late):
		s.time = g.nominal(uint64(d.n(int(i) + 1)))
	}
	g.change(&d, s, 0.3)
	return d, fresh
}

// tinyEvents is after how many events a tiny generator turns to new partitions:
// among more, everything would end up deleted.
const tinyEvents = 100

// nominal is the write time that event i has if it is not late.
func (g *Generator) nominal(i uint64) int64 {
	return g.cfg.StartTime + int64(i)*g.cfg.Interval.Microseconds()
}

// pick chooses a table by its share.
func (g *Generator) pick(d *dice) *table {
	at := uint32(d.n(100))
	for _, t := range g.tables {
		if at < t.share {
			return t
		}
		at -= t.share
	}
	return g.tables[0]
}

// place chooses a row of t. One in eight belongs to the first partitions, which
// are hot.
func (g *Generator) place(d *dice, s *statement, t *table) {
	n := int(t.partitions)
	if d.n(8) == 0 {
		n = max(1, n/64)
	}
	s.table, s.partition, s.row = t, uint32(d.n(n)), uint32(d.n(int(t.rows)))
}

// change chooses what s does to its row, or to rows around it. Updates write a
// column with probability density.
func (g *Generator) change(d *dice, s *statement, density float64) {
	s.expiry, s.cells, s.from.prefix, s.to.prefix = 0, s.cells[:0], s.from.prefix[:0], s.to.prefix[:0]
	if d.hit(g.cfg.Deletes) {
		s.op = cdc.DeleteRow
		if len(s.table.clustering) > 0 {
			switch k := d.n(100); {
			case k < 2 || k < 20 && g.cfg.Tiny:
				s.op = cdc.DeletePartition
			case k < 20 || k < 60 && g.cfg.Tiny:
				s.op = cdc.DeleteRange
				g.bounds(d, s)
			}
		}
		return
	}
	s.op = cdc.Insert
	if len(s.table.regular) > 0 && d.n(100) < 45 {
		s.op = cdc.Update
	}
	if s.op == cdc.Insert {
		density = 0.8
	}
	g.cells(d, s, density)
	if d.hit(g.cfg.TTL) {
		s.expiry = g.expiries[d.n(len(g.expiries))]
	}
	for _, c := range s.cells {
		if !c.null {
			return
		}
	}
	s.expiry = 0 // an event says when it expires by its cells alone
}

// cells chooses what an insert or update writes.
func (g *Generator) cells(d *dice, s *statement, density float64) {
	s.cells = s.cells[:0]
	columns := len(s.table.regular)
	if columns == 0 {
		return
	}
	always := d.n(columns) // an update writes something
	nulls := 12            // in 256
	if s.op == cdc.Update {
		nulls = 32
		if d.n(16) == 0 {
			nulls = 256 // the row vanishes if nothing else keeps it
		}
	}
	for c := range columns {
		if !d.hit(density) && (c != always || s.op == cdc.Insert) {
			continue
		}
		u := d.Uint64()
		s.cells = append(s.cells, cell{uint8(c), int(u%256) < nulls, uint16(u >> 32 % uint64(len(s.table.regular[c].pool)))})
	}
}

// bounds chooses a range of rows in or near which s.row lies: the rows that share
// its first clustering value, a part of them, or rows around it. It is never
// empty, since Cassandra drops what is, nor the whole partition.
func (g *Generator) bounds(d *dice, s *statement) {
	s.reversed = d.n(2) == 0
	s.from.prefix, s.to.prefix = s.table.places(s.from.prefix, s.row), s.table.places(s.to.prefix, s.row)
	s.from.inclusive, s.to.inclusive = true, true
	varied := d.n(len(s.table.clustering)) // the column that is not fixed by an equality
	s.from.prefix, s.to.prefix = s.from.prefix[:varied+1], s.to.prefix[:varied+1]
	if varied == 0 && len(s.table.clustering) > 1 && d.n(2) == 0 {
		return
	}
	low, high := &s.from.prefix[varied], &s.to.prefix[varied]
	*low -= min(*low, uint16(d.n(3)))
	*high = min(*high+uint16(d.n(3)), uint16(len(s.table.clustering[varied].pool)-1))
	if *low < *high {
		s.from.inclusive, s.to.inclusive = d.n(2) == 0, d.n(2) == 0
	}
	switch d.n(4) { // one end is open
	case 0:
		s.from.prefix, s.from.inclusive = s.from.prefix[:varied], true
	case 1:
		s.to.prefix, s.to.inclusive = s.to.prefix[:varied], true
	}
}
