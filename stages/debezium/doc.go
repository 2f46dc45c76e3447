// Package debezium decodes the change events of Debezium's Cassandra connector
// into changes: JSON with and without embedded schemas, and Avro in Confluent's
// framing. Which one a message is, its first bytes say.
//
// # Events
//
// An event is about one row, one partition or one range of rows of the table that
// its source names. Its op is i for INSERT and the rows of snapshots, u for UPDATE
// and the deletion of columns, d for the deletion of a row or a partition, and r
// for that of a range; c and t, the names that Debezium's EnvelopeTransformation
// gives to i and r, mean the same. After has every column: null if the event says
// nothing of it, or else a cell with its value.
//
// An event has one write time, source.ts_us, which every cell gets. A deletion's
// own time is the deletion_ts of its cells; on a value, deletion_ts is the expiry.
// The expiry of a row marker is not in events, so the marker of an INSERT expires
// with the last of its cells if all of them do; and so do its collections, whose
// expiry is not in events either.
//
// Rows of a snapshot carry the time of the query. Their cells get write times far
// below all others, so that whatever was streamed wins; null there is no value,
// and no deletion.
//
// # Values
//
// A value becomes Cassandra's serialised form of the column's type in the catalog:
//
//	ascii, text, inet, uuid, timeuuid   text; inet in Java's form, host/address
//	tinyint to bigint                   number
//	boolean, float, double              boolean; number, or "NaN", "Infinity", "-Infinity"
//	decimal, varint                     number, or text in digits; precise: scale and two's complement
//	blob                                base64; bytes in Avro
//	date                                days since 1970; before 3.4.1, and in a collection
//	                                    in a frozen one, Cassandra's shifted number
//	time, timestamp, duration           number of ns since midnight, ms since 1970, ns
//	list, set, vector                   array; sets are put into Cassandra's order
//	map                                 object, or array of pairs; in Avro records of key and value
//	tuple, UDT                          object or record of field1, field2, ... or the field names
//
// Not all of it is exact. A decimal in double or a varint in long loses digits, as
// do durations their months and days and decimals the exponents of their scale. An
// IPv4-mapped inet comes as IPv4. The empty value of types other than text and blob
// comes as null, and is taken for one. Of a collection that is not frozen an event
// has the elements touched only; they are taken for the whole value, those that are
// null are left out, and a collection without elements is null.
//
// # Definitions
//
// Types, keys and static columns are those of the catalog. An event that does not
// fit makes the decoder ask the catalog's loader once, and again after a while if
// that was in vain. Where neither knows the table, the schema that came with the
// event defines it, with the columns of the record's key as key:
//
//	int8 int16 int32 int64              tinyint smallint int bigint
//	float double boolean bytes string   float double boolean blob text
//	io.debezium.time.Date, Timestamp, NanoDuration, data.Uuid   date timestamp duration uuid
//	io.debezium.data.VariableScaleDecimal, Connect's Decimal    decimal varint
//	array, map                          list, map; frozen within others and in keys
//	struct                              tuple if named ...Tuple, else a frozen UDT
//
// So a set becomes a list, and what the agent writes as text or number remains
// that: inet, time, timeuuid, decimal and varint by their handling modes. Nor does a
// schema say which columns are static, and where the partition key ends: all key
// columns are taken for it, and the deletion of a partition or a range is refused.
//
// # Input that is not sound
//
// A message is checked as a whole before it is a change: its grammar, UTF-8, depth
// and size, that nothing follows it, that no field is given twice, that every number
// is within the range of its type. What is wrong is a [cdcpipe/pipeline/fault.Fault] with the position
// and the column; values are never part of it. Memory is bounded by a small multiple
// of the greatest message.
package debezium
