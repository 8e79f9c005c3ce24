# SPDX-License-Identifier: Apache-2.0
"""plant_more.py - a whole plant with devices that lie, cores that sleep and clocks that step.

The lying device is the small server below: it speaks Modbus TCP wrongly on purpose, in the way
that its `mode` says. A second, good device of the same zone must go on without loss meanwhile.
"""
import math
import os
import signal
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plantlib import Plant, rows, run, ns

GOOD = 21.5


class Liar:
    """Modbus TCP on a loopback port. mode: what is wrong with the answers; registers: addr -> u16."""

    def __init__(self):
        self.mode = "good"
        self.registers = {}
        self.before_read = lambda: None
        self.refused_from = 1 << 16     # addresses from here on give exception 2
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.put_f64(0, GOOD)
        self.put_f64(8, GOOD)
        threading.Thread(target=self.accept, daemon=True).start()

    def put_f64(self, addr, value):
        self.put(addr, struct.pack(">d", value))

    def put_i64(self, addr, value):
        self.put(addr, struct.pack(">q", value))

    def put(self, addr, raw):
        for i, r in enumerate(struct.unpack(">4H", raw)):
            self.registers[addr + i] = r

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            while True:
                head = self.read(conn, 7)
                tid, _, n, unit = struct.unpack(">HHHB", head)
                self.answer(conn, tid, unit, self.read(conn, n - 1))
        except OSError:
            conn.close()

    @staticmethod
    def read(conn, n):
        got = b""
        while len(got) < n:
            part = conn.recv(n - len(got))
            if not part:
                raise OSError("closed")
            got += part
        return got

    def pdu(self, request):
        function, addr, count = struct.unpack(">BHH", request[:5])
        if function != 3 or addr + count > self.refused_from:
            return struct.pack(">BB", function | 0x80, 2)
        self.before_read()
        return struct.pack(">BB", 3, 2 * count) + b"".join(
            struct.pack(">H", self.registers.get(addr + i, 0)) for i in range(count))

    def answer(self, conn, tid, unit, request):
        mode, pdu = self.mode, self.pdu(request)
        if mode == "never":
            return
        if mode == "late":
            time.sleep(0.8)
        if mode == "wrong_transaction":
            tid = (tid + 77) & 0xffff
        n = len(pdu) + 1
        if mode == "wrong_length":
            n -= 3
        frame = struct.pack(">HHHB", tid, 0, n, unit) + pdu
        if mode == "garbage":
            frame = bytes((b * 7 + 13) & 0xff for b in range(len(frame)))
        if mode == "byte_by_byte":
            for i in range(len(frame)):
                conn.sendall(frame[i:i + 1])
                time.sleep(0.001)
            return
        conn.sendall(frame)

    def close(self):
        self.listener.close()


LIAR_TAGS = """device,tag,address,type,order,access,interval_ms,unit,uns_path
liar,c,hr:0,float64,ABCD,r,50,deg,hall/line/liar/c
liar,d,hr:8,float64,ABCD,r,50,deg,hall/line/liar/d
"""
STAMPED_TAGS = """device,tag,address,type,order,access,interval_ms,unit,uns_path
liar,_stamp,hr:0,int64,ABCD,r,20,,
liar,c,hr:4,float64,ABCD,r,20,deg,hall/line/liar/c
"""
C, D = "hall/line/liar/c", "hall/line/liar/d"


class TwoDevices(Plant):
    """The good device of plantlib and a Liar in one zone."""

    def __init__(self, n, tags=LIAR_TAGS, options=""):
        super().__init__(rows(n))
        self.liar = Liar()
        self.tags, self.options = tags, options
        if tags is STAMPED_TAGS:
            self.liar.put_i64(0, (int(time.time()) - 120) * 10**9)

    def write_conf(self):
        super().write_conf()
        f = self.conf / "plant.yaml"
        f.write_text(
            f.read_text()
            .replace("devices:\n", f"""  liar-modbus: {{from: edge/cell, to: 127.0.0.1, proto: modbus-tcp, port: {self.liar.port},
    direction: pull, rate: 900/s, auth: none, purpose: tests, owner: tests, review: 2036-01-01}}
devices:
  liar: {{zone: cell, driver: modbus-tcp, host: 127.0.0.1, port: {self.liar.port}, unit: 1, asset: hall/line/liar,
    tags: tags/liar.csv, timeout: 500ms, load: {{connections: 1, requests: 900/s, outstanding: 1}}{self.options}}}
""", 1)
            .replace("assets:\n", "assets:\n  hall/line/liar: {kind: press, criticality: A}\n")
            .replace("detectors:\n", f"detectors:\n  liar-level: {{method: limit, tags: [\"{C}\"], hi_trip: 1000}}\n"))
        (self.conf / "tags/liar.csv").write_text(self.tags)

    def device(self, name):
        return next(d for d in self.status()["devices"] if d["device"] == name)

    def value(self, path):
        return self.get("values", match=path)[0]

    def points(self, path):
        return self.get("history", tag=path, limit=1000000)["points"]

    def good_device_is_whole(self):
        """Everything the good device served is in the history, and nothing else."""
        self.wait(self.is_sim_done, "recording served", 60)
        self.wait(lambda: self.diff() == (0, 0), "nothing missing, nothing extra", 20)

    def close(self):
        self.liar.close()
        super().close()


def with_liar(n=1500, **kw):
    def wrap(f):
        def test():
            p = TwoDevices(n, **kw)
            try:
                p.start()
                p.wait(lambda: p.value(C)["value"] is not None, "first value of the liar")
                f(p)
            finally:
                p.close()
        test.__name__ = f.__name__
        return test
    return wrap


def lies_and_recovers(p, mode, counter):
    """In this mode the device is not believed; afterwards it is again."""
    before = p.counter(counter)
    p.liar.put_f64(0, 99.0)
    p.liar.mode = mode
    p.wait(lambda: p.counter(counter) > before, f"{mode}: counted as {counter}")
    p.wait(lambda: p.value(C)["quality"] == "Bad", f"{mode}: quality is bad")
    p.liar.put_f64(0, GOOD)
    p.liar.mode = "good"
    p.wait(lambda: p.value(C)["quality"] == "Good" and p.value(C)["value"] == GOOD, f"{mode}: recovers")


@with_liar(2500)
def device_that_lies_in_every_way_is_not_believed_and_its_neighbour_loses_nothing(p):
    lies_and_recovers(p, "never", "bad.modbus_timeout")
    lies_and_recovers(p, "late", "bad.modbus_timeout")
    lies_and_recovers(p, "wrong_transaction", "drop.modbus_late_answer")
    lies_and_recovers(p, "wrong_length", "bad.modbus_frame")
    lies_and_recovers(p, "garbage", "bad.modbus_frame")
    good = [q["v"] for q in p.points(C) if q["q"] >> 30 == 0]
    assert 99.0 not in good, "a value of a lie was stored as good"
    p.good_device_is_whole()


@with_liar(800)
def answer_that_comes_one_byte_at_a_time_is_as_good_as_any(p):
    p.liar.put_f64(0, 33.25)
    p.liar.mode = "byte_by_byte"
    p.wait(lambda: p.value(C)["value"] == 33.25 and p.value(C)["quality"] == "Good", "value in small pieces")
    assert p.device("liar")["timeouts"] == 0 and p.device("liar")["framing"] == 0, p.device("liar")
    p.good_device_is_whole()


@with_liar(800)
def register_map_that_changes_makes_that_tag_bad_and_no_other(p):
    p.wait(lambda: p.value(D)["quality"] == "Good", "both tags are good")
    p.liar.refused_from = 8
    p.wait(lambda: p.value(D)["quality"] == "Bad", "tag behind the end of the map is bad")
    p.liar.put_f64(0, 44.5)
    p.wait(lambda: p.value(C)["value"] == 44.5 and p.value(C)["quality"] == "Good", "its neighbour goes on")
    assert p.value(D)["quality"] == "Bad"
    p.good_device_is_whole()


@with_liar(600)
def nan_and_infinities_become_bad_samples_and_history_stays_whole(p):
    for v in (math.nan, math.inf, -math.inf):
        before = p.counter("bad.value_not_finite")
        p.liar.put_f64(0, v)
        p.wait(lambda: p.counter("bad.value_not_finite") > before, f"{v} is counted")
        p.wait(lambda: p.value(C)["quality"] == "Bad", f"{v} is bad")
        p.liar.put_f64(0, GOOD)
        p.wait(lambda: p.value(C)["quality"] == "Good", "good again")
    points = p.points(C)
    assert all(q["v"] == GOOD for q in points if q["q"] >> 30 == 0)
    assert any(q["q"] >> 30 == 2 for q in points), "no bad sample in the history"
    p.good_device_is_whole()


@with_liar(600, tags=STAMPED_TAGS, options=", time: register")
def duplicate_backward_and_future_stamps_are_kept_and_marked(p):
    base = (int(time.time()) - 60) * 10**9
    script = [(base, 1.0), (base + 10**9, 2.0), (base + 10**9, 2.0),     # the same again
              (base, 3.0),                                              # backward, another value
              (base + 2 * 10**9, 4.0), (base + 3600 * 10**9, 5.0)]      # an hour ahead
    at = [-1]

    def step():
        if at[0] + 1 < len(script):
            at[0] += 1
            p.liar.put_i64(0, script[at[0]][0])
            p.liar.put_f64(4, script[at[0]][1])

    p.liar.before_read = step
    p.wait(lambda: at[0] == len(script) - 1 and any(q["v"] == 5.0 for q in p.points(C)), "all stamps read")
    got = [(ns(q["t"]), q["v"], q["q"] >> 30, "late" in q["flags"] if isinstance(q["flags"], (list, str))
            else q["flags"] & 1 != 0) for q in p.points(C) if q["v"] in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert [(t, v) for t, v, _, _ in got if v < 5] == [
        (base, 1.0), (base, 3.0), (base + 10**9, 2.0), (base + 2 * 10**9, 4.0)], got
    late = {v: is_late for _, v, _, is_late in got}
    assert late == {1.0: False, 3.0: True, 2.0: False, 4.0: False, 5.0: False}, late
    future = next(x for x in got if x[1] == 5.0)
    assert future[2] == 1 and abs(future[0] - time.time_ns()) < 120 * 10**9, future    # Uncertain, receive time
    p.good_device_is_whole()


def with_plant(n, **kw):
    def wrap(f):
        def test():
            p = Plant(rows(n), **kw)
            try:
                p.start()
                f(p)
            finally:
                p.close()
        test.__name__ = f.__name__
        return test
    return wrap


def ingested(p, n):
    p.wait(lambda: p.status()["devices"][0]["samples"] >= n, f"{n} samples")


@with_plant(3000)
def core_that_sleeps_five_seconds_during_ingest_loses_nothing(p):
    ingested(p, 300)
    pid = p.role("core")["pid"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(5)
    os.kill(pid, signal.SIGCONT)
    p.settle()
    assert p.role("core")["pid"] == pid
    assert p.diff() == (0, 0), p.diff()


@with_plant(1500)
def what_edge_spooled_at_a_stop_without_core_comes_back_after_the_start(p):
    ingested(p, 300)
    core = p.role("core")["pid"]
    os.kill(core, signal.SIGSTOP)
    p.wait(lambda: len(p.ledger("a")) > 700, "ingest goes on while core sleeps")
    p.stop()        # edge spools what nobody acknowledged; the sleeping core is killed
    assert list((p.data / "spool/cell").glob("*.spool")), "nothing was spooled"
    p.start()
    p.settle()
    missing, extra = p.diff()
    assert extra == 0 and missing <= 2 * 4, (missing, extra)
    assert not list((p.data / "spool/cell").glob("*.spool")), "spool files stay behind"


@with_plant(2000)
def edge_and_core_killed_together_go_on_from_any_number(p):
    ingested(p, 300)
    edge, core = p.role("edge")["pid"], p.role("core")["pid"]
    os.kill(edge, signal.SIGKILL)
    time.sleep(0.25)        # the new edge says hello ...
    os.kill(core, signal.SIGKILL)       # ... and the core that heard it dies
    p.wait(lambda: p.role("core")["pid"] != core and p.role("edge")["pid"] != edge, "both heal")
    have = len(p.history("a"))
    p.wait(lambda: len(p.history("a")) > have + 50, "ingest goes on")
    p.settle()
    missing, extra = p.diff()
    assert extra == 0 and missing <= 2 * 64, (missing, extra)


@with_plant(1500, trip=30.0)
def acknowledging_an_alarm_answers_the_alarm_and_survives_kill_9_at_once(p):
    p.wait(lambda: any(a["rule"] == "level-high" for a in p.get("alarms", state="all")), "alarm")
    p.settle()
    a = [x for x in p.get("alarms") if x["rule"] == "level-high"]
    assert a and a[0]["state"] in ("unacknowledged", "returned"), a
    from urllib.parse import quote
    answer = p.call("POST", "/api/v1/alarms/" + quote(a[0]["id"], safe="") + "/shelve",
                    {"reason": "test", "for": "2h"})
    os.kill(p.role("core")["pid"], signal.SIGKILL)
    assert answer["id"] == a[0]["id"] and answer["state"] == "shelved", answer
    p.wait(lambda: p.role("core")["status"] == "ready" and p.role("core")["restarts"] == 1, "core heals")
    p.wait(lambda: next(x for x in p.get("alarms", state="all") if x["id"] == a[0]["id"])["state"] == "shelved",
           "the shelved alarm is still shelved", 5)


@with_plant(4000, trip=30.0)
def events_survive_kill_9_while_they_are_raised(p):
    for i in range(2):
        ingested(p, 600 * (i + 1))
        p.kill_role("core")
    p.settle()
    alarm = next(a for a in p.get("alarms", state="all") if a["rule"] == "level-high")
    events = p.get("events", rule="level-high", limit=10000)
    assert len({e["id"] for e in events}) == len(events)
    newest = max(events, key=lambda e: e["span"]["to"] if isinstance(e["span"], dict) else e["span"][1])
    assert alarm["event"] == newest["id"], (alarm, newest["id"])


@with_plant(4000, trip=30.0)
def reloads_one_after_another_under_load_lose_nothing_and_raise_nothing_twice(p):
    good = (p.conf / "plant.yaml").read_text()
    for i in range(8):
        p.wait(lambda: len(p.ledger("a")) > 300 * (i + 1), "ingest goes on")
        (p.conf / "plant.yaml").write_text(good.replace("priority: 2", f"priority: {1 + i % 4}"))
        try:
            p.call("POST", "/api/v1/reload", {})
        except RuntimeError as e:       # the same file again
            assert "nothing" in str(e), e
    p.settle()
    assert p.diff()[1] == 0
    assert all(r["restarts"] == 0 for r in p.status()["roles"]), p.status()["roles"]
    ids = [e["id"] for e in p.get("events", limit=10000)]
    assert len(ids) == len(set(ids)) and ids
    assert p.stop() == 0


if __name__ == "__main__":
    run([device_that_lies_in_every_way_is_not_believed_and_its_neighbour_loses_nothing,
         answer_that_comes_one_byte_at_a_time_is_as_good_as_any,
         register_map_that_changes_makes_that_tag_bad_and_no_other,
         nan_and_infinities_become_bad_samples_and_history_stays_whole,
         duplicate_backward_and_future_stamps_are_kept_and_marked,
         core_that_sleeps_five_seconds_during_ingest_loses_nothing,
         what_edge_spooled_at_a_stop_without_core_comes_back_after_the_start,
         edge_and_core_killed_together_go_on_from_any_number,
         acknowledging_an_alarm_answers_the_alarm_and_survives_kill_9_at_once,
         events_survive_kill_9_while_they_are_raised,
         reloads_one_after_another_under_load_lose_nothing_and_raise_nothing_twice])
