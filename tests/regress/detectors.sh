#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `holdfast detectors [NAME]` against an API that the test plays: what people read of
# learning states, limits, budgets and contributions, and what --json passes on.
. "$(dirname "$0")/../lib.sh"

cat >"$T/api.py" <<'PY'
import http.server, json, socketserver, sys
def signal(**more):
    s = {"drifted_since": None, "expected": None, "limit": 4.5, "model": {}, "progress": 1,
         "rule": None, "score": 0.25, "state": "ready", "statistic": 1.125, "steps": 9,
         "t": "2026-05-01T12:00:00Z", "tag": None, "variables": [], "why": None}
    s.update(more)
    return s
def detector(name, method, signals, **more):
    d = {"name": name, "method": method, "help": "what " + method + " does",
         "options": {"L": "4"}, "position": "operator", "limit_from": "fixed",
         "budget_per_week": 0.5, "expected_per_week": None, "signals": signals}
    d.update(more)
    return d
budget = {"factor": 1.5, "largest": 0.8, "budget_per_week": 0.5, "too_short": True,
          "warning": "the learning span leaves 20h to measure false alarms, too short"}
docs = [
    detector("oil", "ewma", [
        signal(tag="a/b/c/x", model={"mu": 80.5, "sigma": 2.25}),
        signal(tag="a/b/c/y", state="learning", progress=0.4, limit=None)]),
    detector("pump", "pca", [signal(
        budget=budget, rule="Q: values break the learned relation", score=1.25,
        why="watches the others; a/b/c/z: constant while learning",
        variables=[{"tag": "a/b/c/x", "value": 7.5, "contribution": 0.75, "why": None},
                   {"tag": "a/b/c/z", "value": 1, "contribution": 0,
                    "why": "constant while learning"}])],
        limit_from="budget", expected_per_week=0.11),
    detector("old", "cusum", [signal(
        tag="a/b/c/x", state="drifted",
        why="drifted since 2026-04-01T00:00:00Z: learn anew")], position=None,
        budget_per_week=None)]
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a):
        pass
    def do_GET(self):
        b = json.dumps(docs, separators=(",", ":")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b)
class S(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def get_request(self):
        return self.socket.accept()[0], ("local", 0)
S(sys.argv[1] + "/api.sock", H).serve_forever()
PY
mkdir "$T/run"
export HOLDFAST_RUN=$T/run
start api /usr/bin/python3 "$T/api.py" "$T/run"
wait_for 20 test -S "$T/run/api.sock"

exits() {	# code command...
	local want=$1
	shift
	"$@" >"$T/out" 2>"$T/err"
	local rc=$?
	[ $rc -eq "$want" ] || { echo "exit $rc"; cat "$T/out" "$T/err"; return 1; }
}
has() { grep -qE -- "$1" "$T/out" || { echo "lacks: $1"; cat "$T/out"; return 1; }; }

check "all_detectors_are_listed" exits 0 "$HF" detectors
check "list_shows_learning_and_how_far" has "a/b/c/y +learning .* 40 %"
check "list_shows_drift_since_when" has "drifted .*since 2026-04-01"
check "list_names_the_member_that_is_left_out" has "a/b/c/z: constant while learning"
check "one_detector_in_full" exits 0 "$HF" detectors oil
check "it_says_what_the_method_does" has "what ewma does"
check "it_shows_options" has "options +L 4"
check "it_shows_learned_values" has "learned +mu 80.5, sigma 2.25"
check "it_shows_where_a_fixed_limit_comes_from" has "limit from +the options of its method"
check "it_says_that_fixed_limits_are_not_measured" has "not measured"
check "it_shows_the_last_score" has "0.25 of the limit at 2026-05-01T12:00:00Z"
check "group_with_a_budget" exits 0 "$HF" detectors pump
check "it_compares_expected_with_allowed" has "0.11 false alarms per week expected, 0.5 allowed"
check "it_shows_the_factor_of_the_budget" has "the budget: 1.5 times"
check "it_warns_of_a_short_learning_span" has "warning .*too short"
check "it_shows_which_statistic_decided" has "Q: values break"
check "it_shows_contributions" has "a/b/c/x .*7.5 .*75 %"
check "it_says_why_a_variable_takes_no_part" has "a/b/c/z .*constant while learning"
check "unknown_name_exits_1" exits 1 "$HF" detectors nothing
check "unknown_name_is_said" grep -q "no detector nothing" "$T/err"
check "two_names_exit_2" exits 2 "$HF" detectors oil pump
check "json_of_one_is_one_object" sh -c "'$HF' detectors pump --json |
	/usr/bin/python3 -c 'import json,sys; assert json.load(sys.stdin)[\"name\"] == \"pump\"'"
check "json_of_all_is_passed_on" sh -c "'$HF' detectors --json |
	/usr/bin/python3 -c 'import json,sys; assert len(json.load(sys.stdin)) == 3'"

finish
