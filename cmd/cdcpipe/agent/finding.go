// Package agent finds out what Debezium's agent for Cassandra passes over in silence,
// and what is known to break it, from the outside: by what Cassandra's schema says,
// what its tables hold and what the topics have. The agent's own word, that it is
// well, is not to be relied on.
package agent

import (
	"fmt"
	"strings"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/cassandra"
)

// A Finding is something that is amiss, or will be.
type Finding struct {
	About string // what it concerns: "table shop.orders"
	Fails bool   // changes are lost or held up; otherwise it is a warning
	Err   *fault.Fault
}

func failure(about string, code fault.Code, format string, args ...any) Finding {
	return Finding{about, true, fault.New(code, format, args...)}
}

func warning(about string, code fault.Code, format string, args ...any) Finding {
	return Finding{about, false, fault.New(code, format, args...)}
}

// Shapes returns what is known to break the agent (docs/cassandra-setup.md, "Silent
// failures of the agent"), or cannot be replicated. Tables with CDC of all keyspaces
// count, and with vectors those without: one can take down the others.
func Shapes(tables []cassandra.Listing) (found []Finding) {
	var odd string // the keyspace reported last
	for _, l := range tables {
		if l.Table != nil {
			found = append(found, vectors(l)...)
		}
		if !l.CDC {
			continue
		}
		if l.Keyspace != odd && l.Keyspace != strings.ToLower(l.Keyspace) {
			odd = l.Keyspace
			found = append(found, failure("keyspace "+cdc.QuoteIdent(odd), fault.AgentKeyspace,
				"it has capitals in its name and table %s has CDC: once the agent starts anew, tables of other keyspaces have no events either", cdc.QuoteIdent(l.Name)))
		}
		about := "table " + l.String()
		if l.Err != nil {
			found = append(found, failure(about, fault.CodeOf(l.Err), "%s", strings.TrimPrefix(l.Err.Error(), string(fault.CodeOf(l.Err))+" ")))
			continue
		}
		found = append(found, shapes(about, l)...)
	}
	return found
}

// vectors returns the columns at which the agent gives up reading the schema.
func vectors(l cassandra.Listing) (found []Finding) {
	for _, c := range l.Table.Columns {
		if holds(c.Type, cdc.Vector) {
			found = append(found, failure("table "+l.String(), fault.AgentVector, "column %s %s: once the agent starts anew, no table of the cluster has events",
				cdc.QuoteIdent(c.Name), c.Type))
		}
	}
	return found
}

func shapes(about string, l cassandra.Listing) (found []Finding) {
	if l.Table.Counter() {
		found = append(found, failure(about, fault.TableRefused, "it has counters"))
	}
	for _, v := range l.Views {
		found = append(found, warning(about, fault.TableRefused, "its materialized view %s is not replicated: make one in PostgreSQL over the replica", cdc.QuoteIdent(v)))
	}
	for _, c := range l.Table.Columns {
		name := fmt.Sprintf("column %s %s", cdc.QuoteIdent(c.Name), c.Type)
		if holds(c.Type, cdc.UDT) {
			found = append(found, warning(about, fault.AgentUDT, "%s", name))
		}
		if c.Role == cdc.Static {
			continue // the agent never reads it
		}
		if t := ends(c.Type); t != nil {
			found = append(found, failure(about, fault.AgentNested, "%s: the first value with a %s in it ends the agent", name, t))
		}
		if writes, all := unread(c.Type); writes != "" {
			found = append(found, Finding{about, all, fault.New(fault.AgentUnread, "%s: %s stops the changes of all tables", name, writes)})
		}
	}
	return found
}

// Perch looks whether the canary's table is there. Whether its changes arrive is told by
// [Arrivals], as of any other.
func Perch(tables []cassandra.Listing, keyspace, table string) []Finding {
	for _, l := range tables {
		if l.Keyspace != keyspace || l.Name != table {
			continue
		}
		if !l.CDC {
			return []Finding{failure("canary", fault.CanaryRefused, "table %s has no CDC; execute: ALTER TABLE %[1]s WITH cdc = true", l)}
		}
		return nil
	}
	return []Finding{warning("canary", fault.AgentAwaited, "table %s.%s is not there yet: cdcpipe run makes it; restart Debezium's agents once after that",
		cdc.QuoteIdent(keyspace), cdc.QuoteIdent(table))}
}

func holds(t *cdc.Type, k cdc.Kind) bool {
	if t.Kind == k {
		return true
	}
	for _, e := range t.Elems {
		if holds(e, k) {
			return true
		}
	}
	return false
}
