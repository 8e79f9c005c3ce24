#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sim_modbus.sh - `holdfast sim modbus` as a user types it: options, tags, ledger.
. "$(dirname "$0")/../lib.sh"
case $B in /*) HF=$B/holdfast ;; esac
READ=$B/eval/modbus_read
cat >"$T/engines.csv" <<-EOF
	unit,cycle,s1,s2
	1,1,10,0.1
	1,2,11,0.2
	2,1,20,0.3
EOF
cat >"$T/map.csv" <<-EOF
	address,type,order,value,column
	hr:500,int32,CDAB,-7,
	co:3,bool,,1,
	hr:510.6H,string,,PUMP-7,
EOF

check_not unknown_option_is_refused "$HF" sim modbus --replya x
check_not missing_file_is_refused "$HF" sim modbus --replay "$T/none.csv"
check_not unit_without_data_is_refused "$HF" sim modbus --unit 1
check help_tells_the_register_layout sh -c "$HF sim --help | grep -q 'hr:4+4\*c'"
"$HF" sim modbus --replay "$T/engines.csv" --time-cycle cycle \
	--filter unit=1 --print-tags engine1 >"$T/tags.csv"
check printed_tags_begin_with_the_stamp \
	grep -qx 'engine1,_stamp,hr:0,int64,ABCD,r,1000' "$T/tags.csv"
check printed_tags_have_every_column \
	grep -qx 'engine1,s2,hr:8,float64,ABCD,r,1000' "$T/tags.csv"

start sim "$HF" sim modbus --replay "$T/engines.csv" --time-cycle cycle \
	--epoch 2020-01-01T00:00:00Z --map "$T/map.csv" --ledger "$T/ledger" \
	--port-file "$T/port" --unit 1 --filter unit=1 --unit 2 --filter unit=2
check port_file_appears wait_for 10 test -s "$T/port"
port=$(cat "$T/port")
check listening_line_names_the_port \
	grep -qx "listening 127.0.0.1:$port" "$T/sim.log"

if [ -x "$READ" ]; then
	printf '%s\n' tag,address,type,order n,hr:500,int32,CDAB c,co:3,bool,ABCD \
		s,hr:510.6H,string,ABCD >"$T/map_tags.csv"
	"$READ" "$port" 1 "$T/map_tags.csv" >"$T/map.json"
	check map_file_adds_registers_bits_and_text sh -c \
		"grep -q '\"value\":-7,' $T/map.json &&
		grep -q '\"value\":true,' $T/map.json &&
		grep -q '\"value\":\"PUMP-7\",' $T/map.json"
	check reads_without_the_stamp_are_not_in_the_ledger \
		sh -c "[ \$(wc -l <$T/ledger) -eq 1 ]"
	printf '%s\n' tag,address,type,order p,hr:0,int64,ABCD a,hr:4,float64,ABCD \
		b,hr:8,float64,ABCD >"$T/row_tags.csv"
	for unit in 1 1 2; do	# one or two rows each; the last row stays
		"$READ" "$port" $unit "$T/row_tags.csv" >/dev/null
	done
	check done_is_said_when_all_units_served_their_last_row \
		wait_for 10 grep -qx done "$T/sim.log"
	cat >"$T/want" <<-EOF
		unit,row,t_ns,column,value,bits
		1,0,1577840400000000000,s1,10,4024000000000000
		1,0,1577840400000000000,s2,0.1,3fb999999999999a
		1,1,1577844000000000000,s1,11,4026000000000000
		1,1,1577844000000000000,s2,0.2,3fc999999999999a
		2,0,1577840400000000000,s1,20,4034000000000000
		2,0,1577840400000000000,s2,0.3,3fd3333333333333
	EOF
	check ledger_holds_every_row_once cmp "$T/want" "$T/ledger"
else
	skip ledger_holds_every_row_once "not built (make tests-build)"
fi
kill "$sim_pid"
check term_ends_it_with_success wait "$sim_pid"
finish
