# SPDX-License-Identifier: Apache-2.0
"""plant_mirror.py - the namespace in a real broker beside a real plant that is broken.

The judge reads the broker as any MQTT tool would (mosquitto_sub on the zone's listener) and
compares with what the API says.
"""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import plantlib
from plantlib import HF, SLOW, Plant, Skip, rows

SUB = "/usr/bin/mosquitto_sub"
MOSQUITTO = "/usr/sbin/mosquitto"
ROOT = "uns/v1/test/bench"
EXTRA = """
  cell-broker: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtt, port: {port}, direction: listen,
    topics_read: ["uns/v1/#", "+"], rate: 1000/s, auth: none, purpose: tests, owner: tests,
    review: 2036-01-01}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Mirrored(Plant):
    """A plant whose zone has a broker."""

    more_tags = ""      # lines of tags/dev.csv
    exports = ""

    def __init__(self, data_rows, **kw):
        for program in (SUB, MOSQUITTO):
            if not os.access(program, os.X_OK):
                raise Skip(f"{program} is not installed")
        if os.geteuid() != 0:
            raise Skip("needs root to start a broker under its own user")
        super().__init__(data_rows, **kw)
        self.mqtt = free_port()

    def write_conf(self):
        super().write_conf()
        yaml = self.conf / "plant.yaml"
        text = yaml.read_text()
        text = text.replace("\ndevices:", EXTRA.format(port=self.mqtt).rstrip() + "\ndevices:", 1)
        yaml.write_text(text + self.exports)
        tags = self.conf / "tags/dev.csv"
        tags.write_text(tags.read_text() + self.more_tags)

    def sub(self, *args, wait=1):
        """Lines of mosquitto_sub, each "topic payload", that come within `wait` seconds."""
        out = subprocess.run([SUB, "-h", "127.0.0.1", "-p", str(self.mqtt), "-V", "5", "-W", str(wait),
                              "-F", "%t %p", *args], capture_output=True, text=True)
        return [line.partition(" ")[::2] for line in out.stdout.splitlines()]

    def retained(self, filter_="uns/v1/#"):
        """What the broker has kept; waits until nothing more comes for a moment."""
        return dict(self.sub("-t", filter_, "--retained-only", wait=1))

    def namespace(self):
        return self.status()["namespace"][0]

    def tree(self, *args):
        r = subprocess.run([HF, "tree", "--run", str(self.run), "--json", *args], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)

    def broker_pid(self):
        return self.role("broker")["pid"]

    def shown(self):
        got = {}
        for topic, text in self.retained(ROOT + "/+/+/+/_raw/#").items():
            got[topic.replace(ROOT + "/", "").replace("/_raw/", "/")] = json.loads(text)
        return got


def differs(p):
    """None, or how the mirror differs from history's last values."""
    shown = p.shown()
    for column, tag in plantlib.TAG.items():
        points = p.history(column)
        if not points:
            return f"{tag} has no history"
        t_ns, bits = points[-1]
        if tag not in shown:
            return f"{tag} is not shown"
        got = shown[tag]
        if got["timestamp_ms"] != t_ns // 10**6 or plantlib.bits(got["value"]) != bits:
            return f"{tag}: shown {got}, history ends {t_ns} {bits}"
    return None


def wait_equal(p, what, seconds=60):
    """Waits until the mirror is equal; gives the seconds it took."""
    began = time.monotonic()
    how = None

    def equal():
        nonlocal how
        how = differs(p)
        return how is None
    try:
        p.wait(equal, what, seconds)
    except RuntimeError as e:
        raise RuntimeError(f"{what}: {how}") from e
    return time.monotonic() - began


def wait_complete(p):
    p.wait(lambda: p.namespace()["broker"] == "up" and p.namespace()["waiting"] == 0, "mirror complete")


def mirror_is_equal_to_the_last_values_of_history_after_a_load():
    p = Mirrored(rows(2000))
    try:
        p.start()
        p.settle()
        wait_complete(p)
        wait_equal(p, "mirror equal to history")
        kept = p.retained()
        assert json.loads(kept[ROOT + "/_state/online"])["value"] == "online"
        assert json.loads(kept[ROOT + "/hall/line/dev/_state/online"])["value"] == "online", kept
        assert json.loads(kept[ROOT + "/_state/dev/online"])["value"] == "online"
        meta = json.loads(kept[ROOT + "/hall/line/dev/_meta/a"])
        assert meta["unit"] == "deg" and meta["type"] == "float64" and meta["contract"] == "_raw", meta
        status = json.loads(kept[ROOT + "/_holdfast_v1/status"])
        assert status["store"] == "ok" and status["topics"] == 2, status
        assert not [t for t in kept if t.endswith("_stamp")]
        assert p.status()["namespace"][0]["topics"] == 2
    finally:
        p.close()


def stop_says_offline():
    p = Mirrored(rows(50))
    try:
        p.start()
        wait_complete(p)
        p.wait(lambda: json.loads(p.retained()[ROOT + "/_state/online"])["value"] == "online", "online")
        sub = subprocess.Popen([SUB, "-h", "127.0.0.1", "-p", str(p.mqtt), "-R", "-C", "1", "-W", "30",
                                "-t", ROOT + "/_state/online"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        os.kill(p.role("core")["pid"], signal.SIGKILL)      # its last will
        assert json.loads(sub.communicate()[0])["value"] == "offline"
        p.wait(lambda: json.loads(p.retained()[ROOT + "/_state/online"])["value"] == "online",
               "online again")
    finally:
        p.close()


def broker_killed_costs_nothing_and_the_mirror_is_complete_again():
    p = Mirrored(rows(6000))
    try:
        p.start()
        wait_complete(p)
        before = p.status()["store"]["durable_seq"]
        was = p.broker_pid()
        os.kill(was, signal.SIGKILL)
        p.wait(lambda: p.status()["store"]["durable_seq"] > before + 20, "history goes on")
        p.wait(lambda: p.broker_pid() != was and p.role("broker")["status"] == "ready", "broker is back")
        began = time.monotonic()
        wait_complete(p)
        print(f"# mirror complete {time.monotonic() - began:.2f} s after the broker was ready", flush=True)
        p.settle()
        wait_equal(p, "mirror equal to history")
        assert p.diff() == (0, 0), p.diff()
    finally:
        p.close()


def kill_round(dice, kills):
    """A plant whose broker is killed; history never loses what it showed, the mirror ends equal."""
    p = Mirrored(rows(max(3000, 700 * kills)))
    acked = {c: set() for c in plantlib.TAG}
    try:
        p.start()
        stops = 0       # what was served to an edge that stopped then, nobody has
        for i in range(kills):
            if i > 0 and i % 2 == 0:    # a third death in a minute would be `failing`, tried every 30 s
                assert p.stop() == 0
                stops += 1
                p.start()
            time.sleep(dice.uniform(0.02, 0.5))
            was = p.broker_pid()
            os.kill(was, signal.SIGKILL)
            for c in acked:
                have = set(p.history(c))
                assert acked[c] <= have, f"{len(acked[c] - have)} acknowledged samples are gone"
                acked[c] = have
            p.wait(lambda: p.broker_pid() not in (0, was) and p.role("broker")["status"] == "ready",
                   "broker is back", 60)
        p.settle()
        wait_complete(p)
        wait_equal(p, "mirror equal to history")
        missing, extra = p.diff()
        assert extra == 0 and missing <= 8 * stops, (missing, extra, stops)
    finally:
        p.close()


def broker_killed_in_a_loop_during_load_ends_equal():
    kills = int(os.environ.get("KILLS") or 4)
    dice = random.Random(int(os.environ.get("SEED") or 1))
    for at in range(0, kills, 10):
        kill_round(dice, min(10, kills - at))
        print(f"# {min(kills, at + 10)} kills: 0 acknowledged lost, mirror equal", flush=True)


def reload_clears_topics_that_vanished():
    p = Mirrored(rows(3000))
    try:
        p.start()
        wait_complete(p)
        p.wait(lambda: ROOT + "/hall/line/dev/_raw/b" in p.retained(), "b is shown")
        tags = p.conf / "tags/dev.csv"
        tags.write_text(tags.read_text().replace("hall/line/dev/b", "hall/line/dev/renamed"))
        p.call("POST", "/api/v1/reload")
        p.wait(lambda: ROOT + "/hall/line/dev/_raw/renamed" in p.retained(), "its new name is shown")
        p.wait(lambda: not [t for t in p.retained() if t.endswith("/b")], "b is gone, and its meta")
        assert p.counter("bus.cleared") == 2, p.counter("bus.cleared")
    finally:
        p.close()


def alarm_is_shown_and_its_event_passes_by():
    p = Mirrored(rows(2500, lambda i: 99.0 if 1500 < i < 2000 else 20.0), trip=50)
    try:
        p.start()
        topic = ROOT + "/hall/line/dev/_event/level-high/a"
        sub = subprocess.Popen([SUB, "-h", "127.0.0.1", "-p", str(p.mqtt), "-C", "2", "-W", "60",
                                "-t", topic], stdout=subprocess.PIPE, text=True)
        p.settle()
        events = [json.loads(line) for line in sub.communicate()[0].splitlines()]
        assert [e["kind"] for e in events] == ["on", "off"], events
        assert events[0]["subject"] == "hall/line/dev/a" and events[0]["durable"], events
        stored = p.get("events")
        assert events[0]["id"] in json.dumps(stored)
        alarm = ROOT + "/hall/line/dev/_alarm/level-high/a"
        p.wait(lambda: json.loads(p.retained()[alarm])["state"] == "returned", "alarm is shown")
    finally:
        p.close()


def umh_export_is_the_same_values_with_dots():
    class Exported(Mirrored):
        exports = "\nexports:\n  hub: {to: umh, zone: cell, tags: [hall/line/dev/a]}\n"
    p = Exported(rows(8000))
    try:
        p.start()
        wait_complete(p)
        got = p.sub("-t", "+", wait=3)
        p.stop()
        topics = {t for t, _ in got}
        assert topics == {"umh.v1.test.bench.hall.line.dev._raw.a"}, topics
        assert all(set(json.loads(v)) == {"timestamp_ms", "value"} for _, v in got)
    finally:
        p.close()


def tree_has_the_addresses_and_values_that_the_broker_shows():
    class Contracted(Mirrored):
        more_tags = "".join(f"dev,t{i},hr:4,float64,ABCD,r,4,deg,hall/line/dev/deep/g{i % 7}/t{i}\n"
                            for i in range(60))
    p = Contracted(rows(400))
    try:
        p.start()
        p.settle()
        wait_complete(p)
        p.wait(lambda: len(p.shown()) == 62, "all are shown")
        kept, tree = p.retained(), p.tree()
        assert [e["topic"] for e in tree] == sorted(e["topic"] for e in tree)
        assert {e["topic"] for e in tree} == {t for t in kept if "/_raw/" in t}
        for e in tree:
            assert json.loads(kept[e["topic"]])["value"] == e["value"], e
            assert e["contract"] == "_raw" and e["type"] == "float64" and e["quality"] == "Good", e
        nodes = p.tree("hall/line/dev/_raw", "--depth", "1")
        assert [(e["topic"].split("/")[-1], e.get("tags")) for e in nodes] == \
            [("a", None), ("b", None), ("deep", 60)], nodes
        pages, after = [], None
        while True:     # small pages give what one page gives
            more = {"after": after} if after else {}
            page = p.get("tree", depth=9, limit=7, **more)
            assert len(page["entries"]) <= 7
            pages += page["entries"]
            after = page["next"]
            if after is None:
                break
        assert [e["topic"] for e in pages] == [e["topic"] for e in tree]
        first = p.get("tree", limit=7)["next"]
        tags = p.conf / "tags/dev.csv"
        tags.write_text(tags.read_text().replace("/deep/g1/", "/deep/changed/"))
        p.call("POST", "/api/v1/reload")
        p.wait(lambda: any("/changed/" in e["topic"] for e in p.tree()), "tree of the new plant")
        for ask, code in (("path=nowhere", " 404 "), ("after=" + first, " 409 "), ("after=x", " 400 ")):
            try:
                p.get("tree?" + ask)
                raise AssertionError(ask)
            except RuntimeError as e:
                assert code in str(e), e
    finally:
        p.close()


def zone_sees_of_another_zone_only_what_a_conduit_shows():
    class Two(Mirrored):
        def write_conf(self):
            super().write_conf()
            yaml = self.conf / "plant.yaml"
            text = yaml.read_text()
            text = text.replace("zones:\n", "zones:\n  office: {sl_target: 1, interface: host-veth, "
                                "networks: [127.0.0.0/8], ipv6: false}\n", 1)
            text = text.replace("to: broker/cell,", "to: broker/office,")
            text = text.replace("\ndevices:", """
  show: {from: zone/cell, to: broker/office, proto: mqtt, port: 8883, direction: push,
    topics_write: ["uns/v1/+/+/hall/line/dev/_raw/a", "uns/v1/+/+/hall/line/dev/_state/#"],
    rate: 1000/s, auth: none, purpose: tests, owner: tests, review: 2036-01-01}
devices:""", 1)
            yaml.write_text(text)
    p = Two(rows(200))
    try:
        p.start()
        p.settle()
        wait_complete(p)
        p.wait(lambda: ROOT + "/hall/line/dev/_raw/a" in p.retained(), "a is shown")
        kept = p.retained()
        assert ROOT + "/hall/line/dev/_raw/b" not in kept, kept
        assert ROOT + "/hall/line/dev/_state/online" in kept, kept
        assert ROOT + "/_state/dev/online" not in kept, kept
        assert p.namespace()["topics"] == 1
    finally:
        p.close()


def plant_without_a_broker_has_no_namespace_to_show():
    p = Plant(rows(50))
    try:
        p.start()
        p.settle()
        assert p.status()["namespace"] == []
        assert p.counter("bus.published") == 0
    finally:
        p.close()


if __name__ == "__main__":
    plantlib.run([
        mirror_is_equal_to_the_last_values_of_history_after_a_load,
        stop_says_offline,
        broker_killed_costs_nothing_and_the_mirror_is_complete_again,
        broker_killed_in_a_loop_during_load_ends_equal,
        reload_clears_topics_that_vanished,
        alarm_is_shown_and_its_event_passes_by,
        umh_export_is_the_same_values_with_dots,
        tree_has_the_addresses_and_values_that_the_broker_shows,
        zone_sees_of_another_zone_only_what_a_conduit_shows,
        plant_without_a_broker_has_no_namespace_to_show,
    ])
