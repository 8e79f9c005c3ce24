#!/bin/bash
# The demo plant from end to end: data whole, alarms where they belong, log verified.
. "$(dirname "$0")/../lib.sh"

/usr/bin/python3 tools/demo.py "$HF" --for 60s --json >"$T/demo.json" 2>"$T/demo.err"
rc=$?
[ $rc -eq 0 ] || { sed 's/^/# /' "$T/demo.err" | tail -n 30; tail -c 3000 "$T/demo.json" | sed 's/^/# /'; }
check "demo_ends_well" test $rc -eq 0

cat >"$T/judge.py" <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
which = sys.argv[2]
on = [e for e in doc["events"] if e["kind"] == "on" and not e["advisory"]]
press = sorted(e["span"]["to"] for e in on if e["subject"].startswith("press/"))
W = [("2013-12-10T06:25:00Z", "2013-12-12T05:35:00Z"), ("2013-12-15T17:50:00Z", "2013-12-17T17:00:00Z"),
     ("2014-01-27T14:20:00Z", "2014-01-29T13:30:00Z"), ("2014-02-07T14:55:00Z", "2014-02-09T14:05:00Z")]
led = doc["ledger"]
ok = {
    "values": led["compared"] > 22695 and led["missing"] == 0 and led["extra"] == 0,
    "early": sum(t < W[0][0] for t in press) <= 1,
    "failure": any("2014-02-06T14:55:00Z" <= t <= W[3][1] for t in press),
    "outside": sum(not any(a <= t <= b for a, b in W) for t in press) <= 6,
    "engines": all(any(e["subject"].endswith(f"/engine{u}") for e in on) for u in range(1, 7)),
    "groups": all(any(e["rule"] == f"engine{u}-together" and e["kind"] == "on" for e in doc["events"])
                  for u in range(1, 7)),
    "replay": len(doc["replay"]) == 50 and all(e["identical"] for e in doc["replay"]),
    # every tag has a value and a _meta topic, and mosquitto_sub saw the last value of this one
    "tree": doc["mosquitto_sub"]["topics"] >= 2 * (5 * 21 + 21 + 1) and
            json.loads(doc["mosquitto_sub"]["example"]["uns/v1/holdfast/demo/press/line1/press/_raw/temperature"])
            == {"timestamp_ms": 1392823500000, "value": 96.90386085, "quality": "Good"},
    # cycle n is n hours after 2026-01-01T00:00Z
    "cycles": all(e["span"]["to"] > "2026-01-03T12:00:00Z" for e in on if e["subject"].startswith("engines/")),
    "audit": all(v == "accepted" for v in doc["audit"].values()),
}[which]
if not ok:
    print(which, led, press, [(e["subject"], e["span"]["to"]) for e in on])
sys.exit(0 if ok else 1)
PY
judge() { /usr/bin/python3 "$T/judge.py" "$T/demo.json" "$1"; }
check "demo_history_equals_ledger_bit_for_bit" judge values
check "demo_press_has_at_most_one_alarm_before_the_first_window" judge early
check "demo_press_alarms_before_or_in_the_failure" judge failure
check "demo_press_has_at_most_six_alarms_outside_its_windows" judge outside
check "demo_every_engine_is_alarmed_before_its_end" judge engines
check "demo_no_engine_is_alarmed_in_its_first_60_cycles" judge cycles
check "demo_every_engine_is_noticed_by_its_group_detector" judge groups
check "demo_fifty_events_replayed_from_history_are_identical" judge replay
check "demo_namespace_is_seen_by_mosquitto_sub" judge tree
check "demo_audit_log_is_accepted_by_both_verifiers" judge audit
finish
