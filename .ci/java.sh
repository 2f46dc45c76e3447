#!/bin/sh
# Makes sure that a Java 17 and Maven are there, with which cdcpipe dev and the
# end-to-end tests run Kafka, Cassandra and Debezium. Installs them on Debian and
# its kin; says what to do elsewhere.
set -eu

is17() { [ -x "$1" ] && "$1" -version 2>&1 | grep -q 'version "17[."]'; }

java() {
	for j in "${JAVA_HOME:-/none}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java /opt/java/*/bin/java \
		/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java /opt/homebrew/opt/openjdk@17/bin/java; do
		is17 "$j" && return 0
	done
	return 1
}

want=
java || want=openjdk-17-jdk-headless
command -v mvn >/dev/null 2>&1 || want="$want maven"
[ -n "$want" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "Java 17 and Maven are needed, and this machine has no apt-get: install them with the system's package manager" >&2
	echo "(macOS: brew install openjdk@17 maven), or name the home of the former in JAVA_HOME." >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "missing: run 'apt-get install $want' as root." >&2; exit 1; }
	sudo=sudo
fi
echo "installing $want" >&2
$sudo apt-get update -qq
# shellcheck disable=SC2086 # several names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $want >/dev/null
java && command -v mvn >/dev/null
