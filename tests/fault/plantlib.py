# SPDX-License-Identifier: Apache-2.0
"""plantlib.py - a real plant in a temporary folder, for tests that break things.

Runs the real program: `holdfast sim modbus` as the device, `holdfast run` as the plant, the API
over its unix socket as the judge. Prints TAP. Used by the plant_*.py tests beside it.

HF_TEST_SLOW=5 multiplies every limit on waiting, for builds that run slower; no assertion looks
at it. A report of a sanitizer in any log of the plant fails the test, however that went.
"""
import csv
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("B", "build"))
HF = str((ROOT / BUILD / "holdfast").resolve())
SLOW = int(os.environ.get("HF_TEST_SLOW") or 1)
# The leak check stops all threads by /proc, which the empty root of a role does not have;
# the unit tests look for leaks.
if os.environ.get("ASAN_OPTIONS"):
    os.environ["ASAN_OPTIONS"] += ":detect_leaks=0"
REPORT = re.compile(r"(ERROR|WARNING|FATAL): \w+Sanitizer|runtime error:")

CONF = """format: 1
plant: {{enterprise: test, site: bench, timezone: UTC}}
zones:
  cell: {{sl_target: 1, interface: host-veth, networks: [127.0.0.0/8], ipv6: false}}
conduits:
  cell-modbus: {{from: edge/cell, to: 127.0.0.1, proto: modbus-tcp, port: {port}, direction: pull,
    rate: 900/s, auth: none, purpose: tests, owner: tests, review: 2036-01-01}}
devices:
  dev: {{zone: cell, driver: modbus-tcp, host: 127.0.0.1, port: {port}, unit: 1, asset: hall/line/dev, tags: tags/dev.csv,
    time: register, clock: replay, timeout: 500ms, load: {{connections: 1, requests: 900/s, outstanding: 1}}}}
assets:
  hall/line/dev: {{kind: press, criticality: A}}
detectors:
  level: {{method: limit, tags: ["hall/line/dev/a"], hi_trip: {trip}}}
rules:
  level-high: {{on: level, cause: test, consequence: test, action: look, respond_within: 30min, priority: 2}}
{extra}"""

TAGS = """device,tag,address,type,order,access,interval_ms,unit,uns_path
dev,_stamp,hr:0,int64,ABCD,r,4,,
dev,a,hr:4,float64,ABCD,r,4,deg,hall/line/dev/a
dev,b,hr:8,float64,ABCD,r,4,bar,hall/line/dev/b
"""
TAG = {"a": "hall/line/dev/a", "b": "hall/line/dev/b"}
T0 = 1_700_000_000


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30 * SLOW)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30 * SLOW)
        self.sock.connect(self.path)


class Plant:
    """rows: list of (a, b); one row every second of recorded time."""

    def __init__(self, rows, data=None, extra="", trip=1e9, hf=HF):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hf-plant."))
        self.dir.chmod(0o755)
        self.hf = hf
        self.conf, self.run = self.dir / "conf", self.dir / "run"
        self.data = pathlib.Path(data) if data else self.dir / "data"
        self.extra, self.trip = extra, trip
        self.main = self.sim = None
        self.port = 0
        self.insecure = []
        self.nlog = 0
        self.spawned = []   # all that close() ends
        with open(self.dir / "rows.csv", "w") as f:
            f.write("time,a,b\n")
            for i, (a, b) in enumerate(rows):
                t = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(T0 + i))
                f.write(f"{t},{a!r},{b!r}\n")

    def spawn(self, name, argv, **kw):
        self.nlog += 1
        log = open(self.dir / f"{name}.{self.nlog}.log", "wb")
        p = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **kw)
        p.log = log.name
        self.spawned.append(p)
        return p

    def start_sim(self):
        port_file = self.dir / "port"
        port_file.unlink(missing_ok=True)
        self.sim = self.spawn("sim", [
            self.hf, "sim", "modbus", "--listen", f"127.0.0.1:{self.port}", "--port-file", str(port_file),
            "--ledger", str(self.dir / "ledger"), "--advance", "on-read",
            "--unit", "1", "--replay", str(self.dir / "rows.csv"), "--time", "time"])
        self.wait(lambda: port_file.exists() and port_file.read_text().strip(), "simulator")
        self.port = int(port_file.read_text())

    def write_conf(self):
        (self.conf / "tags").mkdir(parents=True, exist_ok=True)
        (self.conf / "plant.yaml").write_text(
            CONF.format(port=self.port, extra=self.extra, trip=self.trip))
        (self.conf / "tags/dev.csv").write_text(TAGS)

    def start(self):
        if self.sim is None:
            self.start_sim()
            self.write_conf()
            subprocess.run([self.hf, "init", "--conf", str(self.conf), "--data", str(self.data)],
                           check=True, capture_output=True)
        argv = [self.hf, "run", "--conf", str(self.conf), "--data", str(self.data),
                "--run", str(self.run)]
        self.main = self.spawn("holdfast", argv + self.insecure)
        self.wait(lambda: self.main.poll() is not None or self.status(), "plant is up")
        if self.main.poll() == 4 and not self.insecure:
            self.insecure = ["--insecure"]
            return self.start()
        if self.main.poll() is not None:
            raise RuntimeError(open(self.main.log).read())
        self.wait(lambda: all(r["status"] == "ready" for r in self.status()["roles"]), "all roles ready")
        return self

    def wait(self, ready, what, seconds=30):
        seconds *= SLOW
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if ready():
                    return
            except (OSError, RuntimeError, http.client.HTTPException, KeyError):
                pass
            time.sleep(0.03)
        tail = open(self.main.log).read()[-3000:] if self.main else ""
        raise RuntimeError(f"waited {seconds} s for: {what}\n{tail}")

    def call(self, method, path, body=None, **query):
        conn = UnixConnection(str(self.run / "api.sock"))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        conn.request(method, path, body=None if body is None else json.dumps(body),
                     headers={"Content-Type": "application/json"} if body is not None else {})
        answer = conn.getresponse()
        text = answer.read()
        conn.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)

    def get(self, path, **query):
        return self.call("GET", "/api/v1/" + path, **query)

    def status(self):
        return self.get("status")

    def role(self, name):
        return next(r for r in self.status()["roles"] if r["role"] == name)

    def kill_role(self, name):
        """kill -9, then wait until it is ready again as another process."""
        was = self.role(name)["pid"]
        os.kill(was, signal.SIGKILL)
        self.wait(lambda: self.role(name)["pid"] != was and self.role(name)["status"] == "ready",
                  f"{name} heals")

    def counter(self, name):
        return sum(c["value"] for c in self.status()["counters"] if c["name"] == name)

    def history(self, column):
        points = self.get("history", tag=TAG[column], limit=1000000)["points"]
        return [(ns(p["t"]), bits(p["v"])) for p in points if p["v"] is not None]

    def ledger(self, column):
        with open(self.dir / "ledger", newline="") as f:
            return [(int(r["t_ns"]), r["bits"].lower().removeprefix("0x"))
                    for r in csv.DictReader(f) if r["column"] == column]

    def is_sim_done(self):
        return "done" in open(self.sim.log).read()

    def settle(self):
        """Everything served is durable."""
        self.wait(self.is_sim_done, "recording served", 60)
        last, since = None, time.monotonic()
        until = since + 30 * SLOW
        while time.monotonic() < until:
            s = self.status()
            now = (sum(d["samples"] for d in s["devices"]), s["store"]["durable_seq"])
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > 1.5 * SLOW and s["store"]["waiting_batches"] == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("does not settle")

    def diff(self):
        """(missing, extra) of history against the ledger, both columns."""
        missing = extra = 0
        for c in TAG:
            want, have = set(self.ledger(c)), set(self.history(c))
            missing += len(want - have)
            extra += len(have - want)
        return missing, extra

    def lost_at_most_under_way(self, ends):
        """An orderly end of an edge may fall between a machine's answer (two values, which this simulator
        serves once) and its reading: those were never acknowledged. Nothing else may be missing."""
        missing, extra = self.diff()
        assert extra == 0 and missing <= 2 * ends, (missing, extra, ends)

    def stop(self):
        if self.main and self.main.poll() is None:
            self.main.send_signal(signal.SIGTERM)
            return self.main.wait(timeout=20 * SLOW)
        return None

    def verify(self):
        return subprocess.run([self.hf, "audit", "verify", str(self.data / "audit")],
                              capture_output=True, text=True)

    def records(self):
        return self.get("audit", limit=10000)

    def reports(self):
        """What sanitizers said in the logs of this plant, from the first line of it on."""
        for log in sorted(self.dir.glob("*.log")):
            text = log.read_text(errors="replace")
            found = REPORT.search(text)
            if found:
                yield f"{log.name}: {text[found.start():][:8000]}"

    def close(self):
        for p in self.spawned:
            if p.poll() is None:
                p.kill()
                p.wait()
        sanitizer_reports.extend(self.reports())
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)


def ns(text):
    import calendar
    base, _, frac = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(base, "%Y-%m-%dT%H:%M:%S")) * 10**9 + \
        int((frac + "0" * 9)[:9])


def bits(v):
    return struct.pack(">d", float(v)).hex()


def rows(n, f=lambda i: 20 + (i % 97) / 7):
    return [(f(i), i * 0.1) for i in range(n)]


class Skip(Exception):
    pass


sanitizer_reports = []      # of the plants that the running test has closed


def run(tests):
    """Runs the functions, prints TAP, exits."""
    bad = 0
    only = os.environ.get("TEST")
    for i, t in enumerate(tests, 1):
        if only and only not in t.__name__:
            continue
        sanitizer_reports.clear()
        try:
            try:
                t()
            finally:
                if sanitizer_reports:
                    raise RuntimeError("\n".join(sanitizer_reports))
            print(f"ok {i} - {t.__name__}", flush=True)
        except Skip as e:
            print(f"ok {i} - {t.__name__} # SKIP {e}", flush=True)
        except Exception as e:      # a test program reports whatever went wrong
            bad += 1
            print(f"not ok {i} - {t.__name__}", flush=True)
            import traceback
            for line in traceback.format_exc().splitlines():
                print("# " + line)
    sys.exit(1 if bad else 0)
