#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# holdfast tree against an API that the test plays, which gives the namespace in pages of
# two entries; what people read, whole topics, JSON, depth, errors. The plant's own answer
# is in tests/fault/plant_mirror.py.
. "$(dirname "$0")/../lib.sh"

cat >"$T/api.py" <<'PY'
import http.server, json, os, socketserver, sys, urllib.parse
run = sys.argv[1]
S = "uns/v1/acme/berlin"
def leaf(topic, value, **kw):
    return {"topic": S + "/" + topic, "path": topic.replace("_raw/", ""), "type": "float64", "unit": "degC",
            "contract": "_raw", "value": value, "quality": "Good", "t": "2026-05-01T12:00:00Z", "age_s": 3.0, **kw}
all_ = [leaf("press-a/_raw/x", 1), leaf("press/_raw/temp", 0.1), leaf("press/_raw/say", '],"next":"9.9"', unit=None),
        leaf("press/line1/p7/_pump_v1/motor/rms", None, quality="Bad", contract="_pump_v1"),
        leaf("press/line1/p7/_pump_v1/speed", None, quality=None, age_s=None, type="int16")]
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
        q = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        at = int(q.get("after", "7.0").split(".")[1])
        if q.get("path") == "nowhere":
            return self.send(404, '{"error":{"code":"ENOTFOUND","text":"nothing below that path"}}')
        if q.get("path") == "one":
            return self.send(200, json.dumps({"prefix": all_[0]["topic"], "entries": all_[:1], "next": None},
                                             separators=(",", ":")))
        if q.get("path") == "empty":
            return self.send(200, '{"prefix":"uns/v1/acme/berlin","entries":[],"next":null}')
        if q.get("depth") == "1":
            e = [{"topic": S + "/press-a", "tags": 1}, {"topic": S + "/press", "tags": 4}]
            return self.send(200, json.dumps({"prefix": S, "entries": e, "next": None}, separators=(",", ":")))
        page = all_[at:at + 2]
        nxt = f"7.{at + 2}" if at + 2 < len(all_) else None
        self.send(200, json.dumps({"prefix": S, "entries": page, "next": nxt}, separators=(",", ":")))
class S_(socketserver.UnixStreamServer):
    def get_request(self):
        return (super().get_request()[0], ("local", 0))
S_(run + "/api.sock", H).serve_forever()
PY
mkdir "$T/run"
start api /usr/bin/python3 "$T/api.py" "$T/run"
wait_for 20 test -S "$T/run/api.sock"
tree() { HOLDFAST_RUN=$T/run "$HF" tree "$@"; }
same() { diff -u "$1" "$2"; }

cat >"$T/want" <<'EOT'
NAMESPACE           TAGS           VALUE  UNIT  QUALITY   AGE  TYPE
uns/v1/acme/berlin     5               -  -     -           -  -
  press-a              1               -  -     -           -  -
    _raw               1               -  -     -           -  -
      x                -               1  degC  Good     3.0s  float64
  press                4               -  -     -           -  -
    _raw               2               -  -     -           -  -
      temp             -             0.1  degC  Good     3.0s  float64
      say              -  ],"next":"9.9"  -     Good     3.0s  float64
    line1              2               -  -     -           -  -
      p7               2               -  -     -           -  -
        _pump_v1       2               -  -     -           -  -
          motor        1               -  -     -           -  -
            rms        -               -  degC  Bad      3.0s  float64
          speed        -               -  degC  never       -  int16
EOT
tree >"$T/got"
sed 's/ *$//' "$T/got" >"$T/got.text"
check tree_is_drawn_over_the_borders_of_pages same "$T/want" "$T/got.text"
tree --topics | awk '{print $1}' >"$T/got"
printf '%s\n' NAMESPACE uns/v1/acme/berlin/press-a/_raw/x uns/v1/acme/berlin/press/_raw/temp \
	uns/v1/acme/berlin/press/_raw/say uns/v1/acme/berlin/press/line1/p7/_pump_v1/motor/rms \
	uns/v1/acme/berlin/press/line1/p7/_pump_v1/speed >"$T/want"
check topics_are_printed_whole same "$T/want" "$T/got"
tree --json >"$T/json"
check json_joins_all_pages /usr/bin/python3 -c '
import json, sys
e = json.load(open(sys.argv[1]))
assert len(e) == 5 and e[2]["value"] == "],\"next\":\"9.9\"" and e[1]["value"] == 0.1, e' "$T/json"
check empty_namespace_is_an_empty_array bash -c "[ \"\$(HOLDFAST_RUN=$T/run $HF tree empty --json)\" = '[]' ]"
tree --depth 1 | awk '{print $1, $2}' >"$T/got"
printf '%s\n' 'NAMESPACE TAGS' 'uns/v1/acme/berlin 5' 'press-a 1' 'press 4' >"$T/want"
check depth_counts_what_is_below same "$T/want" "$T/got"
tree one | awk '{print $1, $3}' >"$T/got"
printf '%s\n' 'NAMESPACE >VALUE' 'uns/v1/acme/berlin/press-a/_raw/x 1' | tr -d '>' >"$T/want"
check tag_by_its_topic_is_one_line same "$T/want" "$T/got"
tree nowhere >"$T/out" 2>"$T/err"
check unknown_path_ends_with_1 test $? = 1
check unknown_path_is_told grep -q 'nothing below' "$T/err"
tree --depth 0 2>/dev/null
check depth_0_is_a_usage_error test $? = 2
tree a b 2>/dev/null
check two_paths_are_a_usage_error test $? = 2
check parameters_are_escaped bash -c "HOLDFAST_RUN=$T/run $HF tree 'a b/&' >/dev/null; grep -q 'path=a%20b%2F%26' $T/run/seen"
finish
