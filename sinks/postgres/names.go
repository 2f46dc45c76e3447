package postgres

import (
	"fmt"
	"hash/fnv"
	"strings"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// maxName is the length of a name in bytes (NAMEDATALEN - 1).
const maxName = 63

// quote returns name as an SQL identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// A relation is a table or view with its schema.
type relation struct{ schema, name string }

// sql returns the relation as SQL writes it.
func (r relation) sql() string { return quote(r.schema) + "." + quote(r.name) }

// The relations of a table. Readers use the view, which has Cassandra's own
// name; the tables behind it stand in a schema of their own, where the suffixes
// keep those of different tables apart.
const (
	schemaSuffix = "__cdc"
	baseSuffix   = "__base"
	partSuffix   = "__part"
	rangeSuffix  = "__range"
)

// Shadow columns stand beside the column they belong to, those of the row as a
// whole have the bare suffix. CQL has no $ in unquoted names.
const (
	timeSuffix    = "$ts"  // write time of the cell or of the row marker
	classSuffix   = "$x"   // cdc.Stamp.Class, NULL where the value implies it
	rawSuffix     = "$raw" // serialised bytes, where ties or identity need them
	originSuffix  = "$wt"  // cdc.Cell.Origin, in tables of facts; NULL if unknown
	deletedSuffix = "$del" // write time of the deletion
	orderSuffix   = "$ck"  // order-preserving clustering
)

// suffixed returns name+suffix, shortened to fit. The hash of the whole name
// keeps shortened names apart.
func suffixed(name, suffix string) string {
	if len(name)+len(suffix) <= maxName {
		return name + suffix
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	mark := fmt.Sprintf("~%016x", h.Sum64())
	keep := maxName - len(suffix) - len(mark)
	for keep > 0 && name[keep]&0xc0 == 0x80 { // not within a character
		keep--
	}
	return name[:keep] + mark + suffix
}

// checkNames reports names that PostgreSQL cannot hold or that collide.
func checkNames(t *cdc.Table) error {
	for _, n := range []string{t.Keyspace, t.Name} {
		if len(n) > maxName || strings.Contains(n, "\x00") {
			return fault.New(fault.NameTooLong, "table %s: name %q has %d bytes", t, n, len(n))
		}
	}
	taken := map[string]string{}
	for _, s := range []string{timeSuffix, classSuffix, deletedSuffix, orderSuffix} {
		taken[s] = "the row"
	}
	for _, c := range t.Columns {
		if len(c.Name) > maxName || strings.Contains(c.Name, "\x00") {
			return fault.New(fault.NameTooLong, "table %s: column %q has %d bytes", t, c.Name, len(c.Name))
		}
		for _, s := range []string{timeSuffix, classSuffix, rawSuffix, originSuffix} {
			taken[suffixed(c.Name, s)] = "column " + c.Name
		}
	}
	for _, c := range t.Columns {
		if of, ok := taken[c.Name]; ok {
			return fault.New(fault.NameCollision, "table %s: column %q has the name of a shadow column of %s", t, c.Name, of)
		}
	}
	return nil
}
