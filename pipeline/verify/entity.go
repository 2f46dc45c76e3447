package verify

import (
	"hash/maphash"

	"cdcpipe/pipeline/cdc"
)

// An entity is a row, or the static columns of a partition, as the replica should
// have it.
type entity struct {
	read   cdc.Reading // of Cassandra, the cells that belong to it alone
	static bool
	change *cdc.Change // as the replica is given it
	cells  []cdc.Cell  // of change, what is visible
}

// entities returns what a reading tells of: a row, static columns or both.
func (c *check) entities(r cdc.Reading) (es [2]*entity, err error) {
	regular := c.from.Key + c.from.Statics
	n := 0
	for n < len(r.Cells) && int(r.Cells[n].Column) < regular {
		n++
	}
	if n > 0 {
		if es[0], err = c.entity(cdc.Reading{Key: r.Key[:c.from.Partition], Cells: r.Cells[:n]}, true); err != nil {
			return es, err
		}
	}
	if len(r.Key) == c.from.Key {
		es[1], err = c.entity(cdc.Reading{Key: r.Key, Cells: r.Cells[n:]}, false)
	}
	return es, err
}

// entity returns nil for what the replica does without.
func (c *check) entity(r cdc.Reading, static bool) (*entity, error) {
	change, err := c.cfg.Map(r.Change(c.from, 0))
	if err != nil || change == nil {
		return nil, err
	}
	e := &entity{read: r, static: static, change: change}
	cells := change.RowCells()
	if static {
		cells = change.StaticCells()
	}
	for _, x := range cells {
		if x.Value != nil {
			e.cells = append(e.cells, x)
		}
	}
	for i := range c.from.Partition {
		if change.Key[i].Compare(r.Key[i]) != 0 {
			return nil, errKeyMapped
		}
	}
	if static && len(e.cells) == 0 {
		return nil, nil
	}
	return e, nil
}

// appendID appends what identifies a row or the static columns of a partition.
func appendID(b []byte, t *cdc.Table, key []cdc.Value, clustering []byte, static bool) []byte {
	b = (&cdc.Change{Table: t, Key: key}).AppendPartitionKey(b)
	if static {
		return append(b, 's')
	}
	return append(append(b, 'r'), clustering...)
}

func (e *entity) appendID(b []byte) []byte {
	return appendID(b, e.change.Table, e.change.Key, e.change.Clustering, e.static)
}

// written returns Cassandra's write time of a cell, as far as it is known: that of
// a table of facts, or of a cell of claims that was repaired, is its origin.
func written(t *cdc.Table, x *cdc.Cell) int64 {
	if t.Facts || x.Origin != 0 {
		return x.Origin
	}
	if x.Time == cdc.NoTime {
		return 0
	}
	return x.Time
}

// same reports whether two values of a type are one to who reads them: Cassandra
// takes any byte but zero for true.
func same(t *cdc.Type, a, b cdc.Value) bool {
	if t.Kind == cdc.Boolean && len(a) == 1 && len(b) == 1 {
		return (a[0] != 0) == (b[0] != 0)
	}
	return a.Compare(b) == 0
}

// A digester makes digests, which are comparable within a process.
type digester struct {
	table   *cdc.Table
	hash    maphash.Hash
	scratch []byte
}

func (c *check) digester(seed maphash.Seed) *digester {
	d := &digester{table: c.to}
	d.hash.SetSeed(seed)
	return d
}

// sum returns the digest of what is called id and has cells.
func (d *digester) sum(id []byte, cells []cdc.Cell, broken []int32) uint64 {
	d.hash.Reset()
	d.hash.Write(id)
	b := d.scratch[:0]
	for i := range cells {
		x := &cells[i]
		b = cdc.AppendInt32(b, x.Column)
		b = cdc.AppendInt64(b, written(d.table, x))
		b = cdc.AppendInt64(b, x.Class)
		v := x.Value
		if d.table.Columns[x.Column].Type.Kind == cdc.Boolean && len(v) == 1 && v[0] != 0 {
			v = cdc.Value{1}
		}
		b = append(cdc.AppendInt32(b, int32(len(v))), v...)
	}
	for _, i := range broken {
		b = append(cdc.AppendInt32(b, i), "broken"...)
	}
	d.scratch = b
	d.hash.Write(b)
	return d.hash.Sum64()
}

// bucket returns the bucket of a partition, of a power of two of them.
func (d *digester) bucket(partition []cdc.Value) int {
	d.scratch = cdc.AppendRoutingKey(d.scratch[:0], partition)
	return bucketOf(cdc.Token(d.scratch))
}
