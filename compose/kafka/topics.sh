#!/bin/bash
# Makes the topics: partitions by which the workers share the tables, and one
# partition for each outlet.
set -eu
topic() {
  /opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists \
    --topic "$1" --partitions "$2" --replication-factor 1 --config max.message.bytes=16777216 "${@:3}"
}
topic cdc.shop.orders 6
topic cdc.shop.users 6
topic cdc.cdcpipe.canary 1
topic cassandra.cdc.dlq 1 --config retention.ms=-1
topic cassandra.cdc.validation_errors 1 --config retention.ms=-1
topic cassandra.cdc.staleness_audit 1
