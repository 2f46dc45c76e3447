package agent

import (
	"slices"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/cassandra"
)

// Repairs returns the tables whose events can claim too much: where a read finds
// replicas that differ, Cassandra writes the merged row to those that are behind, and
// the event of that has the greatest of the row's write times for every cell. Tables
// whose changes are read back, as facts says, take no harm; with no keyspace given, all
// others count.
func Repairs(tables []cassandra.Listing, keyspaces []string, facts func(*cdc.Table) bool) (found []Finding) {
	for _, l := range tables {
		if !l.CDC || !l.ReadRepair || l.Table == nil || len(keyspaces) > 0 && !slices.Contains(keyspaces, l.Keyspace) || facts(l.Table) {
			continue
		}
		found = append(found, warning("table "+l.String(), fault.ReadRepaired, "its keyspace has several replicas, and read_repair is 'BLOCKING'"))
	}
	return found
}
