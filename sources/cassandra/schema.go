package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Schema reads table definitions from system_schema. It connects when it is
// first asked, and again after it could not.
type Schema struct{ link *link }

var _ cdc.Loader = (*Schema)(nil)

// NewSchema returns a loader of definitions; nothing is dialled before it is asked.
func NewSchema(cfg Config) (*Schema, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Schema{link: newLink(cfg.cluster)}, nil
}

// Close ends the connection.
func (s *Schema) Close() { s.link.close() }

// LoadTable returns the definition of a table, or nil if there is none.
func (s *Schema) LoadTable(ctx context.Context, keyspace, name string) (*cdc.Table, error) {
	session, err := s.link.connect(ctx)
	if err != nil {
		return nil, err
	}
	columns, err := readColumns(session.Query("SELECT table_name, column_name, kind, position, clustering_order, type FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?",
		keyspace, name).IterContext(ctx))
	if err != nil || len(columns) == 0 {
		return nil, unreachable(err)
	}
	types, err := s.types(ctx, session, keyspace)
	if err != nil {
		return nil, unreachable(err)
	}
	return define(keyspace, name, columns, types)
}

// Tables returns the definitions of all tables of a keyspace that have cdc set,
// and why some of those cannot be had.
func (s *Schema) Tables(ctx context.Context, keyspace string) (tables []*cdc.Table, refused []error, err error) {
	session, err := s.link.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	iter := session.Query("SELECT table_name, cdc FROM system_schema.tables WHERE keyspace_name = ?", keyspace).IterContext(ctx)
	var name string
	var captured *bool
	var names []string
	for iter.Scan(&name, &captured) {
		if captured != nil && *captured {
			names = append(names, name)
		}
	}
	if err := iter.Close(); err != nil {
		return nil, nil, unreachable(err)
	}
	for _, n := range names {
		t, err := s.LoadTable(ctx, keyspace, n)
		switch {
		case fault.Is(err, fault.BadDefinition):
			refused = append(refused, err)
		case err != nil:
			return nil, nil, err
		case t != nil:
			tables = append(tables, t)
		}
	}
	return tables, refused, nil
}

func unreachable(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.SchemaUnreached, fmt.Errorf("read system_schema: %w", err))
}

// A columnRow is a row of system_schema.columns.
type columnRow struct {
	table, name, kind, order, typ string
	position                      int
}

func readColumns(iter *gocql.Iter) (rows []columnRow, err error) {
	var r columnRow
	for iter.Scan(&r.table, &r.name, &r.kind, &r.position, &r.order, &r.typ) {
		rows = append(rows, r)
	}
	return rows, iter.Close()
}

// A typeRow is a row of system_schema.types.
type typeRow struct {
	fields, types []string
}

func (s *Schema) types(ctx context.Context, session *gocql.Session, keyspace string) (map[string]typeRow, error) {
	iter := session.Query("SELECT type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = ?", keyspace).IterContext(ctx)
	types := map[string]typeRow{}
	var name string
	var r typeRow
	for iter.Scan(&name, &r.fields, &r.types) {
		types[name] = r
		r = typeRow{}
	}
	return types, iter.Close()
}

// define makes a table of what system_schema says.
func define(keyspace, name string, rows []columnRow, types map[string]typeRow) (*cdc.Table, error) {
	slices.SortStableFunc(rows, func(a, b columnRow) int { return cmp.Compare(a.position, b.position) })
	var columns []cdc.Column
	var errs []error
	for _, r := range rows {
		c := cdc.Column{Name: r.name, Desc: r.order == "desc"}
		switch r.kind {
		case cdc.PartitionKey.String():
			c.Role = cdc.PartitionKey
		case cdc.Clustering.String():
			c.Role = cdc.Clustering
		case cdc.Static.String():
			c.Role = cdc.Static
		default:
			c.Role = cdc.Regular
		}
		var err error
		if c.Type, err = cdc.ParseType(r.typ, lookup(types, 0)); err != nil {
			errs = append(errs, fmt.Errorf("column %s: %w", cdc.QuoteIdent(r.name), err))
			continue
		}
		columns = append(columns, c)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fault.New(fault.BadDefinition, "table %s.%s: %w", cdc.QuoteIdent(keyspace), cdc.QuoteIdent(name), err)
	}
	t, err := cdc.NewTable(keyspace, name, columns)
	return t, fault.Wrap(fault.BadDefinition, err)
}

// lookup finds UDTs, whose fields may be UDTs in turn.
func lookup(types map[string]typeRow, depth int) cdc.TypeLookup {
	return func(name string) (*cdc.Type, error) {
		r, ok := types[name]
		if !ok || depth > cdc.MaxTypeDepth {
			return nil, fmt.Errorf("unknown type %s", cdc.QuoteIdent(name))
		}
		t := cdc.UDTOf(name, r.fields, nil, false)
		for _, f := range r.types {
			e, err := cdc.ParseType(f, lookup(types, depth+1))
			if err != nil {
				return nil, err
			}
			t.Elems = append(t.Elems, e)
		}
		return t, nil
	}
}
