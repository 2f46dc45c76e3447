package fault

// Faults of reading from a source.
const (
	BrokerDown      Code = "CDC-7001"
	TopicMissing    Code = "CDC-7002"
	OffsetLost      Code = "CDC-7003"
	TopicRecreated  Code = "CDC-7004"
	SourceDenied    Code = "CDC-7005"
	BatchTooLarge   Code = "CDC-7006"
	ReplayMalformed Code = "CDC-7007"
	ReplayFile      Code = "CDC-7008"
	InstanceTaken   Code = "CDC-7009"
	GroupRefused    Code = "CDC-7010"
	FetchRefused    Code = "CDC-7011"
	BrokerTLS       Code = "CDC-7012"

	CassandraLate    Code = "CDC-7020"
	CassandraTable   Code = "CDC-7021"
	CassandraDiffers Code = "CDC-7022"
	CassandraDenied  Code = "CDC-7023"
	CassandraUnread  Code = "CDC-7024"
)

func sourceEntries() []Entry {
	return []Entry{
		{BrokerDown, "Kafka unreachable", "Check the brokers' addresses and the network. A pipeline that runs already goes on by itself once one answers."},
		{TopicMissing, "topic does not exist", "Check its name, or create it. Of a source's topics, check the agent's topic.prefix too: it makes a table's topic with its first event."},
		{OffsetLost, "offset no longer in the topic", "Records were deleted before they were read: take a new snapshot of the tables concerned, then restart with source.on_lost_offset set."},
		{TopicRecreated, "topic was deleted and created anew", "Take a new snapshot of the table, then restart with source.on_lost_offset set."},
		{SourceDenied, "Kafka refused access", "Check the credentials, and the READ right on the topics and the group."},
		{BatchTooLarge, "compressed batch too large", "A batch unpacks to more than source.max_batch_bytes: raise it if such batches are expected."},
		{ReplayMalformed, "captured record unreadable", "Each line of a capture is a JSON object with topic, key and value: correct the line that the message names."},
		{ReplayFile, "capture unreadable", "Check the path and its permissions."},
		{InstanceTaken, "instance id in use", "Another member of the group has the same source.instance_id: give each worker its own."},
		{GroupRefused, "Kafka refused the membership", "Compare source.group, source.group_protocol and source.session_timeout with the group's other members and the broker's limits."},
		{FetchRefused, "partition cannot be read", "Read Kafka's message and the log of the partition's leader: the topic may hold a damaged batch. Nothing was skipped; cdcpipe reads on from the same record after a restart."},
		{BrokerTLS, "no TLS connection to Kafka", "Check tls.ca, tls.cert, tls.key and tls.server_name, and that the listener of that port speaks TLS (or does not, as configured) and SASL."},
		{CassandraLate, "Cassandra did not answer in time", "Look at the load and the state of the table's replicas. If they are well, read smaller pages, read fewer at once, or raise the timeout."},
		{CassandraTable, "table does not exist in Cassandra", "Check the keyspace and the table's name, and that the address is that of the right cluster."},
		{CassandraDiffers, "table differs from its definition in Cassandra", "The table was altered, or its definition was taken elsewhere: refresh the definition, then read again."},
		{CassandraDenied, "Cassandra refused access", "Grant the user SELECT on the table, or correct schema.cassandra.username and password."},
		{CassandraUnread, "table cannot be read from Cassandra", "The message names what stands against it: leave the table out of what is read, or change the column."},
	}
}
