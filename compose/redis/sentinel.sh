#!/bin/sh
# Starts a Sentinel. It keeps what it learns in its configuration file.
set -eu
cat > /data/sentinel.conf <<CONF
port 26379
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel monitor cdcpipe redis 6379 2
sentinel auth-pass cdcpipe $REDIS_PASSWORD
sentinel down-after-milliseconds cdcpipe 5000
sentinel failover-timeout cdcpipe 30000
CONF
exec redis-sentinel /data/sentinel.conf
