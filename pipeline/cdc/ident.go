package cdc

import "strings"

// QuoteIdent returns name as CQL writes it: quoted unless it is lower-case
// letters, digits and underscores, and not a reserved word.
func QuoteIdent(name string) string {
	plain := name != "" && name[0] >= 'a' && name[0] <= 'z' && !reserved(name)
	for i := range len(name) {
		c := name[i]
		plain = plain && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reserved reports whether CQL keeps word for itself (cql3/ReservedKeywords).
func reserved(word string) bool {
	switch word {
	case "add", "allow", "alter", "and", "apply", "asc", "authorize", "batch", "begin",
		"by", "columnfamily", "create", "default", "delete", "desc", "describe", "drop", "entries",
		"execute", "from", "full", "grant", "if", "in", "index", "infinity", "insert",
		"into", "is", "keyspace", "limit", "materialized", "mbean", "mbeans", "modify", "nan",
		"norecursive", "not", "null", "of", "on", "or", "order", "primary", "rename",
		"replace", "revoke", "schema", "select", "set", "table", "to", "token", "truncate",
		"unlogged", "unset", "update", "use", "using", "view", "where", "with":
		return true
	}
	return false
}
