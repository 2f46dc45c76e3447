package cassandra

import (
	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// checkColumns reports whether the columns of a result are those of the plan, by
// their types: Cassandra re-prepares a statement by itself when a table, or the
// definition of a UDT, has changed.
func (p *plan) checkColumns(outputs []output, columns []gocql.ColumnInfo) error {
	if len(columns) != len(outputs) {
		return fault.New(fault.CassandraDiffers, "read %s: %d columns instead of %d", p.table, len(columns), len(outputs))
	}
	for i, o := range outputs {
		c := p.table.Columns[o.column]
		got := columns[i].TypeInfo
		if o.part != value {
			continue
		}
		if p.wrapped(o.column) {
			l, ok := got.(gocql.CollectionType)
			if !ok {
				return fault.New(fault.CassandraDiffers, "read %s: column %s is not %s", p.table, cdc.QuoteIdent(c.Name), c.Type)
			}
			got = l.Elem
		}
		if !same(got, c.Type) {
			return fault.New(fault.CassandraDiffers, "read %s: column %s is not %s", p.table, cdc.QuoteIdent(c.Name), c.Type)
		}
	}
	return nil
}

// same reports whether the type of a result is t. A result does not tell whether a
// type is frozen.
func same(got gocql.TypeInfo, t *cdc.Type) bool {
	switch g := got.(type) {
	case gocql.CollectionType:
		switch t.Kind {
		case cdc.List:
			return g.Type() == gocql.TypeList && same(g.Elem, t.Elems[0])
		case cdc.Set:
			return g.Type() == gocql.TypeSet && same(g.Elem, t.Elems[0])
		case cdc.Map:
			return g.Type() == gocql.TypeMap && same(g.Key, t.Elems[0]) && same(g.Elem, t.Elems[1])
		}
		return false
	case gocql.TupleTypeInfo:
		if t.Kind != cdc.Tuple || len(g.Elems) != len(t.Elems) {
			return false
		}
		for i, e := range g.Elems {
			if !same(e, t.Elems[i]) {
				return false
			}
		}
		return true
	case gocql.UDTTypeInfo:
		if t.Kind != cdc.UDT || g.Name != t.Name || len(g.Elements) != len(t.Elems) {
			return false
		}
		for i, f := range g.Elements {
			if f.Name != t.Fields[i] || !same(f.Type, t.Elems[i]) {
				return false
			}
		}
		return true
	case gocql.VectorType:
		return t.Kind == cdc.Vector && g.Dimensions == t.Dim && same(g.SubType, t.Elems[0])
	default:
		return t.Kind.Scalar() && got.Type() == scalar(t.Kind)
	}
}

// scalar returns the driver's id of a type, which is the native protocol's.
func scalar(k cdc.Kind) gocql.Type {
	return [...]gocql.Type{
		cdc.Ascii: gocql.TypeAscii, cdc.Bigint: gocql.TypeBigInt, cdc.Blob: gocql.TypeBlob, cdc.Boolean: gocql.TypeBoolean,
		cdc.Counter: gocql.TypeCounter, cdc.Date: gocql.TypeDate, cdc.Decimal: gocql.TypeDecimal, cdc.Double: gocql.TypeDouble,
		cdc.Duration: gocql.TypeDuration, cdc.Float: gocql.TypeFloat, cdc.Inet: gocql.TypeInet, cdc.Int: gocql.TypeInt,
		cdc.Smallint: gocql.TypeSmallInt, cdc.Text: gocql.TypeVarchar, cdc.Time: gocql.TypeTime, cdc.Timestamp: gocql.TypeTimestamp,
		cdc.Timeuuid: gocql.TypeTimeUUID, cdc.Tinyint: gocql.TypeTinyInt, cdc.UUID: gocql.TypeUUID, cdc.Varint: gocql.TypeVarint,
	}[k]
}

// parsable reports whether the driver can parse the type of a result that has t:
// of a vector whose elements are frozen it cannot (db/marshal/FrozenType).
func parsable(t *cdc.Type) bool {
	for _, e := range t.Elems {
		if t.Kind == cdc.Vector && e.Frozen && e.Kind != cdc.Tuple && e.Kind != cdc.Vector || !parsable(e) {
			return false
		}
	}
	return true
}
