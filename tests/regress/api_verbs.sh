#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The verbs that ask the API, against an API that the test plays: what people read, what
# --json passes on, and the exit codes. The answers are fixed, so is the output.
. "$(dirname "$0")/../lib.sh"

cat >"$T/api.py" <<'PY'
import http.server, json, os, socketserver, sys
run = sys.argv[1]
alarm = {"id": "hot|press/temp", "rule": "hot", "subject": "press/temp",
         "state": "unacknowledged", "advisory": False, "priority": 2,
         "since": "2026-05-01T12:00:00Z", "text": "too \u001b[31mhot", "event": "ab" * 32}
status = {"version": "0.1.0", "now": "2026-05-01T12:00:00Z",
          "namespace": [{"zone": "press", "broker": "down", "topics": 12, "waiting": 3,
                         "error": "Connection refused"}],
          "contracts": {"declared": 2, "passed": 7, "dropped": {"type": 1, "range": 4},
                        "messages_dropped": 6},
          "started": "2026-05-01T11:00:00Z", "plant": "acme/berlin",
          "config_hash": "00" * 32, "generation": 1, "insecure": False,
          "health": "degraded",
          "findings": [{"what": "devices.press7", "text": "no answer since 11:59"}],
          "roles": [{"role": "web", "zone": None, "status": "ready", "pid": 7,
                     "since": "2026-05-01T11:00:00Z", "restarts": 0, "missing": [],
                     "text": ""}],
          "devices": [{"device": "press7", "zone": "press", "status": "down",
                       "age_s": 61.0, "requests_per_s": 0, "answers": 3,
                       "timeouts": 2, "text": "timed out"}],
          "counters": [
              {"role": "edge", "zone": "press", "name": "drop.ring_full",
               "value": 12, "help": "samples lost"},
              {"role": "edge", "zone": "press", "name": "modbus.requests",
               "value": 99, "help": "requests"}]}
event = {"id": "ab" * 32, "text": "press/temp is above hi_trip", "cause": "pump",
         "action": "stop the press", "statistic": 99.5, "limit": 95,
         "span": {"from": "A", "to": "B"}, "input_hash": "cd" * 32, "snapshot": 7,
         "variables": [{"tag": "press/temp", "value": 99.5, "expected": None,
                        "contribution": 1.0, "unit": "degC"}]}
values = [{"path": "press/temp", "value": 0.1, "quality": "Good", "unit": "degC",
           "t": "2026-05-01T12:00:00Z", "age_s": 0.5}]
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a):
        open(run + "/seen", "a").write(self.requestline + "\n")
    def send(self, code, text):
        b = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b)
    def do_GET(self):
        p = self.path.split("?")[0][len("/api/v1/"):]
        docs = {"status": status, "alarms": [alarm], "values": values, "events": [event]}
        if p == "values" and "nothing" in self.path:
            self.send(404, '{"error":{"code":"ENOTFOUND","text":"no tag matches"}}')
        elif p == "detectors":
            self.send(504, '{"error":{"code":"ETIMEDOUT","text":"core did not answer"}}')
        elif p == "history":
            self.send(200, "t,value,quality\n2026-05-01T12:00:00Z,0.1,Good\n")
        else:
            self.send(200, json.dumps(docs[p]))
    def do_POST(self):
        n = int(self.headers.get("Content-Length", 0))
        open(run + "/body", "wb").write(self.rfile.read(n))
        if "unshelve" in self.path:
            self.send(403, '{"error":{"code":"EDENIED","text":"may not act"}}')
        elif "reload" in self.path:
            self.send(409, '{"error":{"code":"EINVAL","text":"plant.yaml:3:1: no"}}')
        else:
            self.send(200, '{"ok":true}')
class S(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def get_request(self):
        return self.socket.accept()[0], ("local", 0)
S(run + "/api.sock", H).serve_forever()
PY
mkdir "$T/run"
export HOLDFAST_RUN=$T/run
unset NO_COLOR
start api /usr/bin/python3 "$T/api.py" "$T/run"
wait_for 20 test -S "$T/run/api.sock"

exits() {	# code command...
	local want=$1
	shift
	"$@" >"$T/out" 2>"$T/err"
	local rc=$?
	[ $rc -eq "$want" ] || { echo "exit $rc"; cat "$T/out" "$T/err"; return 1; }
}
has() { grep -qF -- "$1" "$T/out" || { echo "lacks: $1"; cat "$T/out"; return 1; }; }
lacks() { ! grep -qF -- "$1" "$T/out"; }

check "status_exits_1_when_health_is_not_ok" exits 1 "$HF" status
check "status_shows_health_first" sh -c "head -n 1 '$T/out' | grep -q '^degraded  acme/berlin'"
check "status_shows_what_is_wrong" has "devices.press7: no answer since 11:59"
check "status_shows_the_age_of_the_last_value" has "61s ago"
check "status_shows_losses_by_reason" has "drop.ring_full"
check "status_shows_each_zones_namespace" has "namespace of press: broker down, 12 topics, 3 wait; Connection refused"
check "status_shows_what_contracts_refused" has "contracts: 2 declared, 7 values passed, 5 dropped, 6 messages dropped"
check "status_shows_no_figure_that_is_not_there" lacks "nan"
check "status_hides_quiet_counters" lacks "modbus.requests"
check "status_all_shows_every_counter" sh -c "'$HF' status --all | grep -q modbus.requests"
check "get_shows_exact_values" sh -c "'$HF' get press/temp | grep -q '0.1  degC  Good'"
check "get_of_several_patterns_is_one_json_array" sh -c \
	"'$HF' get press/temp press/temp --json | /usr/bin/python3 -c 'import json,sys; assert len(json.load(sys.stdin)) == 2'"
check "get_of_nothing_exits_1" exits 1 "$HF" get nothing
check "time_out_exits_3" exits 3 "$HF" detectors
check "wrong_option_exits_2" exits 2 "$HF" history press/temp --form x
check "missing_socket_exits_3" exits 3 "$HF" status --run "$T/nowhere"
check "denied_exits_4" exits 4 "$HF" alarms unshelve 'hot|press/temp'
check "refused_reload_exits_1" exits 1 "$HF" reload
check "csv_is_passed_on" sh -c "'$HF' history press/temp --csv | tail -n 1 | grep -qx '2026-05-01T12:00:00Z,0.1,Good'"
check "alarm_is_listed" exits 0 "$HF" alarms
check "alarm_list_has_its_id" has "hot|press/temp"
check "escape_sequences_of_a_device_are_not_printed" sh -c "! grep -q \"\$(printf '\\033')\" '$T/out'"
check "ack_escapes_the_id" exits 0 "$HF" alarms ack 'hot|press/temp' --reason 'say "x"'
check "ack_was_sent_escaped" grep -qF "POST /api/v1/alarms/hot%7Cpress%2Ftemp/ack " "$T/run/seen"
check "ack_reason_is_json" grep -qF '{"reason":"say \"x\""}' "$T/run/body"
check "shelve_without_a_time_exits_2" exits 2 "$HF" alarms shelve 'hot|press/temp' --reason r
check "event_explains_an_alarm" exits 0 "$HF" alarms event 'hot|press/temp'
check "event_says_what_to_do" has "stop the press"
check "event_shows_contributions" has "100.0 %"
check "event_shows_what_a_replay_needs" has "snapshot       7"
check "watch_prints_a_snapshot_a_round" exits 0 "$HF" watch --count 1
check "watch_shows_alarms" has "hot|press/temp"
check "watch_shows_values" has "press/temp"
check "every_verb_has_help" sh -c "for v in status get history watch alarms detectors reload try; do
	'$HF' \$v --help | grep -q '^usage: holdfast '\$v || exit 1; done"

# The link is lost between two rounds: the page must say so, and not be empty.
"$HF" watch --count 3 >"$T/watch" 2>&1 &
watch=$!
pids+=("$watch")
wait_for 20 grep -q "press/temp" "$T/watch"
kill "$api_pid" 2>/dev/null
wait "$watch"
rc=$?
cp "$T/watch" "$T/out"
check "watch_ends_with_3_when_the_link_is_lost" test $rc -eq 3
check "watch_says_that_the_link_is_lost" has "LINK LOST since"
check "watch_marks_every_value_as_stale" has "STALE"
finish
