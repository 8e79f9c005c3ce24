#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_memory.py - proportional set size (PSS) of all our roles together, with 1,000 and 2,000 tags.

PSS counts a page that n processes share as 1/n in each: the sum over our roles is what the machine
gives for them. It is looked at twice a second while samples come in, and the highest sum counts; the
run is long enough for the open chunks of every tag to fill and be folded once. The first 1,000 tags
have detectors, the second 1,000 have none. Two loads: what waits for a slow disk counts too, and grows
with the rate. Baseline: the same plant just after its start.
"""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import load  # noqa: E402
from load import figure, note  # noqa: E402

LOW, HIGH = 100_000, 400_000
LIMIT_S = float(os.environ.get("MEMORY_S", 45))     # if no fold comes before


def peak(ntag, rate):
    """(KiB at start, highest KiB, {role: KiB} then)"""
    plant = load.Load(rate, ntag)
    try:
        plant.prepare()
        plant.begin()
        first = sum(plant.pss_kib().values())
        folds = plant.counter("hist.folds")
        best, until = {}, time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            now = plant.pss_kib()
            if sum(now.values()) > sum(best.values()):
                best = now
            if plant.counter("hist.folds") > folds + 1:     # one may come right after the start
                break
            time.sleep(0.5)
        n = plant.counter("core.samples")
        plant.stop()
    finally:
        plant.close()
    note(f"memory, {ntag} tags at {rate}/s: {n} samples; at most " + ", ".join(f"{r} {k} KiB" for r, k in sorted(best.items())))
    return first, sum(best.values())


def main():
    first, low = peak(1000, LOW)
    _, one = peak(1000, HIGH)
    _, two = peak(2000, HIGH)
    figure("memory, 1,000 tags at 100,000/s, highest", low / 1024, "MiB PSS", "after start", first / 1024, "<=64")
    figure("memory, 1,000 tags at 400,000/s, highest", one / 1024, "MiB PSS", "after start", first / 1024, "<=64")
    figure("memory of a further tag without detector", (two - one) / 1000, "KiB", "-", "-", "<=25")


if __name__ == "__main__":
    load.main(main)
