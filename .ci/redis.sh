#!/bin/sh
# Makes sure that redis-server is there, which tests run as children of their own.
# Installs it on Debian and its kin, where the package may start a server of the
# system's own, which no test talks to.
set -eu

command -v redis-server >/dev/null 2>&1 && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "redis-server is needed, and this machine has no apt-get: install it with the system's package manager" >&2
	echo "(macOS: brew install redis)." >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "Redis is missing: run 'apt-get install redis-server' as root." >&2; exit 1; }
	sudo=sudo
fi
echo "installing Redis (apt-get install redis-server)" >&2
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null
command -v redis-server >/dev/null
