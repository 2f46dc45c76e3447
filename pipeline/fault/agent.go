package fault

// Faults of what brings changes to the source: CDC of Cassandra, and Debezium's agent.
const (
	AgentSilent   Code = "CDC-7030"
	AgentAwaited  Code = "CDC-7031"
	AgentBehind   Code = "CDC-7032"
	NotCaptured   Code = "CDC-7033"
	TopicUnread   Code = "CDC-7034"
	AgentKeyspace Code = "CDC-7035"
	AgentNested   Code = "CDC-7036"
	AgentUDT      Code = "CDC-7037"
	AgentVector   Code = "CDC-7038"
	AgentDown     Code = "CDC-7039"
	CDCDisabled   Code = "CDC-7040"
	CanarySilent  Code = "CDC-7041"
	CanaryRefused Code = "CDC-7042"
	AgentAltered  Code = "CDC-7043"
	AgentUnread   Code = "CDC-7044"
	ReadRepaired  Code = "CDC-7045"
)

func agentEntries() []Entry {
	return []Entry{
		{AgentSilent, "no change of the table has ever arrived", "Restart Debezium's agent, which does not see tables that were made together with their keyspace while it ran; look for one \"detected to be added!\" in its log for each table. Then run cdcpipe snapshot for the rows that it has passed over."},
		{AgentAwaited, "no change of the table yet", "Nothing to do if nothing was written. Otherwise write a row and look again after a minute; if there is no topic then, restart Debezium's agent."},
		{AgentBehind, "newest changes have not arrived", "See whether Debezium's agent runs and what its log says, and whether cdc_raw grows. Rows from before the table had CDC, and those with write times of the client's own, are no fault of it. Once it reads on, cdcpipe verify --repair heals what was lost."},
		{NotCaptured, "table without CDC", "No change of it is sent: ALTER TABLE ... WITH cdc = true, then run cdcpipe snapshot; or leave it out of the source's topics if that is meant."},
		{TopicUnread, "topic is not read", "Add the topic to the source's topics or topic_patterns, or set cdc = false on the table if nobody reads it."},
		{AgentKeyspace, "case-sensitive keyspace with CDC", "Debezium's agent gives up registering tables at such a keyspace, with one warning: set cdc = false on its tables, restart the agent, and run cdcpipe snapshot for tables that had no events."},
		{AgentNested, "nested collection that ends the agent", "Debezium's agent ends at the first such value, and at it again after each restart, while other tables wait: set cdc = false on the table and restart the agent, which passes the value then. Write the column no more, set cdc = true again and write another row of the table; until its event has come and a moment has passed, a restart meets the value once more. Then run cdcpipe verify --repair --table for it."},
		{AgentUDT, "user-defined type in a table with CDC", "Debezium's agent sends nothing of such a table that was made or altered while it ran (\"Unknown type\" in its log): restart it once after that, then run cdcpipe verify --repair --table for it. Columns whose type is frozen are exact then."},
		{AgentVector, "vector column", "Debezium's agent reads no schema at all when any table of the cluster has a vector, with CDC or without (\"proceeding without schema metadata\" in its log): keep the value as frozen<list<float>>, or the table in another cluster; then restart the agent, and run cdcpipe snapshot for the tables that had no events."},
		{AgentDown, "agent does not answer", "Start Debezium's agent, or correct the address. Writes wait in cdc_raw meanwhile: when it is full, Cassandra refuses writes to tables with CDC."},
		{CDCDisabled, "Cassandra has CDC switched off", "Set cdc_enabled: true in cassandra.yaml on every node and restart it: cdc = true of a table does nothing without (docs/cassandra-setup.md)."},
		{CanarySilent, "canary does not come through", "Nothing that is written to Cassandra may be arriving. Run cdcpipe doctor: it says whether Kafka, PostgreSQL and the agent answer, and which tables have no events. If the canary has never come through, restart Debezium's agent once, and see that the source's topics match its topic."},
		{ReadRepaired, "read repair of a table that is not read back", "Where a read finds replicas that differ, Cassandra writes the merged row again, and its event has the newest write time of the row for every cell: an old value can win over a newer one. Set mode: always for the table in hydrate (docs/reference/fidelity.md), or ALTER TABLE ... WITH read_repair = 'NONE'; then run cdcpipe verify --repair."},
		{CanaryRefused, "canary's table cannot be made or written", "Execute the statements of the message as a role that may, or remove canary from the file."},
		{AgentAltered, "new columns in the replica", "Writes to the table that came before Debezium's agent knew of a column that they set, within some seconds of its ALTER TABLE, have no event (\"Unexpected error deserializing mutation\" in its log). Unless there were none, run cdcpipe verify --repair --table for it."},
		{AgentUnread, "writes that the agent cannot read", "At the first such write Debezium's agent gives up the segment of the commit log that it reads, and deletes it: nothing more of any table comes until Cassandra begins another, which a restart of Cassandra does (\"Failed to populate Column\" in the agent's log). Make the column frozen, or write it only as the message allows, or set cdc = false on the table and carry it with cdcpipe snapshot and verify --repair. After it has happened run cdcpipe verify --repair for all tables."},
	}
}
