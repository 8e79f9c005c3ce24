# SPDX-License-Identifier: Apache-2.0
"""plant_faults.py - a whole plant under kill -9, full disks, reloads and flapping devices.

What was acknowledged is compared with what the simulator says it served, bit for bit.
"""
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plantlib
from plantlib import Plant, Skip, rows, run


def with_plant(n=1500, **kw):
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


@with_plant()
def plant_stores_every_served_value_bit_for_bit(p):
    p.settle()
    assert p.diff() == (0, 0), p.diff()
    assert len(p.history("a")) == 1500
    s = p.status()
    assert s["health"] == ("degraded" if p.insecure else "ok"), s["findings"]
    assert p.stop() == 0
    v = p.verify()
    assert v.returncode == 0, v.stdout + v.stderr


@with_plant(3000)
def kill_9_of_core_audit_and_web_loses_nothing(p):
    for i, role in enumerate(("core", "audit", "web", "core", "audit")):
        ingested(p, 200 * (i + 1))
        p.kill_role(role)
    p.settle()
    assert p.diff() == (0, 0), p.diff()
    assert p.stop() == 0
    v = p.verify()
    assert v.returncode == 0, v.stdout + v.stderr


@with_plant(3000)
def kill_9_of_edge_loses_only_what_was_not_acknowledged(p):
    ingested(p, 300)
    for _ in range(2):
        p.kill_role("edge")
        have = len(p.history("a"))
        p.wait(lambda: len(p.history("a")) > have + 50, "ingest goes on")
    p.settle()
    missing, extra = p.diff()
    assert extra == 0, extra
    assert missing <= 2 * 2 * 64, missing   # two kills, two columns, what was under way


@with_plant(4000)
def kill_9_of_everything_keeps_what_was_durable(p):
    ingested(p, 800)
    before = set(p.history("a"))
    assert len(before) > 100
    os.kill(p.main.pid, signal.SIGKILL)
    p.main.wait()
    time.sleep(0.3)
    p.start()
    after = set(p.history("a"))
    assert before <= after, len(before - after)
    p.settle()
    missing, extra = p.diff()
    assert extra == 0 and missing <= 2 * 64, (missing, extra)
    assert p.stop() == 0
    v = p.verify()
    assert v.returncode == 0, v.stdout + v.stderr


@with_plant(200)
def roles_end_when_the_parent_is_killed(p):
    pids = [r["pid"] for r in p.status()["roles"]]
    os.kill(p.main.pid, signal.SIGKILL)
    p.main.wait()
    p.wait(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "roles end")


@with_plant(200)
def three_deaths_in_a_minute_make_a_role_failing_with_alarm_and_record(p):
    for _ in range(3):
        p.wait(lambda: p.role("edge")["status"] == "ready", "edge ready")
        os.kill(p.role("edge")["pid"], signal.SIGKILL)
        time.sleep(0.3)
    p.wait(lambda: p.role("edge")["status"] == "failing", "edge is failing")
    p.wait(lambda: any("role/edge" in a["id"] for a in p.get("alarms")), "alarm")
    assert any(r["action"] == "role.failing" for r in p.records())
    s = p.status()
    assert s["health"] == "failing"
    if s["roles"] and p.role("edge")["status"] == "failing":
        # a dead edge must not leave a green plant behind
        assert s["devices"][0]["status"] == "down", s["devices"]
        assert p.get("values", match="hall/line/dev/a")[0]["quality"] == "Uncertain"


@with_plant(1500, trip=30.0)
def alarm_is_raised_acknowledged_and_recorded(p):
    p.settle()
    alarms = [a for a in p.get("alarms", state="all") if a["rule"] == "level-high"]
    assert len(alarms) == 1, alarms
    events = p.get("events", rule="level-high", limit=1000)
    assert events, "no event"
    one = p.get("events", id=events[-1]["id"])[0]
    for key in ("statistic", "limit", "input_hash", "config_hash", "variables", "text"):
        assert key in one, key
    p.call("POST", "/api/v1/alarms/" + __import__("urllib.parse").parse.quote(alarms[0]["id"], safe="") + "/ack",
           {"reason": "seen"})
    p.wait(lambda: any(r["action"] == "alarm.ack" and r["actor"] == f"uid:{os.getuid()}"
                       for r in p.records()), "record of the acknowledgement")
    assert any(j["to"] == "acknowledged" or j["from"] == "returned" for j in p.get("journal"))


@with_plant(1500, trip=30.0)
def events_survive_kill_9_of_core_once_each(p):
    p.settle()
    before = sorted(e["id"] for e in p.get("events", limit=10000))
    assert before
    p.kill_role("core")
    p.wait(lambda: sorted(e["id"] for e in p.get("events", limit=10000)) == before, "same events")


@with_plant(1500)
def reload_applies_a_change_and_refuses_a_broken_file_whole(p):
    hash0 = p.status()["config_hash"]
    good = (p.conf / "plant.yaml").read_text()
    (p.conf / "plant.yaml").write_text(good.replace("priority: 2", "prority: 2"))
    try:
        p.call("POST", "/api/v1/reload", {})
        raise AssertionError("a broken file was applied")
    except RuntimeError as e:
        assert "prority" in str(e) and "priority" in str(e), e
    assert p.status()["config_hash"] == hash0
    (p.conf / "plant.yaml").write_text(good.replace("priority: 2", "priority: 1"))
    answer = p.call("POST", "/api/v1/reload", {})
    p.wait(lambda: p.status()["config_hash"] != hash0, "new hash")
    assert answer["hash"] == p.status()["config_hash"]
    p.settle()
    assert p.diff()[1] == 0
    actions = [r["action"] for r in p.records()]
    assert "config.refused" in actions and "config.change" in actions, actions


@with_plant(2000)
def port_that_flaps_gives_bad_quality_and_comes_back(p):
    ingested(p, 200)
    p.sim.kill()
    p.sim.wait()
    p.wait(lambda: p.status()["devices"][0]["status"] not in ("ok",), "device is not ok")
    p.wait(lambda: p.get("values", match="hall/line/dev/a")[0]["quality"] == "Bad", "quality is bad")
    p.start_sim()
    p.wait(lambda: p.status()["devices"][0]["status"] == "ok", "device is back")
    p.wait(lambda: p.get("values", match="hall/line/dev/a")[0]["quality"] == "Good", "quality is good", 60)


def full_disk_stops_acknowledgement_not_alarms_and_heals():
    if os.getuid() != 0:
        raise Skip("needs root to mount a small file system")
    mnt = pathlib.Path(subprocess.check_output(["mktemp", "-d", "/tmp/hf-small.XXXXXX"], text=True).strip())
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(mnt)],
                      capture_output=True).returncode != 0:
        mnt.rmdir()
        raise Skip("needs CAP_SYS_ADMIN to mount a small file system")
    n = 6000
    p = Plant(rows(n, lambda i: 20.0 if i < n // 2 else 50.0), data=mnt / "data", trip=30.0)
    try:
        p.start()
        ingested(p, 300)
        with open(mnt / "filler", "wb") as f:
            try:
                while True:
                    f.write(b"x" * 65536)
                    f.flush()
            except OSError:
                pass
        p.wait(lambda: p.status()["store"]["state"] == "failing", "store fails", 60)
        assert p.status()["health"] == "failing"
        p.wait(lambda: any(a["id"].endswith("|store") for a in p.get("alarms")), "alarm of the store")
        p.wait(lambda: any(a["rule"] == "level-high" for a in p.get("alarms")),
               "the plant's alarm comes although the disk is full", 60)
        (mnt / "filler").unlink()
        p.wait(lambda: p.status()["store"]["state"] == "ok", "store heals", 60)
        p.settle()
        assert p.diff() == (0, 0), p.diff()
        assert p.stop() == 0
        v = p.verify()
        assert v.returncode == 0, v.stdout + v.stderr
    finally:
        p.close()
        subprocess.run(["umount", "-l", str(mnt)])
        mnt.rmdir()


# What the faulty build's parser dies of: these eight bytes in an answer.
DEADLY = struct.unpack(">d", bytes.fromhex("deadbeefdeadbeef"))[0]


def device_whose_input_kills_edge_twice_is_quarantined_and_the_others_go_on():
    p = Plant(rows(3000, lambda i: DEADLY if i >= 300 else 20.0),
              hf=str((plantlib.ROOT / plantlib.BUILD / "faults/holdfast").resolve()))
    try:
        p.start()
        p.wait(lambda: p.status()["devices"][0]["status"] == "quarantined", "quarantine", 60)
        p.wait(lambda: p.role("edge")["status"] == "ready", "edge lives")
        assert "quarantine-dev.bin" in p.status()["devices"][0]["text"]
        kept = p.data / "spool/cell/quarantine-dev.bin"
        assert bytes.fromhex("deadbeefdeadbeef") in kept.read_bytes()
        p.wait(lambda: any(a["id"] == "system|device/dev" for a in p.get("alarms")), "alarm")
        p.wait(lambda: any(r["action"] == "device.state" and r["decision"] == "quarantined"
                           for r in p.records()), "record")
        assert p.role("edge")["restarts"] == 2, p.role("edge")
    finally:
        p.close()


@with_plant(3000)
def stop_is_clean_and_the_next_start_goes_on(p):
    ingested(p, 600)
    assert p.stop() == 0
    log = open(p.main.log).read()
    assert "SIGKILL" not in log and "killed" not in log, log[-2000:]
    p.start()
    p.settle()
    missing, extra = p.diff()
    assert extra == 0 and missing <= 2 * 4, (missing, extra)


if __name__ == "__main__":
    run([plant_stores_every_served_value_bit_for_bit,
         kill_9_of_core_audit_and_web_loses_nothing,
         kill_9_of_edge_loses_only_what_was_not_acknowledged,
         kill_9_of_everything_keeps_what_was_durable,
         roles_end_when_the_parent_is_killed,
         three_deaths_in_a_minute_make_a_role_failing_with_alarm_and_record,
         alarm_is_raised_acknowledged_and_recorded,
         events_survive_kill_9_of_core_once_each,
         reload_applies_a_change_and_refuses_a_broken_file_whole,
         port_that_flaps_gives_bad_quality_and_comes_back,
         full_disk_stops_acknowledgement_not_alarms_and_heals,
         device_whose_input_kills_edge_twice_is_quarantined_and_the_others_go_on,
         stop_is_clean_and_the_next_start_goes_on])
