#!/bin/sh
# Puts Prometheus's promtool into the directory given, unless it is installed: of
# Debian's package the one program, without the service.
set -eu
command -v promtool >/dev/null 2>&1 && exit 0
mkdir -p "$1"
[ -x "$1/promtool" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
chmod 755 "$work"
(cd "$work" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb x)
install -m 755 "$work/x/usr/bin/promtool" "$1/promtool"
