#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_start.py - from exec of `holdfast run` to the first durable sample, and how fast it stops.

A plant of 1,000 tags at 100,000 samples/s; five starts, each into an empty data folder and once more
over what it left (a log that has to be folded). The median counts. Baseline: `holdfast check` on the
same plant, that is one process that reads the same configuration.
"""
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import load  # noqa: E402
from load import figure, note  # noqa: E402

NRUN = 5
RUN_S = 2.0


def one():
    """(check, first start, second start, stop) in ms"""
    plant = load.Load(100_000)
    try:
        plant.prepare()
        t0 = time.monotonic()
        subprocess.run([plant.hf, "check", "--conf", str(plant.conf)], capture_output=True, check=True)
        check = time.monotonic() - t0
        _, first = plant.begin()
        time.sleep(RUN_S)
        t0 = time.monotonic()
        plant.stop()
        stop = time.monotonic() - t0
        _, again = start_again(plant)
        plant.stop()
    finally:
        plant.close()
    return tuple(1e3 * x for x in (check, first, again, stop))


def start_again(plant):
    """The log's numbers go on: the first durable sample of this start is one above what it found."""
    t0 = plant.launch()
    seen = None
    while time.monotonic() - t0 < 30:
        try:
            s = plant.status()
            if seen is None:
                seen = s["store"]["durable_seq"]
            counters = {c["name"]: c["value"] for c in s["counters"]}
            if counters.get("core.batches", 0) > s["store"]["waiting_batches"]:
                return None, time.monotonic() - t0
        except (OSError, RuntimeError, load.plantlib.http.client.HTTPException):
            pass
        time.sleep(0.002)
    raise RuntimeError("did not start again:\n" + open(plant.main.log).read()[-3000:])


def main():
    runs = [one() for _ in range(NRUN)]
    check, first, again, stop = (statistics.median(column) for column in zip(*runs))
    figure("start to first durable sample, empty", first, "ms", "holdfast check", check, "<=1000")
    figure("start to first durable sample, after 2 s of data", again, "ms", "holdfast check", check, "<=1000")
    figure("SIGTERM to exit, under load", stop, "ms", "holdfast check", check, "<=2000")
    note("start: slowest of five " + ", ".join(f"{max(c):.0f} ms" for c in zip(*runs)))


if __name__ == "__main__":
    load.main(main)
