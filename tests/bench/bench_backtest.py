#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_backtest.py - rows a minute of `holdfast backtest` over a table of 8 signals.

Three detectors watch all of them: limits, EWMA, one MEWMA group. The baseline is reading the
same table with Python's csv module and turning every cell into a number, on the same machine.
"""
import csv
import os
import pathlib
import random
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HF = (ROOT / os.environ.get("B", "build") / "holdfast").resolve()
ROWS = int(os.environ.get("ROWS") or 500_000)
SIGNALS = "abcdefgh"

PLANT = """format: 1
plant: {enterprise: test, site: bench, timezone: UTC}
zones:
  cell: {sl_target: 1, interface: eth9, networks: [10.0.0.0/8]}
conduits:
  m: {from: edge/cell, to: 10.0.0.1, proto: modbus-tcp, port: 502, direction: pull, purpose: p, owner: o,
    review: 2190-01-01}
devices:
  dev: {zone: cell, driver: modbus-tcp, host: 10.0.0.1, asset: hall/dev, tags: tags/dev.csv}
assets:
  hall/dev: {kind: press, criticality: A}
detectors:
  level: {method: limit, tags: ["hall/dev/*"], hi_trip: 90}
  drift: {method: ewma, tags: ["hall/dev/*"], learn: 5000 samples}
  group: {method: mewma, tags: ["hall/dev/*"], learn: 5000 samples}
rules:
  high: {on: level}
  drifting: {on: drift}
  together: {on: group}
"""


def main():
    with tempfile.TemporaryDirectory(prefix="hf-bench.") as d:
        d = pathlib.Path(d)
        (d / "tags").mkdir()
        (d / "plant.yaml").write_text(PLANT)
        (d / "tags/dev.csv").write_text("device,tag,address,type,order,access,interval_ms,unit,uns_path\n" + "".join(
            f"dev,{c},hr:{4 * i},float64,ABCD,r,100,deg,hall/dev/{c}\n" for i, c in enumerate(SIGNALS)))
        rnd = random.Random(1)
        with open(d / "in.csv", "w") as f:
            f.write("time," + ",".join("hall/dev/" + c for c in SIGNALS) + "\n")
            noise = [",".join("%.4f" % (50 + rnd.gauss(0, 3)) for _ in SIGNALS) for _ in range(10_000)]
            for i in range(ROWS):
                f.write(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + i)) + "," +
                        noise[i % len(noise)] + "\n")
        t0 = time.monotonic()
        with open(d / "in.csv", newline="") as f:
            rows = csv.reader(f)
            next(rows)
            total = sum(sum(map(float, r[1:])) for r in rows)
        base = time.monotonic() - t0
        assert total > 0
        t0 = time.monotonic()
        subprocess.run([HF, "backtest", "--config", d, "--csv", d / "in.csv", "--out", d / "out"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = time.monotonic() - t0
    print(f"figure\tbacktest_rows_per_min\t{ROWS / took * 60:.6g}\trows/min\tpython_csv\t{ROWS / base * 60:.6g}\t>=1e6",
          flush=True)


main()
