package stages

import (
	"fmt"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// A match is a pattern keyspace.table, in which * stands for any keyspace or any
// table. Names are written as Cassandra keeps them, without quotes.
type match struct{ keyspace, name string }

func newMatch(s string) (match, error) {
	keyspace, name, ok := strings.Cut(s, ".")
	if !ok || keyspace == "" || name == "" {
		return match{}, fmt.Errorf("%q is not of the form keyspace.table", s)
	}
	return match{keyspace, name}, nil
}

func (m match) table(t *cdc.Table) bool {
	return (m.keyspace == "*" || m.keyspace == t.Keyspace) && (m.name == "*" || m.name == t.Name)
}
