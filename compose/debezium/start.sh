#!/bin/sh
# Starts the agent. It makes none of these directories by itself, and they stand on
# Cassandra's file system, so that a commit log is moved and never copied.
set -eu
state=/var/lib/cassandra/debezium
mkdir -p "$state/offsets" "$state/relocation/archive" "$state/relocation/error"
cd "$state"
exec java @/opt/debezium/jvm.options \
  -cp /opt/debezium/debezium-connector-cassandra-5-jar-with-dependencies.jar \
  io.debezium.connector.cassandra.CassandraConnectorTask /etc/cdcpipe/agent.properties
