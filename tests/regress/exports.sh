#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# exports.sh - a syslog export needs its conduit, and says that it is not encrypted.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$T/conf"
plant() { # conduit's proto, direction, port, to
	cat >"$T/conf/plant.yaml" <<YAML
format: 1
plant: {enterprise: test, site: bench, timezone: UTC}
zones:
  cell: {sl_target: 1, interface: eth9, networks: [10.0.0.0/8]}
conduits:
  siem: {from: edge/cell, to: $4, proto: $1, port: $3, direction: $2, purpose: p, owner: o, review: 2190-01-01}
exports:
  siem: {to: syslog, zone: cell, host: 10.0.0.9}
YAML
	"$HF" check --conf "$T/conf" >"$T/out" 2>&1
}
check a_push_conduit_lets_it_out plant syslog-tcp push 601 10.0.0.9
check plain_tcp_is_a_finding grep -q 'exports.siem.to: syslog over plain TCP' "$T/out"
check a_network_lets_it_out plant syslog-tcp both 601 10.0.0.0/24
check_not a_pull_conduit_does_not plant syslog-tcp pull 601 10.0.0.9
check the_place_and_the_next_step_are_named grep -Eq '^plant.yaml:8:[0-9]+: .*no conduit lets edge/cell reach 10.0.0.9 port 601; add one under conduits: .proto: syslog-tcp, direction: push' "$T/out"
check_not another_protocol_does_not plant mqtt push 601 10.0.0.9
check_not another_port_does_not plant syslog-tcp push 602 10.0.0.9
check_not another_host_does_not plant syslog-tcp push 601 10.0.0.8
finish
