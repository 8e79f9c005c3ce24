#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# libmodbus.sh - a libmodbus server is read by the driver: every type and order.
. "$(dirname "$0")/../lib.sh"
READ=$B/eval/modbus_read
PEER=$B/tests/interop/peer_modbus_server
TABLE=tests/interop/modbus_table.py
if [ ! -x "$READ" ] || [ ! -x "$PEER" ]; then
	skip libmodbus_server_is_read "not built (make tests-build)"
	finish
fi
/usr/bin/python3 $TABLE registers >"$T/registers"
/usr/bin/python3 $TABLE tags >"$T/tags.csv"
start peer "$PEER" "$T/registers"
wait_for 10 test -s "$T/peer.log"
check libmodbus_server_answers_every_tag \
	sh -c "$READ $(head -n 1 "$T/peer.log") 1 $T/tags.csv >$T/preview.json"
/usr/bin/python3 $TABLE compare "$T/preview.json" >"$T/result"
while read -r verdict name; do
	case $verdict in
	good) pass "libmodbus_reads_$name" ;;
	bad) fail "libmodbus_reads_$name" ;;
	*) echo "# $name" ;;
	esac
done <"$T/result"
[ -s "$T/result" ] || fail libmodbus_table_was_compared
finish
