package debezium

import (
	"strings"

	"cdcpipe/pipeline/cdc"
)

// marshalClass returns what a class of org.apache.cassandra.db.marshal stands
// for: the kind of a type, and whether it sorts in descending order. It knows
// the scalar types.
func marshalClass(class []byte) (k cdc.Kind, desc, known bool) {
	const pkg = "org.apache.cassandra.db.marshal."
	s := strings.TrimPrefix(string(class), pkg)
	if r, ok := strings.CutPrefix(s, "ReversedType("); ok {
		desc = true
		s = strings.TrimPrefix(strings.TrimSuffix(r, ")"), pkg)
	}
	switch s {
	case "AsciiType":
		k = cdc.Ascii
	case "LongType":
		k = cdc.Bigint
	case "BytesType":
		k = cdc.Blob
	case "BooleanType":
		k = cdc.Boolean
	case "SimpleDateType":
		k = cdc.Date
	case "DecimalType":
		k = cdc.Decimal
	case "DoubleType":
		k = cdc.Double
	case "FloatType":
		k = cdc.Float
	case "InetAddressType":
		k = cdc.Inet
	case "Int32Type":
		k = cdc.Int
	case "ShortType":
		k = cdc.Smallint
	case "UTF8Type":
		k = cdc.Text
	case "TimeType":
		k = cdc.Time
	case "TimestampType", "DateType":
		k = cdc.Timestamp
	case "TimeUUIDType":
		k = cdc.Timeuuid
	case "ByteType":
		k = cdc.Tinyint
	case "UUIDType":
		k = cdc.UUID
	case "IntegerType":
		k = cdc.Varint
	}
	return k, desc, k != 0
}
