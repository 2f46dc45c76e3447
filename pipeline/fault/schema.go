package fault

// Faults of table definitions.
const (
	TypeChanged     Code = "CDC-3001"
	KeyChanged      Code = "CDC-3002"
	NameCollision   Code = "CDC-3003"
	NameTooLong     Code = "CDC-3004"
	BadDefinition   Code = "CDC-3005"
	TableRefused    Code = "CDC-3006"
	ColumnNotExact  Code = "CDC-3007"
	SchemaUnreached Code = "CDC-3008"
	TransformUnfit  Code = "CDC-3009"
	ReadTooLarge    Code = "CDC-3010"
)

func schemaEntries() []Entry {
	return []Entry{
		{TypeChanged, "column type changed", "The replica keeps the old type: move the table aside or migrate the column by hand, then replay the records."},
		{KeyChanged, "primary key changed", "A table with another primary key is another table: move the replica's table aside, then replay the records."},
		{NameCollision, "column name collides with a shadow column", "Rename the column for the replica with transform.rename."},
		{NameTooLong, "name too long for PostgreSQL", "PostgreSQL names hold 63 bytes: rename it for the replica with transform."},
		{BadDefinition, "table definition unusable", "Correct the CQL file; the message names the line and column."},
		{TableRefused, "table cannot be replicated", "Counter tables and materialized views cannot be replicated from change events: leave the table out of the topics."},
		{ColumnNotExact, "column cannot be exact from events", "Change events do not say what happened to this column (docs/reference/fidelity.md): make it frozen, drop it with transform, or accept schema.inexact: approximate."},
		{SchemaUnreached, "schema source unreachable", "Check schema.cassandra.hosts, credentials and network. A pipeline that runs already goes on by itself once it answers."},
		{ReadTooLarge, "too many rows to read back", "A deletion has left more rows than hydrate.max_rows: raise it and replay the record, or run cdcpipe verify --repair on the table."},
		{TransformUnfit, "transform does not fit the table", "Correct the table's entry under transform.tables, then replay the records."},
	}
}
