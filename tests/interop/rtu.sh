#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rtu.sh - a pymodbus RTU station on a pseudo-terminal is read by the serial driver:
# every type and order.
. "$(dirname "$0")/../lib.sh"
READ=$B/eval/modbus_read
TABLE=tests/interop/modbus_table.py
if [ ! -x "$READ" ]; then
	skip pymodbus_rtu_station_is_read "not built (make tests-build)"
	finish
fi
if ! /usr/bin/python3 -c 'import pymodbus' 2>/dev/null; then
	skip pymodbus_rtu_station_is_read "python3-pymodbus is not installed"
	finish
fi
/usr/bin/python3 $TABLE registers >"$T/registers"
/usr/bin/python3 $TABLE tags >"$T/tags.csv"
start peer /usr/bin/python3 tests/interop/pymodbus_rtu.py "$T/registers" "$T/tty"
wait_for 15 test -e "$T/tty"
check pymodbus_rtu_station_answers_every_tag \
	sh -c "$READ $T/tty 1 $T/tags.csv >$T/preview.json"
/usr/bin/python3 $TABLE compare "$T/preview.json" >"$T/result"
while read -r verdict name; do
	case $verdict in
	good) pass "pymodbus_rtu_reads_$name" ;;
	bad) fail "pymodbus_rtu_reads_$name" ;;
	*) echo "# $name" ;;
	esac
done <"$T/result"
[ -s "$T/result" ] || fail pymodbus_rtu_table_was_compared
finish
