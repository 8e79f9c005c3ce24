# SPDX-License-Identifier: Apache-2.0
"""Replay: every event of a real plant comes out of the history again, byte for byte, and
nothing that was changed is called identical."""
import json
import math
import pathlib
import random
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import plantlib
from plantlib import HF, Plant, rows, run

DETECTORS = """  level: {{method: limit, tags: ["hall/line/dev/a"], hi_trip: {trip}, hi_warn: 60}}
  drift: {{method: ewma, tags: ["hall/line/dev/*"], learn: 300 samples}}
  both: {{method: mewma, tags: ["hall/line/dev/*"], learn: 300 samples}}
"""
RULES = """  drifting: {on: drift, refractory: 30s}
  together: {on: both, refractory: 30s}
  anything: {on: drift, per: asset, refractory: 30s}
"""
old = next(l for l in plantlib.CONF.splitlines(True) if l.startswith("  level: {{method"))
plantlib.CONF = plantlib.CONF.replace(old, DETECTORS)


def signal(n, seed=7):
    """Noise with excursions of several kinds after the learning time."""
    rnd = random.Random(seed)
    out = []
    for i in range(n):
        bump = 40 * math.sin(i / 20) if i > 400 and i % 300 < 60 else 0
        shift = 15 if i > 400 and i % 500 > 440 else 0
        out.append((50 + rnd.gauss(0, 2) + bump, 5 + rnd.gauss(0, .2) + shift))
    return out


def start(n=3000, **kw):
    return Plant(signal(n), trip=80, extra=RULES, **kw).start()


def replay(p, event):
    return p.get("replay", id=event["id"])


def events(p, n=1000):
    return p.get("events", limit=n)


def all_identical(p, want):
    got = events(p)
    assert len(got) >= want, f"only {len(got)} events"
    kinds = {(e["method"], e["kind"]) for e in got}
    for m in ("limit", "ewma", "mewma"):
        assert (m, "on") in kinds, f"no event of {m}: {kinds}"
    bad = [r for r in (replay(p, e) for e in got[:want]) if not r["identical"]]
    assert not bad, f"{len(bad)} of {want} differ: {json.dumps(bad[:2])[:3000]}"


def fifty_events_are_replayed_identically():
    p = start()
    try:
        p.settle()
        all_identical(p, 50)
        verb = subprocess.run([HF, "replay", "--last", "50", "--run", str(p.run)],
                              capture_output=True, text=True)
        assert verb.returncode == 0, verb.stdout + verb.stderr
        assert verb.stdout.strip().endswith("50 identical of 50"), verb.stdout[-300:]
        assert p.counter("bad.replay_differs") == 0
        assert p.counter("replay.events") == 100
    finally:
        p.close()


def events_across_kills_and_restarts_are_replayed_identically():
    p = start(4000)
    try:
        p.wait(lambda: len(events(p)) >= 3, "first events")
        p.kill_role("core")
        p.wait(lambda: len(events(p)) >= 12, "more events")
        p.kill_role("edge")
        p.wait(lambda: len(events(p)) >= 20, "more events")
        p.stop()
        p.start()
        p.settle()
        all_identical(p, 50)
    finally:
        p.close()


def a_changed_configuration_replays_what_it_was():
    p = start(4000)
    try:
        p.wait(lambda: len(events(p)) >= 10, "first events")
        p.trip = 85        # other limits: another detector from here on
        p.extra = RULES.replace("refractory: 30s", "refractory: 20s")
        p.write_conf()
        p.call("POST", "/api/v1/reload")
        p.settle()
        all_identical(p, 50)
    finally:
        p.close()


def a_changed_sample_is_reported_as_different():
    p = start()
    try:
        p.settle()
        e = next(e for e in events(p) if e["method"] == "ewma" and e["kind"] == "on")
        tag = e["variables"][0]["tag"]
        assert replay(p, e)["identical"]
        before = p.get("history", tag=tag, limit=100000)["points"]
        p.stop()
        flip_bit(p, tag, 0.15)
        p.start()
        after = p.get("history", tag=tag, limit=100000)["points"]
        changed = [i for i, (x, y) in enumerate(zip(before, after)) if x != y]
        print(f"# {len(before)} points, {len(after)} after, {len(changed)} changed from {changed[:1]} on")
        assert before != after and changed[0] < 300, "the change must lie where it was learned"
        r = replay(p, e)
        assert not r["identical"], r
        assert r["why"] != "", r
        assert p.counter("bad.replay_differs") == 1
    finally:
        p.close()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def flip_bit(p, tag, share):
    """One bit of the tag's first stored chunk, with its check made right again: what a
    forger would do. share: how far into the chunk."""
    best = None
    for f in sorted((p.data / "hist").glob("[0-9]*.db")):
        db = sqlite3.connect(f)
        row = db.execute("SELECT id FROM tag WHERE path=?", (tag,)).fetchone()
        for ident, data in db.execute("SELECT id, data FROM chunk WHERE id >> 43 = ?", row or (-1,)):
            best = best or (f, ident, data)
        db.close()
    f, ident, data = best
    n = len(data)
    assert crc32c(data[:-4]) == int.from_bytes(data[-4:], "little")
    at = int((n - 4) * share)
    forged = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:-4]
    forged += crc32c(forged).to_bytes(4, "little")
    db = sqlite3.connect(f)
    db.execute("UPDATE chunk SET data=? WHERE id=?", (forged, ident))
    db.commit()
    db.close()


def changed_evidence_is_reported_as_different():
    p = start(1500)
    try:
        p.settle()
        e = next(e for e in events(p) if e["kind"] == "on")
        p.stop()
        db = sqlite3.connect(p.data / "state/state.db")
        text = db.execute("SELECT json FROM event WHERE id=?", (bytes.fromhex(e["id"]),)).fetchone()[0]
        forged = text.replace('"score":', '"score":1', 1)
        assert forged != text
        db.execute("UPDATE event SET json=? WHERE id=?", (forged, bytes.fromhex(e["id"])))
        db.commit()
        db.close()
        p.start()
        r = replay(p, e)
        assert not r["identical"]
        assert [d["field"] for d in r["differs"]] == ["score"], r
        verb = subprocess.run([HF, "replay", e["id"], "--run", str(p.run)], capture_output=True, text=True)
        assert verb.returncode == 1 and "different" in verb.stdout, verb.stdout + verb.stderr
    finally:
        p.close()


def an_unknown_event_is_said_to_be_unknown():
    p = Plant(rows(20)).start()
    try:
        verb = subprocess.run([HF, "replay", "0" * 64, "--run", str(p.run)], capture_output=True, text=True)
        assert verb.returncode == 1 or verb.returncode > 1, verb.returncode
        assert "no event has this id" in verb.stderr, verb.stderr
    finally:
        p.close()


run([fifty_events_are_replayed_identically, events_across_kills_and_restarts_are_replayed_identically,
     a_changed_configuration_replays_what_it_was, a_changed_sample_is_reported_as_different,
     changed_evidence_is_reported_as_different, an_unknown_event_is_said_to_be_unknown])
