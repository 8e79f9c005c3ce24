#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_pipeline.py - latency and throughput of the whole plant, from edge's decode to a durable sample.

Latency: 20 s at 100,000 samples/s; decode -> decision (detectors have seen the sample) and decode ->
release (its frame is on the disk, acknowledged), as core itself measures them, each batch by its oldest
sample. Beside them two baselines of the same minutes: a message of a batch's length through a socket
pair between two idle processes at a batch's rate, and write + fdatasync of one commit's bytes.
Throughput: 10 s at each rate until one is not sustained. Sustained means: at least 98 % of the rate
became durable within the window, nothing was dropped, nothing left waiting in edge's spool. Baseline:
samples/s that write + fdatasync alone reach with the same bytes in the same commits.
Size: bytes a sample on disk after the log of the latency run was folded.
"""
import os
import pathlib
import socket
import sqlite3
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import load  # noqa: E402
from load import figure, note  # noqa: E402

LATENCY_RATE = 100_000
LATENCY_S = float(os.environ.get("LATENCY_S", 20))
RATE_S = float(os.environ.get("RATE_S", 10))
RATES = [250_000, 500_000, 750_000, 1_000_000, 1_500_000, 2_000_000]
SUSTAINED = 0.98
SETTLE_S = 1.0          # after the start, before a window


def wire_baseline(nbytes, rate_hz, seconds=5.0):
    """ms that a message of nbytes needs from one process to another, at rate_hz: sorted list."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        a.close()
        out = []
        while True:
            m = b.recv(65536)
            if not m:
                break
            out.append(time.monotonic_ns() - struct.unpack_from("q", m)[0])
        with os.fdopen(w, "wb") as f:
            f.write(struct.pack(f"{len(out)}q", *out))
        os._exit(0)
    b.close()
    os.close(w)
    pad = bytes(max(0, int(nbytes) - 8))
    until, gap = time.monotonic() + seconds, 1 / rate_hz
    while time.monotonic() < until:
        a.send(struct.pack("q", time.monotonic_ns()) + pad)
        time.sleep(gap)
    a.close()
    with os.fdopen(r, "rb") as f:
        raw = f.read()
    os.waitpid(pid, 0)
    return sorted(x / 1e6 for x in struct.unpack(f"{len(raw) // 8}q", raw))


def per_commit(look):
    """(samples, bytes) of one group commit."""
    c = look["counters"]
    n = max(1, c.get("log.commits", 1))
    return c["core.samples"] / n, c.get("log.bytes", 0) / n


def disk_size(plant):
    """Bytes a sample, all of hist/, after the log was folded. The plant is stopped."""
    plant.rate = 2
    (plant.conf / "tags/wide.csv").unlink()
    (plant.conf / "tags/fast.csv").unlink()
    (plant.conf / "tags").rmdir()
    plant.write_conf()
    plant.begin()
    plant.wait(lambda: plant.counter("hist.samples") > 0, "fold of the log")
    plant.stop()
    nbytes = n = 0
    for f in plant.data.glob("hist/*"):
        nbytes += f.stat().st_size
        if f.name[:6].isdigit() and f.suffix == ".db":
            db = sqlite3.connect(f)
            n += db.execute("select sum(nsample) from tag").fetchone()[0] or 0
            db.close()
    return nbytes / max(1, n), n


def latency():
    plant = load.Load(LATENCY_RATE)
    try:
        plant.prepare()
        api_s, first_s = plant.begin()
        time.sleep(LATENCY_S)
        look = plant.look()
        size = look["counters"]["log.bytes"] / max(1, look["counters"]["log.frames"])
        _, commit_bytes = per_commit(look)
        batch_hz = look["counters"]["core.batches"] / LATENCY_S
        plant.stop()
        wire = wire_baseline(size, batch_hz)
        disk = load.commit_baseline(plant.dir, commit_bytes)
        report_latency(look, wire, disk)
        per_sample, n = disk_size(plant)
        figure("size on disk after fold, made-up noise", per_sample, "bytes/sample", "float64 + time", 16.0)
        note(f"size: {n} samples of 1,000 tags; a synthetic value carries 18 random bits, the budget of "
             "2.6 bytes is for recorded data")
    finally:
        plant.close()


def report_latency(look, wire, disk):
    for key, budget in (("p50", "-"), ("p99", "<=1"), ("max", "-")):
        q = {"p50": .5, "p99": .99, "max": 1}[key]
        figure(f"decode to decision at 100,000/s, {key}", look["decide"][key], "ms", "empty wire", load.quantile(wire, q),
               budget)
    for key, budget in (("p50", "<=10"), ("p99", "-"), ("max", "-")):
        q = {"p50": .5, "p99": .99, "max": 1}[key]
        figure(f"decode to durable at 100,000/s, {key}", look["release"][key], "ms", "write+fdatasync",
               load.quantile(disk, q), budget)
    c = look["counters"]
    note(f"latency: {c['core.samples']} samples in {c['core.batches']} batches, {c.get('log.commits', 0)} commits, "
         f"{look['drops']} dropped, {look['late_turns']} late turns of the driver; edge and core used "
         f"{look['cpu']['edge'] + look['cpu']['core']:.1f} s of CPU and waited {look['starved']:.1f} s for one")


def window(plant):
    """One rate for RATE_S: (looks at both ends)."""
    plant.begin()
    time.sleep(SETTLE_S)
    a = plant.look()
    time.sleep(RATE_S)
    return a, plant.look()


def judge(rate, a, b):
    """(durable samples/s, is sustained)"""
    seconds = b["t"] - a["t"]
    hz = (b["durable"] - a["durable"]) / seconds
    backlog = b["counters"].get("batch.sent", 0) - b["counters"].get("batch.acknowledged", 0)
    is_ok = hz >= SUSTAINED * rate and b["drops"] == 0 and backlog * b["per_batch"] < rate
    cpu = {r: b["cpu"][r] - a["cpu"][r] for r in ("edge", "core")}
    note(f"{rate}/s: {hz:.0f} durable/s, {b['drops']} dropped, {b['late_turns']} late turns, "
         f"{b['counters'].get('fall.batch_spooled', 0)} batches through the spool, "
         f"{b['counters'].get('hist.folds', 0)} folds, decision p99 {b['decide']['p99']:.2f} ms, "
         f"durable p99 {b['release']['p99']:.1f} ms, CPU edge {cpu['edge'] / seconds:.0%} core "
         f"{cpu['core'] / seconds:.0%} of one")
    per = {r: s * 1e9 / max(1, b["durable"] - a["durable"]) for r, s in cpu.items()}
    return hz, is_ok, per


def throughput():
    best, most, last = None, 0.0, None
    for rate in RATES:
        plant = load.Load(rate)
        try:
            plant.prepare()
            a, b = window(plant)
            hz, is_ok, per = judge(rate, a, b)
            nsample, nbytes = per_commit(b)
            disk = load.commit_baseline(plant.dir, nbytes)
        finally:
            plant.stop()
            plant.close()
        most = max(most, hz)
        last = last or (nsample, disk)
        if not is_ok:
            break
        best = (rate, hz, nsample, disk, per)
    if best is None:
        figure("sustained durable throughput", 0.0, "samples/s", "-", "-", ">=500000")
        return
    rate, hz, nsample, disk, per = best
    base = nsample * len(disk) / (sum(disk) / 1e3)
    figure("sustained durable throughput", hz, "samples/s", "write+fdatasync", base, ">=500000")
    figure("durable throughput at saturation", most, "samples/s", "write+fdatasync", base)
    figure("CPU of edge a sample (makes it up, too)", per["edge"], "ns")
    figure("CPU of core a sample, folds included", per["core"], "ns")


def main():
    latency()
    throughput()


if __name__ == "__main__":
    load.main(main)
