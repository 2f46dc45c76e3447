package cdc

// A Kind is the constructor of a CQL type.
type Kind uint8

// The kinds of CQL types. varchar is [Text].
const (
	Ascii Kind = iota + 1
	Bigint
	Blob
	Boolean
	Counter
	Date
	Decimal
	Double
	Duration
	Float
	Inet
	Int
	Smallint
	Text
	Time
	Timestamp
	Timeuuid
	Tinyint
	UUID
	Varint
	List
	Set
	Map
	Tuple
	UDT
	Vector
)

var kindNames = [...]string{
	Ascii: "ascii", Bigint: "bigint", Blob: "blob", Boolean: "boolean", Counter: "counter", Date: "date",
	Decimal: "decimal", Double: "double", Duration: "duration", Float: "float", Inet: "inet", Int: "int",
	Smallint: "smallint", Text: "text", Time: "time", Timestamp: "timestamp", Timeuuid: "timeuuid",
	Tinyint: "tinyint", UUID: "uuid", Varint: "varint", List: "list", Set: "set", Map: "map",
	Tuple: "tuple", UDT: "udt", Vector: "vector",
}

// String returns the kind's name in CQL.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return "unknown"
}

// Scalar reports whether k is complete by itself.
func (k Kind) Scalar() bool { return k >= Ascii && k <= Varint }

// Collection reports whether k is a list, set or map.
func (k Kind) Collection() bool { return k == List || k == Set || k == Map }

// size returns the length of every non-empty value of k in bytes, or 0 if it varies.
func (k Kind) size() int {
	switch k {
	case Boolean, Tinyint:
		return 1
	case Smallint:
		return 2
	case Int, Float, Date:
		return 4
	case Bigint, Double, Timestamp, Time, Counter:
		return 8
	case UUID, Timeuuid:
		return 16
	default:
		return 0
	}
}

// inlineSize returns the length of a value of k inside a vector, or 0 if each
// is preceded by its length there. Only the types whose valueLengthIfFixed is
// set are packed (db/marshal/AbstractType, VectorType).
func (k Kind) inlineSize() int {
	switch k {
	case Boolean:
		return 1
	case Int, Float:
		return 4
	case Bigint, Double, Timestamp:
		return 8
	case UUID, Timeuuid:
		return 16
	default:
		return 0
	}
}
