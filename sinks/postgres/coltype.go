package postgres

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// A pgType is a PostgreSQL type as the sink uses it: its name in SQL, its
// object ids (catalog/pg_type.dat), and how a Cassandra value becomes one.
type pgType struct {
	name       string
	oid, array uint32

	// encode appends the binary form of a non-empty value of type t.
	encode func(b []byte, t *cdc.Type, v cdc.Value) ([]byte, error)

	// tie writes the SQL of a stored value's serialised bytes, or of something that
	// orders as they do, as bytea. It breaks ties between values written
	// at the same time. An empty format means that it cannot be had from the
	// stored value, which then needs the serialised bytes beside it.
	tie string

	// opaque keys cannot be told apart by PostgreSQL as Cassandra does: their
	// identity is that of their bytes.
	opaqueKey bool
}

// The PostgreSQL types in use.
var (
	pgText      = pgType{"text", 25, 1009, encodeText, "textsend(%s)", false}
	pgBytea     = pgType{"bytea", 17, 1001, encodeRaw, "%s", false}
	pgBool      = pgType{"boolean", 16, 1000, encodeBool, "boolsend(%s)", false}
	pgInt2      = pgType{"smallint", 21, 1005, encodeInt2, "int2send(%s)", false}
	pgInt4      = pgType{"integer", 23, 1007, encodeRaw, "int4send(%s)", false}
	pgInt8      = pgType{"bigint", 20, 1016, encodeRaw, "int8send(%s)", false}
	pgFloat4    = pgType{"real", 700, 1021, encodeRaw, "float4send(%s)", true}
	pgFloat8    = pgType{"double precision", 701, 1022, encodeRaw, "float8send(%s)", true}
	pgUUID      = pgType{"uuid", 2950, 2951, encodeRaw, "uuid_send(%s)", false}
	pgDate      = pgType{"date", 1082, 1182, encodeDate, "int4send((%s - date '1970-01-01') # (-2147483648))", false}
	pgTime      = pgType{"time", 1083, 1183, encodeTime, "time_send(%s)", false}
	pgTimestamp = pgType{"timestamptz", 1184, 1185, encodeTimestamp, "int8send((extract(epoch FROM %s) * 1000)::bigint)", false}
	pgInterval  = pgType{"interval", 1186, 1187, encodeInterval, "", true}
	pgInet      = pgType{"inet", 869, 1041, encodeInet, "substr(inet_send(%s), 5)", false}
	pgNumeric   = pgType{"numeric", 1700, 1231, encodeNumeric, "", true}
	pgJSONB     = pgType{"jsonb", 3802, 3807, encodeJSONB, "", true}
)

// alternatives are the types a user may ask for in [Config.Types], by kind,
// besides the default, which stands first.
var alternatives = map[cdc.Kind][]pgType{
	cdc.Ascii: {pgText, pgBytea}, cdc.Text: {pgText, pgBytea}, cdc.Blob: {pgBytea},
	cdc.Boolean: {pgBool}, cdc.Tinyint: {pgInt2}, cdc.Smallint: {pgInt2},
	cdc.Int: {pgInt4}, cdc.Bigint: {pgInt8}, cdc.Float: {pgFloat4}, cdc.Double: {pgFloat8},
	cdc.UUID: {pgUUID}, cdc.Timeuuid: {pgUUID}, cdc.Date: {pgDate, asText}, cdc.Time: {pgTime, pgInt8, asText},
	cdc.Timestamp: {pgTimestamp, pgInt8, asText}, cdc.Duration: {pgInterval, asText}, cdc.Inet: {pgInet, asText},
	cdc.Varint: {pgNumeric, asText}, cdc.Decimal: {pgNumeric, asText},
	cdc.List: {pgJSONB, asText}, cdc.Set: {pgJSONB, asText}, cdc.Map: {pgJSONB, asText},
	cdc.Tuple: {pgJSONB, asText}, cdc.UDT: {pgJSONB, asText}, cdc.Vector: {pgJSONB, asText},
}

// asText is the form of [cdc.Type.AppendText], for values beyond the ranges of
// PostgreSQL's types.
var asText = pgType{"text", 25, 1009, encodeAsText, "", true}

// TypeNames returns the PostgreSQL types that a column of kind k may have, the
// default first; none for a counter.
func TypeNames(k cdc.Kind) []string {
	var names []string
	for _, t := range alternatives[k] {
		names = append(names, t.name)
	}
	return names
}

// typeMap says which PostgreSQL type each kind has.
type typeMap map[cdc.Kind]pgType

// newTypeMap applies the user's choices, by the names of kinds.
func newTypeMap(choices map[string]string) (typeMap, error) {
	m := typeMap{}
	for k, alts := range alternatives {
		m[k] = alts[0]
	}
	for _, name := range slices.Sorted(maps.Keys(choices)) {
		k, ok := kindByName(name)
		if !ok {
			return nil, fmt.Errorf("types: %q is not a CQL type", name)
		}
		i := slices.IndexFunc(alternatives[k], func(t pgType) bool { return t.name == choices[name] })
		if i < 0 {
			return nil, fmt.Errorf("types: %s cannot be %q; it can be %s", name, choices[name], strings.Join(TypeNames(k), ", "))
		}
		m[k] = alternatives[k][i]
	}
	return m, nil
}

func kindByName(name string) (cdc.Kind, bool) {
	for k := range alternatives {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}
