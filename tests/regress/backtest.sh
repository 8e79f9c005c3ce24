#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# backtest.sh - `holdfast backtest` over exported samples: both forms, places of errors,
# the same bytes for the same data, and the same events whatever the order of columns.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$T/conf/tags"
cat >"$T/conf/plant.yaml" <<'YAML'
format: 1
plant: {enterprise: test, site: bench, timezone: UTC}
zones:
  cell: {sl_target: 1, interface: eth9, networks: [10.0.0.0/8]}
conduits:
  m: {from: edge/cell, to: 10.0.0.1, proto: modbus-tcp, port: 502, direction: pull, purpose: p, owner: o,
    review: 2190-01-01}
devices:
  dev: {zone: cell, driver: modbus-tcp, host: 10.0.0.1, asset: hall/dev, tags: tags/dev.csv}
assets:
  hall/dev: {kind: press, criticality: A}
positions:
  op: {budget: 2/week}
detectors:
  level: {method: limit, tags: ["hall/dev/a"], hi_trip: 90, position: op}
  drift: {method: ewma, tags: ["hall/dev/*"], learn: 200 samples}
rules:
  high: {on: level, cause: c, consequence: c, action: look, respond_within: 30min, priority: 2, refractory: 1s, off_n: 2}
  drifting: {on: drift, refractory: 10s}
YAML
cat >"$T/conf/tags/dev.csv" <<'CSV'
device,tag,address,type,order,access,interval_ms,unit,uns_path
dev,a,hr:0,float64,ABCD,r,1000,deg,hall/dev/a
dev,b,hr:4,float64,ABCD,r,1000,bar,hall/dev/b
dev,c,hr:8,float64,ABCD,r,1000,bar,hall/dev/c
CSV
/usr/bin/python3 - "$T" <<'PY'
import random, sys, time
t = sys.argv[1]
random.seed(5)
rows = [("2026-01-05T%02d:%02d:%02dZ" % (i // 3600, i // 60 % 60, i % 60),
         "%.3f" % (50 + random.gauss(0, 2) + (45 if i % 300 > 280 else 0)),
         "%.3f" % (5 + random.gauss(0, .1) + (2 if i > 400 and i % 500 > 450 else 0))) for i in range(3000)]
with open(t + "/wide.csv", "w") as f:
    f.write("time,hall/dev/a,hall/dev/b\n" + "".join(",".join(r) + "\n" for r in rows))
with open(t + "/swapped.csv", "w") as f:
    f.write("hall/dev/b,time,hall/dev/a\n" + "".join(f"{b},{s},{a}\n" for s, a, b in rows))
with open(t + "/german.csv", "w") as f:
    f.write("time;hall/dev/a;hall/dev/b\n" + "".join(";".join(r).replace(".", ",") + "\n" for r in rows))
with open(t + "/long.csv", "w") as f:
    f.write("time,tag,value,quality\n")
    for s, a, b in rows:
        f.write(f"{s},hall/dev/a,{a},Good\n{s},hall/dev/b,{b},\n")
with open(t + "/bad.csv", "w") as f:
    f.write("time,hall/dev/a,hall/dev/bb,hall/dev/b\n")
    f.write("2026-01-05T00:00:00Z,1,2,3\nyesterday,1,2,3\n2026-01-05T00:00:02Z,1x,2,3\n"
            "2026-01-05T00:00:03Z,1\n2026-01-05T00:00:04Z,\"1,2,3\n2026-01-05T00:00:05Z,1,2,3\n")
PY
bt() { "$HF" backtest --config "$T/conf" "$@" 2>"$T/err"; }
check events_are_written_and_summed_up bt --csv "$T/wide.csv" --out "$T/wide.out"
check there_are_events_of_both_detectors sh -c "grep -q '\"rule\":\"high\"' '$T/wide.out' && grep -q '\"rule\":\"drifting\"' '$T/wide.out'"
bt --csv "$T/wide.csv" --out "$T/again.out" >"$T/table"
check same_input_gives_the_same_bytes cmp "$T/wide.out" "$T/again.out"
bt --csv "$T/swapped.csv" --out "$T/swapped.out" >/dev/null
check order_of_columns_does_not_matter cmp "$T/wide.out" "$T/swapped.out"
bt --csv "$T/german.csv" --out "$T/german.out" >/dev/null
check decimal_commas_are_read cmp "$T/wide.out" "$T/german.out"
bt --csv "$T/long.csv" --out "$T/long.out" >/dev/null
strip() { /usr/bin/python3 -c "
import json,sys
for l in open(sys.argv[1]): d=json.loads(l); d.pop('frame'); print(json.dumps(d))" "$1"; }
strip "$T/wide.out" >"$T/w"
strip "$T/long.out" >"$T/l"
check long_form_gives_the_same_events cmp "$T/w" "$T/l"

# what `history TAG --csv` writes: t,value,quality
sed -n '1!p' "$T/long.csv" | awk -F, '$2 == "hall/dev/a" {print $1 ",hall/dev/a," $3 ",Good"}' >"$T/a.rows"
{ echo time,tag,value,quality; cat "$T/a.rows"; } >"$T/a-long.csv"
{ echo t,value,quality; cut -d, -f1,3,4 "$T/a.rows"; } >"$T/a-one.csv"
bt --csv "$T/a-long.csv" --out "$T/a-long" >/dev/null
bt --csv "$T/a-one.csv" --tag hall/dev/a --out "$T/a-one" >/dev/null
check history_of_one_tag_has_events test -s "$T/a-one"
check history_of_one_tag_gives_the_events_of_the_long_form cmp "$T/a-long" "$T/a-one"
bt --csv "$T/a-one.csv" --out "$T/no" >/dev/null
check history_without_its_tag_is_refused_with_the_option grep -q -- '--tag PATH' "$T/err"
bt --csv "$T/a-one.csv" --tag hall/dev/z --out "$T/no" >/dev/null
check tag_that_is_not_there_is_refused_by_name grep -q 'hall/dev/z: the plant has no such tag' "$T/err"
bt --csv "$T/a-long.csv" --tag hall/dev/a --out "$T/no" >/dev/null
check tag_for_a_file_that_names_them_is_refused grep -q -- '--tag is for a file' "$T/err"
check help_of_a_verb_without_a_plant_has_no_run_folder bash -c \
	"! $HF backtest --help | grep -qe '--run' -e API"
check table_names_what_is_missing grep -q 'drift .* hall/dev/c' "$T/table"
check alarms_stand_against_the_budget grep -Eq 'level .* [0-9.]+ of 2.00' "$T/table"
bt --csv "$T/wide.csv" --out "$T/part.out" --from 2026-01-05T00:10:00Z --to 2026-01-05T00:20:00Z --json >"$T/part.json"
check from_and_to_cut_the_rows /usr/bin/python3 -c "
import json; d=json.load(open('$T/part.json'))
assert d['rows'] == 600 and d['skipped'] == {'before --from': 600, 'at or after --to': 1800}, d
assert d['detectors'][1]['missing'] == ['hall/dev/c'], d"
bt --csv "$T/bad.csv" --out "$T/bad.out" --json >"$T/bad.json"
check rows_that_can_be_read_are_fed /usr/bin/python3 -c "
import json; d=json.load(open('$T/bad.json'))
assert d['rows'] == 3 and d['samples'] == 5, d
assert sum(d['skipped'].values()) == 5, d"
for place in 'bad.csv:1:17: no tag "hall/dev/bb", did you mean "hall/dev/b"' 'bad.csv:3:1: "yesterday" is no time' \
	'bad.csv:4:22: "1x" is no number' 'bad.csv:5:1: 2 cells' 'bad.csv:6:22:'; do
	check "place_is_named_${place%% *}" grep -qF "$place" "$T/err"
done
: >"$T/empty.csv"
check_not an_empty_file_is_an_error bt --csv "$T/empty.csv" --out "$T/x.out"
check_not nothing_is_left_of_a_failed_run test -e "$T/x.out" -o -e "$T/x.out.part"
printf 'time,x/y\n2026-01-05T00:00:00Z,1\n' >"$T/none.csv"
check_not a_file_without_a_tag_is_an_error bt --csv "$T/none.csv" --out "$T/x.out"
check_not out_that_cannot_be_written_is_an_error bt --csv "$T/wide.csv" --out "$T/no/such/dir.out"
check_not a_folder_without_plant_is_an_error "$HF" backtest --config "$T" --csv "$T/wide.csv" --out "$T/x.out"
finish
