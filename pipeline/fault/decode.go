package fault

// Faults of reading an event.
const (
	MalformedJSON   Code = "CDC-1001"
	NotUTF8         Code = "CDC-1002"
	EventTooLarge   Code = "CDC-1003"
	TooDeep         Code = "CDC-1004"
	NotAnEnvelope   Code = "CDC-1005"
	UnknownOp       Code = "CDC-1006"
	UnknownTable    Code = "CDC-1007"
	WrongType       Code = "CDC-1008"
	OutOfRange      Code = "CDC-1009"
	MissingKey      Code = "CDC-1010"
	BadWriteTime    Code = "CDC-1011"
	BadRange        Code = "CDC-1012"
	UnsupportedType Code = "CDC-1013"
	MalformedAvro   Code = "CDC-1014"
	AvroSchema      Code = "CDC-1015"
	UnknownColumn   Code = "CDC-1016"
	DuplicateField  Code = "CDC-1017"
	KeyNotSplit     Code = "CDC-1018"
)

func decodeEntries() []Entry {
	return []Entry{
		{MalformedJSON, "malformed JSON", "The message is not JSON, or it was cut short: check the producer and the agent's value.converter; replay the record after the cause is gone."},
		{NotUTF8, "invalid UTF-8", "The message is not UTF-8: check what else writes to this topic."},
		{EventTooLarge, "event too large", "Raise decode.max_bytes if events of this size are expected."},
		{TooDeep, "nested too deeply", "No Debezium event nests this deeply: check what else writes to this topic, or raise decode.max_depth."},
		{NotAnEnvelope, "not a change event", "The message lacks Debezium's op, source or after: check that the topic holds raw change events and that no transformation unwraps them."},
		{UnknownOp, "unknown operation", "cdcpipe knows the operations i, c, u, d, r and t: check the connector's version."},
		{UnknownTable, "table not known", "Give the table's definition under schema (a CQL file or a Cassandra to read it from), or let the events carry their schema (value.converter.schemas.enable=true)."},
		{WrongType, "value does not fit its column", "The definition in use differs from the one the event was written with: update the CQL file, or refresh the schema, then replay the record."},
		{OutOfRange, "value out of its type's range", "The value cannot exist in a Cassandra column of this type: check the producer and the schema in use."},
		{MissingKey, "key column missing", "An event without its whole key cannot be applied: check the table definition in use and the producer."},
		{BadWriteTime, "write time missing or unusable", "source.ts_us or source.ts_ms must be an integer within 64 bits: check the connector's version."},
		{BadRange, "range bounds unusable", "The bounds of a range deletion do not fit the clustering columns: compare the table definition in use with Cassandra's."},
		{UnsupportedType, "type not supported", "Counters, custom and abstract types cannot be replicated from change events: exclude the column or the table."},
		{MalformedAvro, "malformed Avro", "The message is not in Confluent's framing, or does not match its writer schema: check the producer's converter and the registry's address."},
		{AvroSchema, "Avro schema unusable", "The registry does not know the schema id, or the schema is not that of a change event: check the registry's address and contents."},
		{UnknownColumn, "column not known", "The event has a column that the table definition lacks: refresh the definition, or set decode.unknown_columns to ignore."},
		{DuplicateField, "field given twice", "A JSON object holds the same field twice, so its meaning is not certain: check the producer."},
		{KeyNotSplit, "partition key not known", "The event deletes a whole partition or a range, but the embedded schema does not say which key columns form the partition key: give the table's definition under schema."},
	}
}
