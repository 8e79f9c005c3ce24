# SPDX-License-Identifier: Apache-2.0
"""plant_torture.py - kill -9 of a random role, or of everything, during ingest, again and again.

Before each kill the history is read: what it shows was acknowledged and must be there after every
kill that follows, and at the end. Nothing may be there that the simulator did not serve. Roles are
killed with pauses, so that none is `failing`; the parent's death takes all with it and clears that.
20 kills; 200 with TORTURE=1; SEED fixes the order.
"""
import os
import random
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plantlib import Plant, rows, run

NKILL = 200 if os.environ.get("TORTURE") else 20
SEED = int(os.environ.get("SEED", "1"))
NROUND = 10     # kills in one plant: a recording lasts that long


def killed(p, rnd, deaths):
    """Kills one role or the parent; returns its name. Three deaths a minute would be `failing`."""
    old = time.monotonic() - 61
    calm = [r for r in ("core", "edge", "audit", "web") if sum(t > old for t in deaths[r]) < 2]
    name = rnd.choice(calm + ["parent"])
    if name == "parent":
        os.kill(p.main.pid, signal.SIGKILL)
        p.main.wait()
        for r in deaths:
            deaths[r].clear()
        time.sleep(0.3)
        p.start()
        return name
    deaths[name].append(time.monotonic())
    p.kill_role(name)
    return name


def one_plant(rnd, nkill):
    p = Plant(rows(nkill * 700))
    deaths = {r: [] for r in ("core", "edge", "audit", "web")}
    acked = {"a": set(), "b": set()}
    lossy = 0       # edge dies in these: what it alone held is lost, and may be
    try:
        p.start()
        for _ in range(nkill):
            time.sleep(rnd.uniform(0.05, 0.8))
            for c in acked:
                have = set(p.history(c))
                assert acked[c] <= have, f"{len(acked[c] - have)} acknowledged samples are gone"
                acked[c] = have
            lossy += killed(p, rnd, deaths) in ("edge", "parent")
        p.settle()
        for c in acked:
            have, served = set(p.history(c)), set(p.ledger(c))
            assert acked[c] <= have, f"{len(acked[c] - have)} acknowledged samples are gone"
            assert have <= served, f"{len(have - served)} samples were never served"
            assert len(served - have) <= 64 * lossy, (len(served - have), lossy)
        assert p.stop() == 0
        v = p.verify()
        assert v.returncode == 0, v.stdout + v.stderr
    finally:
        p.close()


def random_kills_during_ingest_lose_nothing_that_was_acknowledged():
    rnd = random.Random(SEED)
    print(f"# {NKILL} kills, SEED={SEED}", flush=True)
    for _ in range(NKILL // NROUND):
        one_plant(rnd, NROUND)


if __name__ == "__main__":
    run([random_kills_during_ingest_lose_nothing_that_was_acknowledged])
