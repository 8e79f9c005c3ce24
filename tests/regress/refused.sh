#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# refused.sh - configurations that read well and could not work: each is refused by `check`, with
# file, line and column, rather than by a role or a broker that stays down.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$T/conf/tags"
ABOUT='purpose: p, owner: o, review: 2190-01-01'
plant() { # conduits, devices, exports: bodies of the sections
	{
		echo 'format: 1'
		echo 'plant: {enterprise: test, site: bench, timezone: UTC}'
		echo 'zones:'
		echo '  cell: {sl_target: 1, interface: host-veth, networks: [127.0.0.0/8]}'
		[ -z "${1:-}" ] || printf 'conduits:\n%s\n' "$1"
		[ -z "${2:-}" ] || printf 'devices:\n%s\n' "$2"
		[ -z "${3:-}" ] || printf 'exports:\n%s\n' "$3"
	} >"$T/conf/plant.yaml"
	"$HF" check --conf "$T/conf" >"$T/out" 2>&1
}
refused() { # what is said, then plant's arguments
	local says=$1
	shift
	plant "$@" && return 1
	grep -Eq "^plant.yaml:[0-9]+:[0-9]+: .*$says" "$T/out"
}
listener() { # rest of the conduit
	echo "  clients: {from: 127.0.0.0/8, to: broker/cell, direction: listen, $1, $ABOUT}"
}
GOOD=$(listener 'proto: mqtt, port: 8884')
line() { # name, rest
	echo "  $1: {zone: cell, driver: modbus-rtu, serial: /dev/ttyS9, unit: 1, $2}"
}
node() { # name, rest
	echo "  $1: {to: sparkplug, zone: cell, group: g, $2}"
}
check a_plain_listener_is_right plant "$GOOD"
check password_is_not_asked_by_a_broker refused 'clients.auth: .*cannot check auth password' "$(listener 'proto: mqtts, port: 8883, auth: password')"
check a_user_beside_the_certificate_neither refused 'clients.auth: .*cannot check auth mtls.user' "$(listener 'proto: mqtts, port: 8883, auth: mtls+user')"
for t in 'spBv1.0/g/NCMD/n' 'spBv1.0/+/DCMD/#' 'cmd/#' 'uns/v1/#' 'umh.v1.x' '#' '+/x' '$SYS/#' 'dev/%c' 'dev/%u'; do
	check "clients_do_not_write $t" refused 'clients.topics_write: "' "$(listener "proto: mqtt, port: 8884, topics_write: [\"$t\"]")"
done
for t in '$SYS/#' '$CONTROL/#' '%c/x' 'dev/%u'; do
	check "clients_do_not_read $t" refused 'clients.topics_read: "' "$(listener "proto: mqtt, port: 8884, topics_read: [\"$t\"]")"
done
check ports_below_1024_need_root refused 'clients.port: .*below 1024' "$(listener 'proto: mqtt, port: 443')"
check a_line_has_one_speed refused 'b.baud: device "a" has another on the same line' '' "$(line a 'baud: 9600'; line b 'baud: 19200')"
check a_line_has_one_parity refused 'b.parity: device "a" has another' '' "$(line a 'parity: even'; line b 'parity: none')"
check one_name_is_one_edge_node refused 'y.node: export "x" is node n of group g' "$GOOD" '' "$(node x 'node: n'; node y 'node: n')"
check two_names_are_two plant "$GOOD" '' "$(node x 'node: n'; node y 'node: m')"
finish
