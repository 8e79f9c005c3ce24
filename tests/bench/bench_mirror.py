#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_mirror.py - the namespace beside ingest and history, and browsing it.

Mirror: 20,000 tags, each once a second, stored and shown in the zone's broker; CPU of core and broker,
messages a second, what waits at the end. The same plant with the same load and no broker runs before
it: the difference is the mirror's cost. Then the broker is killed: seconds until it holds all values and
meta again, and messages a second of that, against mosquitto_pub -l with as many messages of the same
length in the same broker (one topic, one sender, no properties).
Browse: 100,000 topics, as text and as JSON, by the verb, over the API socket.
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import load  # noqa: E402
from load import figure, note  # noqa: E402

NTAG = int(os.environ.get("NTAG", 20_000))
NBROWSE = int(os.environ.get("NBROWSE", 100_000))
WINDOW_S = float(os.environ.get("WINDOW_S", 15))
LINE = b'{"timestamp_ms":1733904005123,"value":42.512345678901,"quality":"Good"}\n'

CONDUIT = """conduits:
  cell-broker: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtt, port: {port}, direction: listen,
    topics_read: ["uns/v1/#"], topics_write: ["bench/#"], rate: 100000/s, auth: none, purpose: bench,
    owner: bench, review: 2036-01-01}}
devices:
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Plant(load.Load):
    def __init__(self, rate, ntag, has_broker):
        super().__init__(rate, ntag)
        self.port = free_port() if has_broker else 0

    def write_conf(self):
        super().write_conf()
        yaml = self.conf / "plant.yaml"
        fast = min(load.NGROUP * load.GROUP_HZ, self.rate // 2)     # every tag at the same rate
        one = self.rate / self.ntag * load.NGROUP
        yaml.write_text(yaml.read_text().replace(f"rate: {self.rate - fast}/s", f"rate: {self.rate - int(one)}/s")
                        .replace(f"rate: {fast}/s", f"rate: {max(1, int(one))}/s"))
        if self.port:
            yaml.write_text(yaml.read_text().replace("devices:\n", CONDUIT.format(port=self.port), 1))

    def broker(self):
        return next((r["pid"] for r in self.status()["roles"] if r["role"] == "broker" and
                     r["status"] == "ready"), 0)

    def space(self):
        return self.status()["namespace"][0]

    def wait_complete(self, limit_s=60):
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            n = self.space()
            if n["broker"] == "up" and n["waiting"] < n["topics"] / 8:  # values go in rounds of 100 ms
                return
            time.sleep(0.02)
        raise RuntimeError(f"mirror does not become complete: {n}")


def cpu_of(pid):
    f = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(f[11]) + int(f[12])) / load.TICK_HZ


def window(plant, has_broker):
    """(core's CPU share, broker's, publishes/s, looks) over WINDOW_S."""
    pid = plant.broker() if has_broker else 0
    a = plant.look()
    was = cpu_of(pid) if pid else 0
    time.sleep(WINDOW_S)
    b = plant.look()
    s = b["t"] - a["t"]
    core = (b["cpu"]["core"] - a["cpu"]["core"]) / s
    broker = (cpu_of(pid) - was) / s if pid else 0
    published = b["counters"].get("bus.published", 0) - a["counters"].get("bus.published", 0)
    if b["durable"] - a["durable"] < 0.9 * plant.rate * s:
        note(f"ingest fell behind: {(b['durable'] - a['durable']) / s:.0f} of {plant.rate} samples/s")
    return core, broker, published / s, b


def without_broker():
    plant = Plant(NTAG, NTAG, False)
    try:
        plant.prepare()
        plant.begin()
        time.sleep(3)
        core, _, _, look = window(plant, False)
        return core, look["decide"]["p99"]
    finally:
        plant.stop()
        plant.close()


def publisher_baseline(port, n):
    """messages/s of mosquitto_pub with n lines."""
    t0 = time.monotonic()
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-t", "bench/x", "-r", "-l"],
                   input=LINE * n, check=True)
    return n / (time.monotonic() - t0)


def mirror():
    bare_core, bare_p99 = without_broker()
    plant = Plant(NTAG, NTAG, True)
    try:
        plant.prepare()
        plant.begin()
        plant.wait_complete()
        time.sleep(3)
        core, broker, hz, look = window(plant, True)
        space = look["status"]["namespace"][0]
        figure(f"mirror of {space['topics']} tags at 1/s, messages", hz, "1/s", "samples/s", float(NTAG))
        figure("CPU of core with the mirror", core * 100, "% of a core", "no broker", bare_core * 100)
        figure("CPU of the broker", broker * 100, "% of a core")
        figure("values that wait for the broker", space["waiting"], "tags", "-", "-", f"<={NTAG * 15 // 100}")
        figure("decode to decision with the mirror, p99", look["decide"]["p99"], "ms", "no broker", bare_p99, "<=1")
        comes_back(plant)
    finally:
        plant.stop()
        plant.close()


def comes_back(plant):
    before, was = plant.counter("bus.published"), plant.broker()
    os.kill(was, signal.SIGKILL)
    while plant.broker() in (0, was):
        time.sleep(0.01)
    t0 = time.monotonic()
    plant.wait_complete()
    s = time.monotonic() - t0
    n = plant.counter("bus.published") - before
    figure("mirror complete after the broker is back", s, "s", "-", "-", "<=5")
    figure("messages of it", n / s, "1/s", "mosquitto_pub -l", publisher_baseline(plant.port, n))


def browse():
    plant = Plant(2000, NBROWSE, False)
    try:
        plant.prepare()
        plant.begin()
        time.sleep(2)
        for args, name in ((["--topics"], "first, as text"), (["--topics"], "again, as text"), (["--json"], "as JSON")):
            t0 = time.monotonic()
            r = subprocess.run([plant.hf, "tree", "--run", str(plant.run), *args], capture_output=True, text=True)
            took = time.monotonic() - t0
            n = r.stdout.count("uns/v1/")
            if r.returncode != 0 or n < NBROWSE:
                raise RuntimeError(f"{n} topics, {r.stderr}")
            figure(f"browse of {n} topics, {name}", took, "s", "-", "-", "<=5")
        figure("decode to decision while browsing, max", plant.look()["decide"]["max"], "ms")
    finally:
        plant.stop()
        plant.close()


def main():
    if not os.access("/usr/sbin/mosquitto", os.X_OK) or not os.access("/usr/bin/mosquitto_pub", os.X_OK):
        note("skipped: mosquitto or mosquitto_pub is not installed")
        return
    mirror()
    browse()


if __name__ == "__main__":
    load.main(main)
