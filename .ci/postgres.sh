#!/bin/sh
# Makes sure that PostgreSQL's programs are there, which cdcpipe's embedded
# default and the tests run as children of their own. Installs them on Debian and
# its kin; says what to do elsewhere.
set -eu

there() {
	[ -n "${CDCPIPE_PG_BIN:-}" ] && [ -x "$CDCPIPE_PG_BIN/initdb" ] && return 0
	command -v postgres >/dev/null 2>&1 && return 0
	for d in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
		/usr/local/pgsql/bin /Applications/Postgres.app/Contents/Versions/*/bin; do
		[ -x "$d/initdb" ] && return 0
	done
	return 1
}

there && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "PostgreSQL 14 or newer is needed, and this machine has no apt-get: install it with the system's package manager" >&2
	echo "(macOS: brew install postgresql@16), or name its bin directory in CDCPIPE_PG_BIN." >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "PostgreSQL is missing: run 'apt-get install postgresql' as root." >&2; exit 1; }
	sudo=sudo
fi
echo "installing PostgreSQL (apt-get install postgresql)" >&2
# Only its programs are wanted, not a server of the system's own.
$sudo sh -c 'mkdir -p /etc/postgresql-common && { [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf; }'
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
there
