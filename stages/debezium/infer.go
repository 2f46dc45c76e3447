package debezium

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Names that Kafka Connect and Debezium give to logical types.
const (
	logicalDate     = "io.debezium.time.Date"
	logicalTime     = "io.debezium.time.Timestamp"
	logicalDuration = "io.debezium.time.NanoDuration"
	logicalUUID     = "io.debezium.data.Uuid"
	logicalVariable = "io.debezium.data.VariableScaleDecimal"
	logicalDecimal  = "org.apache.kafka.connect.data.Decimal"
)

const (
	maxShapeDepth = cdc.MaxTypeDepth
	maxColumns    = 4096 // of an inferred table
	maxInferred   = 4096 // tables
)

// typeOf returns the CQL type that a schema stands for, as the package's
// documentation has it.
func (s *shape) typeOf(depth int, frozen bool) (*cdc.Type, error) {
	if s == nil || depth > maxShapeDepth {
		return nil, fmt.Errorf("schema that is incomplete, or deeper than %d levels", maxShapeDepth)
	}
	switch s.Name {
	case logicalDate:
		return cdc.ScalarType(cdc.Date), nil
	case logicalTime:
		return cdc.ScalarType(cdc.Timestamp), nil
	case logicalDuration:
		return cdc.ScalarType(cdc.Duration), nil
	case logicalUUID:
		return cdc.ScalarType(cdc.UUID), nil
	case logicalVariable:
		return cdc.ScalarType(cdc.Decimal), nil
	case logicalDecimal:
		return cdc.ScalarType(cdc.Varint), nil
	}
	switch s.Type {
	case "int8":
		return cdc.ScalarType(cdc.Tinyint), nil
	case "int16":
		return cdc.ScalarType(cdc.Smallint), nil
	case "int32":
		return cdc.ScalarType(cdc.Int), nil
	case "int64":
		return cdc.ScalarType(cdc.Bigint), nil
	case "float":
		return cdc.ScalarType(cdc.Float), nil
	case "double":
		return cdc.ScalarType(cdc.Double), nil
	case "boolean":
		return cdc.ScalarType(cdc.Boolean), nil
	case "string":
		return cdc.ScalarType(cdc.Text), nil
	case "bytes":
		return cdc.ScalarType(cdc.Blob), nil
	case "array":
		e, err := s.Items.typeOf(depth+1, true)
		if err != nil {
			return nil, err
		}
		return cdc.ListOf(e, frozen), nil
	case "map":
		k, err := s.Keys.typeOf(depth+1, true)
		if err != nil {
			return nil, err
		}
		v, err := s.Values.typeOf(depth+1, true)
		if err != nil {
			return nil, err
		}
		return cdc.MapOf(k, v, frozen), nil
	case "struct":
		return s.structType(depth)
	}
	return nil, fmt.Errorf("schema of type %.64q", s.Type)
}

func (s *shape) structType(depth int) (*cdc.Type, error) {
	var types []*cdc.Type
	var names []string
	tuple := true
	for i, f := range s.Fields {
		t, err := f.typeOf(depth+1, true)
		if err != nil {
			return nil, err
		}
		types, names = append(types, t), append(names, f.Field)
		tuple = tuple && f.Field == fmt.Sprintf("field%d", i+1)
	}
	if len(types) == 0 {
		return nil, errors.New("schema of a struct without fields")
	}
	if tuple && strings.HasSuffix(s.Name, "Tuple") {
		return cdc.TupleOf(types...), nil
	}
	return cdc.UDTOf(s.Name[strings.LastIndexByte(s.Name, '.')+1:], names, types, true), nil
}

// infer returns the definition of w's table that its event's schema gives,
// joined with the one inferred before.
func (w *work) infer(ctx context.Context) (*cdc.Table, error) {
	var cols []cdc.Column
	have := func(name string) bool {
		return slices.ContainsFunc(cols, func(c cdc.Column) bool { return c.Name == name })
	}
	if w.table != nil {
		cols = slices.Clone(w.table.Columns)
	} else {
		keys, err := w.keyNames(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			i := slices.IndexFunc(w.wire.columns, func(c *shape) bool { return c.Field == k })
			if i < 0 || have(k) {
				return nil, fault.New(fault.UnknownTable, "%s.%s: the record's key has %.64q, which its value's schema lacks",
					cdc.QuoteIdent(string(w.keyspace)), cdc.QuoteIdent(string(w.name)), k)
			}
			t, err := w.wire.columns[i].field("value").typeOf(0, true)
			if err != nil {
				return nil, fault.New(fault.UnsupportedType, "column %.64q: %w", k, err)
			}
			cols = append(cols, cdc.Column{Name: k, Type: t, Role: cdc.PartitionKey})
		}
	}
	known := len(cols)
	for _, c := range w.wire.columns {
		if have(c.Field) {
			continue
		}
		t, err := c.field("value").typeOf(0, false)
		if err != nil {
			return nil, fault.New(fault.UnsupportedType, "column %.64q: %w", c.Field, err)
		}
		cols = append(cols, cdc.Column{Name: c.Field, Type: t, Role: cdc.Regular})
	}
	if w.table != nil && len(cols) == known {
		return w.table, nil
	}
	if len(cols) > maxColumns || w.d.inferred.full() {
		return nil, fault.New(fault.UnknownTable, "more tables or columns than are taken from events")
	}
	t, err := cdc.NewTable(string(w.keyspace), string(w.name), cols)
	if err != nil {
		return nil, fault.New(fault.UnknownTable, "definition from the event's schema: %w", err)
	}
	return t, nil
}

// inferred knows which definitions came from events. They say what the columns
// are, but neither which of the key's are clustering columns nor which of the
// others are static.
type inferred struct {
	mu     sync.RWMutex
	tables map[tableName]*cdc.Table
}

type tableName struct{ keyspace, name string }

func (x *inferred) has(t *cdc.Table) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tables[tableName{t.Keyspace, t.Name}] == t
}

func (x *inferred) full() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.tables) >= maxInferred
}

func (x *inferred) add(t *cdc.Table) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.tables == nil {
		x.tables = map[tableName]*cdc.Table{}
	}
	x.tables[tableName{t.Keyspace, t.Name}] = t
}
