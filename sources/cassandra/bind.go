package cassandra

import (
	"encoding/binary"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
)

// A bound is a parameter that is serialised already.
type bound []byte

// MarshalCQL returns b as it is.
func (b bound) MarshalCQL(gocql.TypeInfo) ([]byte, error) { return b, nil }

// A received is a value as Cassandra sent it; nil is null. It shares the driver's
// memory until the next row is scanned.
type received []byte

// UnmarshalCQL keeps data.
func (r *received) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	*r = data
	return nil
}

// bind returns the parameters of a statement that fixes the first key columns.
func (p *plan) bind(key []cdc.Value) []any {
	args := make([]any, 0, len(key)+1)
	for i, v := range key {
		if p.wrapped(i) {
			v = appendValue([]byte{0, 0, 0, 1}, v)
		}
		args = append(args, bound(v))
	}
	return args
}

// clusterings returns the parameter of IN in [plan.rows]: a list of the values of
// the one clustering column, or of tuples of those of several.
func (p *plan) clusterings(rows [][]cdc.Value) bound {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(rows)))
	for _, row := range rows {
		if len(row) == 1 {
			b = appendValue(b, row[0])
			continue
		}
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		for _, v := range row {
			b = appendValue(b, v)
		}
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b
}

func appendValue(b []byte, v cdc.Value) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// checkKey reports what is wrong with values as those of key columns from first on.
func (p *plan) checkKey(first int, values []cdc.Value) error {
	for i, v := range values {
		c := p.table.Columns[first+i]
		if v == nil {
			return fmt.Errorf("read %s: key column %s is null", p.table, cdc.QuoteIdent(c.Name))
		}
		if err := c.Type.Check(v); err != nil {
			return fmt.Errorf("read %s: key column %s: %w", p.table, cdc.QuoteIdent(c.Name), err)
		}
	}
	return nil
}
