#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pymodbus.sh - a pymodbus server is read by the driver: every type and order.
#
# pymodbus cannot be asked for "any free port", so one is drawn below the
# ephemeral range; if it is taken the server ends and another is drawn.
. "$(dirname "$0")/../lib.sh"
READ=$B/eval/modbus_read
TABLE=tests/interop/modbus_table.py
if [ ! -x "$READ" ]; then
	skip pymodbus_server_is_read "not built (make tests-build)"
	finish
fi
if ! /usr/bin/python3 -c 'import pymodbus' 2>/dev/null; then
	skip pymodbus_server_is_read "python3-pymodbus is not installed"
	finish
fi
/usr/bin/python3 $TABLE registers >"$T/registers"
/usr/bin/python3 $TABLE tags >"$T/tags.csv"
listens() {
	kill -0 "$peer_pid" && (exec 3<>"/dev/tcp/127.0.0.1/$port")
}
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 12000))
	start peer /usr/bin/python3 tests/interop/pymodbus_server.py \
		"$T/registers" $port
	wait_for 15 listens && break
done
check pymodbus_server_answers_every_tag \
	sh -c "$READ $port 1 $T/tags.csv >$T/preview.json"
/usr/bin/python3 $TABLE compare "$T/preview.json" >"$T/result"
while read -r verdict name; do
	case $verdict in
	good) pass "pymodbus_reads_$name" ;;
	bad) fail "pymodbus_reads_$name" ;;
	*) echo "# $name" ;;
	esac
done <"$T/result"
[ -s "$T/result" ] || fail pymodbus_table_was_compared
finish
