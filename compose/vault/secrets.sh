#!/bin/sh
# Puts the development secrets in place, and the workers' token, which may read
# them and nothing else. A dev server has key/value version 2 at secret/.
set -eu
vault kv put secret/cdcpipe \
  postgres_dsn="postgres://cdcpipe:$PASSWORD@postgres:5432/warehouse?sslmode=disable" \
  redis_password="$PASSWORD" \
  admin_token="$PASSWORD"
vault policy write cdcpipe - <<'POLICY'
path "secret/data/cdcpipe" { capabilities = ["read"] }
POLICY
vault token lookup "cdcpipe-$PASSWORD" >/dev/null 2>&1 ||
  vault token create -id="cdcpipe-$PASSWORD" -policy=cdcpipe -period=768h >/dev/null
