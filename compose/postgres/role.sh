#!/bin/bash
# The role that the workers log in as. It may make schemas in its database, and
# nothing else.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U postgres -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE cdcpipe LOGIN PASSWORD :'password';
GRANT CREATE ON DATABASE warehouse TO cdcpipe;
SQL
