package cassandra

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Listing is a table as system_schema has it, whether it can be replicated or not.
type Listing struct {
	Keyspace, Name string
	CDC            bool       // it has cdc = true
	Table          *cdc.Table // nil if it cannot be had
	Err            error      // why
	Views          []string   // the materialized views over it

	// ReadRepair says that a read which finds replicas that differ writes the merged
	// row to them (read_repair = 'BLOCKING', service/reads/repair/ReadRepairStrategy).
	ReadRepair bool
}

// String returns keyspace.name, quoted as CQL quotes.
func (l Listing) String() string { return cdc.QuoteIdent(l.Keyspace) + "." + cdc.QuoteIdent(l.Name) }

// systemKeyspaces are Cassandra's own (schema/SchemaConstants).
var systemKeyspaces = []string{"system", "system_schema", "system_auth", "system_distributed", "system_traces"}

// Survey lists the tables of every keyspace that is not Cassandra's own, by name. It
// is for whoever looks for what is amiss; it reads system_schema whole.
func (s *Schema) Survey(ctx context.Context) ([]Listing, error) {
	session, err := s.link.connect(ctx)
	if err != nil {
		return nil, err
	}
	query := func(stmt string) *gocql.Iter { return session.Query(stmt).IterContext(ctx) }
	views := map[string][]string{} // by their base
	iter := query("SELECT keyspace_name, view_name, base_table_name FROM system_schema.views")
	var keyspace, name, base string
	for iter.Scan(&keyspace, &name, &base) {
		views[keyspace+"."+base] = append(views[keyspace+"."+base], name)
	}
	if err := iter.Close(); err != nil {
		return nil, unreachable(err)
	}
	replicas := map[string]int{}
	var replication map[string]string
	iter = query("SELECT keyspace_name, replication FROM system_schema.keyspaces")
	for iter.Scan(&keyspace, &replication) {
		replicas[keyspace] = copies(replication)
	}
	if err := iter.Close(); err != nil {
		return nil, unreachable(err)
	}
	var all []Listing
	var captured *bool // of tables made before there was CDC it is null
	var strategy string
	iter = query("SELECT keyspace_name, table_name, cdc, read_repair FROM system_schema.tables")
	for iter.Scan(&keyspace, &name, &captured, &strategy) {
		if !slices.Contains(systemKeyspaces, keyspace) {
			all = append(all, Listing{
				Keyspace: keyspace, Name: name, CDC: captured != nil && *captured, Views: views[keyspace+"."+name],
				ReadRepair: strategy == "BLOCKING" && replicas[keyspace] > 1,
			})
		}
	}
	if err := iter.Close(); err != nil {
		return nil, unreachable(err)
	}
	for i := range all {
		l := &all[i]
		if l.Table, l.Err = s.LoadTable(ctx, l.Keyspace, l.Name); l.Err != nil && !fault.Is(l.Err, fault.BadDefinition) {
			return nil, l.Err
		}
	}
	all = slices.DeleteFunc(all, func(l Listing) bool { return l.Table == nil && l.Err == nil }) // dropped meanwhile
	slices.SortFunc(all, func(a, b Listing) int { return strings.Compare(a.Keyspace+"\x00"+a.Name, b.Keyspace+"\x00"+b.Name) })
	return all, nil
}

// copies returns how many replicas a row has in all data centres, by the options of
// its keyspace: "3", or "3/1" if one of them is transient.
func copies(replication map[string]string) (n int) {
	for name, v := range replication {
		if name == "class" {
			continue
		}
		full, _, _ := strings.Cut(v, "/")
		if c, err := strconv.Atoi(full); err == nil {
			n += c
		}
	}
	return n
}

// CDCEnabled reports whether the node that answers has cdc_enabled set.
func (s *Schema) CDCEnabled(ctx context.Context) (bool, error) {
	session, err := s.link.connect(ctx)
	if err != nil {
		return false, err
	}
	var value string
	err = session.Query("SELECT value FROM system_views.settings WHERE name = 'cdc_enabled'").ScanContext(ctx, &value)
	return value == "true", unreachable(err)
}

// A Sample is what some rows of a table say of all of it.
type Sample struct {
	Rows   int   // that were looked at
	Newest int64 // the greatest write time among them up to the limit given, 0 if none is known
	Newer  bool  // there are write times after it
}

// Sample looks at up to n rows of a table. Write times are told up to until, in
// microseconds.
func (r *Reader) Sample(ctx context.Context, t *cdc.Table, n int, until int64) (Sample, error) {
	var s Sample
	err := r.ReadTokens(ctx, t, math.MinInt64, math.MaxInt64, func(x cdc.Reading) error {
		s.Rows++
		for _, c := range x.Cells {
			if c.Time > until {
				s.Newer = true
			} else {
				s.Newest = max(s.Newest, c.Time)
			}
		}
		if s.Rows == n {
			return errSampled
		}
		return nil
	})
	if errors.Is(err, errSampled) {
		err = nil
	}
	return s, err
}

var errSampled = errors.New("enough rows were read")
