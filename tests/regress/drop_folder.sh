#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# drop_folder.sh - a whole plant with a drop folder: files in, history out, done/ and
# failed/, and nothing twice after edge was killed.
. "$(dirname "$0")/../lib.sh"
D=$T/drop
mkdir -p "$T/conf/tags" "$D" && chmod 777 "$D"
cat >"$T/conf/plant.yaml" <<YAML
format: 1
plant: {enterprise: acme, site: berlin}
zones:
  hall: {interface: host-veth}
devices:
  recorder: {zone: hall, driver: csv-folder, folder: $D, settle: 200ms, poll: 100ms,
    tags: tags/r.csv, timezone: Europe/Berlin}
YAML
cat >"$T/conf/tags/r.csv" <<CSV
tag,address,type,uns_path
temp,Temperature,float64,hall/oven/temp
CSV
check drop_folder_configuration_is_right "$HF" check --conf "$T/conf"
"$HF" init --conf "$T/conf" --data "$T/data" >"$T/init.log" 2>&1
run() { start plant "$HF" run --conf "$T/conf" --data "$T/data" --run "$T/run" $1; }
answers() { "$HF" status --run "$T/run" --json; }
up() { ! kill -0 "$plant_pid" 2>/dev/null || answers; }
run ""
wait_for 30 up
if ! kill -0 "$plant_pid" 2>/dev/null; then
	wait "$plant_pid"
	rc=$?
	[ $rc -eq 4 ] && run --insecure && wait_for 30 up
fi
rows() { "$HF" history hall/oven/temp --from 2019-01-01 --to 2021-01-01 --run "$T/run" --csv 2>/dev/null | grep -c '^20'; }
has() { [ "$(rows)" -eq "$1" ]; }
write() { # name, first row, count: local times of Berlin in winter
	/usr/bin/python3 - "$@" >"$D/.$1" <<'PY'
import sys
first, n = int(sys.argv[2]), int(sys.argv[3])
print("time,Temperature,other")
for i in range(first, first + n):
    print("2020-01-01 %02d:%02d:%02d,%d.5,x" % (1 + i // 3600, i // 60 % 60, i % 60, i))
PY
	chmod 644 "$D/.$1" && mv "$D/.$1" "$D/$1"
}
write a.csv 0 1000
check drop_folder_file_goes_to_done wait_for 30 test -e "$D/done/a.csv"
check drop_folder_file_is_in_history wait_for 30 has 1000
"$HF" history hall/oven/temp --from 2020-01-01 --to 2020-01-02 --run "$T/run" --csv >"$T/h.csv" 2>&1
check drop_folder_local_time_is_utc_in_history grep -q '^2020-01-01T00:00:00' "$T/h.csv"
echo "nothing,here" >"$D/b.csv"
check drop_folder_unusable_file_goes_to_failed wait_for 30 test -e "$D/failed/b.csv.errors.txt"
write c.csv 1000 5000
kill_edge() { # of this plant only
	local p n=0
	for p in $(pgrep -P "$plant_pid" -f -- "--role edge"); do
		kill -9 "$p" && n=$((n + 1))
	done
	[ $n -eq 1 ]
}
check drop_folder_edge_is_killed kill_edge
check drop_folder_file_is_whole_after_edge_was_killed wait_for 60 test -e "$D/done/c.csv"
check drop_folder_nothing_is_lost_or_twice wait_for 30 has 6000
finish
