# SPDX-License-Identifier: Apache-2.0
"""`exports: {to: syslog}` against rsyslogd: every event and every audit record arrives, whoever
is killed meanwhile. rsyslogd runs with its own configuration on a loopback port of its own."""
import hashlib
import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/fault"))
import plantlib
from plantlib import HF, Plant, Skip, SLOW, run

RSYSLOGD = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
SD = re.compile(r' ([a-z_]+)="((?:[^"\\\]]|\\.)*)"')

CONF = plantlib.CONF.replace("devices:\n", """  cell-syslog: {{from: edge/cell, to: 127.0.0.1, proto: syslog-tcp, port: {syslog}, direction: push,
    rate: 900/s, auth: none, purpose: tests, owner: tests, review: 2036-01-01}}
devices:
""", 1).replace("detectors:\n", """exports:
  siem: {{to: syslog, zone: cell, host: 127.0.0.1, port: {syslog}, what: both, facility: local3, rate: {rate}/s}}
detectors:
""", 1).replace("priority: 2}}", "priority: 2, refractory: 1s, off_n: 2}}")

RSYSLOG = """
module(load="imptcp")
global(maxMessageSize="16k" workDirectory="{dir}" parser.escapeControlCharactersOnReceive="off")
main_queue(queue.type="Direct")
template(name="line" type="string"
  string="%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\\n")
input(type="imptcp" address="127.0.0.1" port="{port}" supportOctetCountedFraming="on" ruleset="all")
ruleset(name="all") {{ action(type="omfile" file="{dir}/got" template="line" flushOnTXEnd="on" asyncWriting="off") }}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Collector:
    def __init__(self, at):
        self.dir, self.port, self.p = at, free_port(), None
        (at / "rsyslog.conf").write_text(RSYSLOG.format(dir=at, port=self.port))

    def start(self):
        self.p = subprocess.Popen([RSYSLOGD, "-n", "-f", str(self.dir / "rsyslog.conf"),
                                   "-i", str(self.dir / "rsyslog.pid")],
                                  stdout=open(self.dir / "rsyslog.out", "ab"), stderr=subprocess.STDOUT)
        until = time.monotonic() + 20 * SLOW
        while time.monotonic() < until:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(.05)
        raise RuntimeError("rsyslogd does not listen: " + (self.dir / "rsyslog.out").read_text())

    def kill(self):
        if self.p and self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        self.p = None
        (self.dir / "rsyslog.pid").unlink(missing_ok=True)

    def messages(self):
        """(pri, time, host, app, msgid, {name: value}, text) of each whole line."""
        f = self.dir / "got"
        out = []
        for line in (f.read_text() if f.exists() else "").split("\n")[:-1]:
            part = line.split("|", 5)
            end = re.match(r"\[[^ ]+(?: [a-z_]+=\"(?:[^\"\\\]]|\\.)*\")*\]", part[5])
            assert end, "structured data broken: " + line
            out.append((*part[:5], dict(SD.findall(end.group(0))), part[5][end.end() + 1:]))
        return out


def signal_of(n):
    rnd = random.Random(3)
    return [(50 + rnd.gauss(0, 1) + (45 if i % 40 > 34 else 0), i * .1) for i in range(n)]


class ExportPlant(Plant):
    def __init__(self, n, rate=500):
        super().__init__(signal_of(n), trip=80)
        self.collector = Collector(self.dir)
        self.rate = rate

    def write_conf(self):
        (self.conf / "tags").mkdir(parents=True, exist_ok=True)
        (self.conf / "plant.yaml").write_text(CONF.format(
            port=self.port, extra=self.extra, trip=self.trip, syslog=self.collector.port, rate=self.rate))
        (self.conf / "tags/dev.csv").write_text(plantlib.TAGS)

    def export(self):
        return self.status()["exports"][0]

    def drained(self):
        self.wait(lambda: self.export()["events_waiting"] == 0 and self.export()["records_waiting"] == 0
                  and self.export()["state"] == "up", "export drained", 60)

    def close(self):
        self.collector.kill()
        super().close()


def complete(p):
    """All events and all records of the plant are at the collector."""
    events = {e["id"] for e in p.get("events", limit=10000)}
    records = p.records()
    got = p.collector.messages()
    have = {m[5]["id"] for m in got if m[4] == "event"}
    assert events and events <= have, f"{len(events - have)} of {len(events)} events are missing"
    seqs = {int(m[5]["seq"]): m[5]["hash"] for m in got if m[4] == "audit"}
    # those that were written while we asked are still on their way
    want = [r for r in records if r["seq"] <= max(seqs)]
    missing = [r["seq"] for r in want if r["seq"] not in seqs]
    assert not missing, f"records {missing[:10]} are missing"
    assert max(seqs) >= len(records) - 50, (max(seqs), len(records))
    return events, seqs, got


def everything_arrives_in_order_and_well_formed():
    p = ExportPlant(800)
    try:
        p.collector.start()
        p.start()
        p.settle()
        p.drained()
        events, seqs, got = complete(p)
        assert len(got) == len({(m[4], m[5].get("id"), m[5].get("seq")) for m in got}), "sent twice without cause"
        assert [int(m[5]["seq"]) for m in got if m[4] == "audit"] == sorted(seqs)
        assert {m[2] for m in got} == {"bench.test"} and {m[3] for m in got} == {"holdfast"}
        assert {int(m[0]) >> 3 for m in got} == {19}
        for m in got:       # evidence and record say what the message says
            if m[4] == "event" and m[5]["kind"] == "on":
                assert m[5]["rule"] == "level-high" and m[5]["subject"] == "hall/line/dev/a", m
                assert float(m[5]["score"]) >= 1 and m[6], m
        body = p.call("GET", "/api/v1/audit", None, limit=10000)
        for r in body[:50]:
            leaf = hashlib.sha256(b"\0" + json.dumps(r, sort_keys=True, separators=(",", ":"),
                                                     ensure_ascii=False).encode()).hexdigest()
            assert seqs[r["seq"]] == leaf, r
    finally:
        p.close()


def peer_killed_in_mid_stream_loses_nothing():
    p = ExportPlant(1500, rate=60)
    try:
        p.collector.start()
        p.start()
        for _ in range(3):
            n = len(p.collector.messages())
            p.wait(lambda: len(p.collector.messages()) >= n + 20, "messages flow")
            p.collector.kill()
            p.wait(lambda: p.export()["state"] == "down", "outage is seen")
            time.sleep(.3)
            p.collector.start()
        p.settle()
        p.drained()
        complete(p)
    finally:
        p.close()


def core_and_edge_killed_in_mid_stream_lose_nothing():
    p = ExportPlant(1500, rate=80)
    try:
        p.collector.start()
        p.start()
        for role in ("core", "edge", "core", "edge", "audit"):
            n = len(p.collector.messages())
            p.wait(lambda: len(p.collector.messages()) >= n + 15, "messages flow", 60)
            p.kill_role(role)
        p.settle()
        p.drained()
        complete(p)
    finally:
        p.close()


def a_peer_that_is_down_is_shown_and_its_backlog_drains_at_the_rate():
    p = ExportPlant(600, rate=100)
    try:
        p.start()
        p.settle()
        x = p.export()
        assert x["state"] == "down" and x["events_waiting"] > 10 and x["records_waiting"] > 10, x
        text = metrics(p)
        assert 'holdfast_export_up{export="siem"} 0' in text
        assert re.search(r'holdfast_export_events_waiting\{export="siem"\} [1-9]', text)
        assert any(f["what"] == "exports.siem" for f in p.status()["findings"])
        total = x["events_waiting"] + x["records_waiting"]
        p.collector.start()
        t0 = time.monotonic()
        p.drained()
        took = time.monotonic() - t0
        complete(p)
        # the first second's worth may go at once; a rate of 100/s is kept afterwards
        assert took >= (total - 200) / 100 - 1, (took, total)
        p.stop()
        n = len(p.collector.messages())
        p.start()
        p.drained()
        again = [m for m in p.collector.messages()[n:] if m[4] == "event"]
        assert not again, "the cursor was not kept over a restart: " + str(again[:2])
    finally:
        p.close()


def metrics(p):
    conn = plantlib.UnixConnection(str(p.run / "api.sock"))
    conn.request("GET", "/metrics")
    text = conn.getresponse().read().decode()
    conn.close()
    return text


if not os.path.exists(RSYSLOGD):
    print("ok 1 - syslog_export # SKIP rsyslogd is not installed")
    sys.exit(0)
run([everything_arrives_in_order_and_well_formed, peer_killed_in_mid_stream_loses_nothing,
     core_and_edge_killed_in_mid_stream_lose_nothing,
     a_peer_that_is_down_is_shown_and_its_backlog_drains_at_the_rate])
