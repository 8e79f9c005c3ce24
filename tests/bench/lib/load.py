# SPDX-License-Identifier: Apache-2.0
"""load.py - a plant under the throughput load, for the programs of tests/bench.

The load: `ntag` tags of the driver `synthetic` with a limit detector on each of the first 1,000, EWMA
on one in ten of these, and one MEWMA group of 8 tags that are sampled at 1 kHz each (a device of
their own); the other tags share what is left of the rate. The real program runs: parent, edge,
core, audit, web, all in their sandboxes if this machine has what they need.

Figures go to standard output, one line each, tab-separated, for tools/bench:
    figure NAME VALUE UNIT BASELINE_NAME BASELINE_VALUE BUDGET
with "-" for what does not apply and a budget like "<=1" or ">=500000".
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "fault"))
import plantlib  # noqa: E402

NWATCHED = 1000     # tags that have detectors
NGROUP = 8          # tags of the MEWMA group
GROUP_HZ = 1000
NEWMA = 100
TICK_HZ = os.sysconf("SC_CLK_TCK")

CONF = """format: 1
plant: {{enterprise: test, site: bench, timezone: UTC}}
zones:
  cell: {{sl_target: 1, interface: host-veth, networks: [127.0.0.0/8], ipv6: false}}
devices:
  wide: {{zone: cell, driver: synthetic, tags: tags/wide.csv, rate: {wide}/s}}
  fast: {{zone: cell, driver: synthetic, tags: tags/fast.csv, rate: {fast}/s}}
assets:
  hall: {{kind: press, criticality: A}}
detectors:
  bounds: {{method: limit, tags: ["hall/ewma/*", "hall/plain/*", "hall/group/*"], lo_trip: 10, lo_warn: 20,
    hi_warn: 80, hi_trip: 90, hysteresis: 1}}
  drift: {{method: ewma, tags: ["hall/ewma/*"], learn: 500 samples, L: 50}}
  group: {{method: mewma, tags: ["hall/group/*"], learn: 2000 samples, grid: 1ms, factor: 100}}
rules:
  out-of-bounds: {{on: bounds, cause: bench, consequence: bench, action: look, respond_within: 30min, priority: 2}}
  drifts: {{on: drift}}
  unlike: {{on: group}}
"""
HEAD = "device,tag,address,type,access,unit,uns_path\n"


def tags(device, groups):
    lines = [HEAD]
    n = 0
    for group, count in groups:
        for i in range(count):
            n += 1
            lines.append(f"{device},t{n},x:{n},float64,r,degC,hall/{group}/t{i}\n")
    return "".join(lines)


def figure(name, value, unit, base_name="-", base="-", budget="-"):
    text = [f"{x:.6g}" if isinstance(x, float) else str(x) for x in (name, value, unit, base_name, base, budget)]
    print("\t".join(["figure"] + text), flush=True)


def note(text):
    print("# " + text, flush=True)


class Load(plantlib.Plant):
    """A plant of ntag tags at rate samples/s, on the file system of the build folder."""

    def __init__(self, rate, ntag=NWATCHED):
        super().__init__([])
        self.rate, self.ntag = rate, ntag
        self.move_to_disk()

    def move_to_disk(self):
        """/tmp may be a RAM disk, on which durability costs nothing."""
        shutil.rmtree(self.dir)
        where = os.environ.get("BENCH_DIR", "/var/tmp")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hf-bench.", dir=where))
        self.dir.chmod(0o755)
        self.conf, self.run, self.data = self.dir / "conf", self.dir / "run", self.dir / "data"

    def write_conf(self):
        (self.conf / "tags").mkdir(parents=True)
        fast = min(NGROUP * GROUP_HZ, self.rate // 2)
        (self.conf / "plant.yaml").write_text(CONF.format(wide=self.rate - fast, fast=fast))
        (self.conf / "tags/wide.csv").write_text(tags("wide", [
            ("ewma", NEWMA), ("plain", NWATCHED - NGROUP - NEWMA), ("bare", self.ntag - NWATCHED)]))
        (self.conf / "tags/fast.csv").write_text(tags("fast", [("group", NGROUP)]))

    def prepare(self):
        self.write_conf()
        r = subprocess.run([self.hf, "init", "--conf", str(self.conf), "--data", str(self.data)],
                           capture_output=True, text=True)
        if r.returncode != 0:
            raise RuntimeError(r.stdout + r.stderr)

    def launch(self):
        """Starts `holdfast run`; does not wait."""
        self.main = self.spawn("holdfast", [self.hf, "run", "--conf", str(self.conf), "--data", str(self.data),
                                            "--run", str(self.run)] + self.insecure)
        return time.monotonic()

    def is_refused(self):
        """This machine lacks a sandbox layer: exit 4, unless --insecure."""
        return self.main.poll() == 4 and not self.insecure

    def begin(self):
        """Starts; waits for the first durable batch. Gives (seconds to the API, seconds to the sample)."""
        t0 = self.launch()
        api = None
        while time.monotonic() - t0 < 30:
            if self.is_refused():
                self.insecure = ["--insecure"]
                note("this machine lacks layers of the sandbox: the figures are of --insecure")
                t0, api = self.launch(), None
            if self.main.poll() is not None:
                break
            try:
                s = self.status()
                api = api or time.monotonic() - t0
                if s["store"]["durable_seq"] > 0:
                    return api, time.monotonic() - t0
            except (OSError, RuntimeError, plantlib.http.client.HTTPException):
                pass
            time.sleep(0.002)
        raise RuntimeError("did not start:\n" + open(self.main.log).read()[-3000:])

    def pids(self):
        """{pid: role} of the parent and all below it."""
        children, names = {}, {}
        for d in pathlib.Path("/proc").iterdir():
            if not d.name.isdigit():
                continue
            try:
                stat = (d / "stat").read_text()
                argv = (d / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(d.name))
            names[int(d.name)] = argv[argv.index(b"--role") + 1].decode() if b"--role" in argv else "parent"
        mine, todo = {}, [self.main.pid]
        while todo:
            pid = todo.pop()
            mine[pid] = names.get(pid, "?")
            todo += children.get(pid, [])
        return mine

    def pss_kib(self):
        """{role: PSS in KiB}"""
        out = {}
        for pid, role in self.pids().items():
            for line in open(f"/proc/{pid}/smaps_rollup"):
                if line.startswith("Pss:"):
                    out[role] = out.get(role, 0) + int(line.split()[1])
        return out

    def cpu_s(self):
        """{role: CPU seconds so far}"""
        out = {}
        for pid, role in self.pids().items():
            f = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
            out[role] = out.get(role, 0) + (int(f[11]) + int(f[12])) / TICK_HZ
        return out

    def starved_s(self):
        """Seconds that edge's and core's threads could run and had no CPU: what others on this machine cost."""
        ns = 0
        for pid, role in self.pids().items():
            if role in ("edge", "core"):
                for f in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                    ns += int(f.read_text().split()[1])
        return ns / 1e9

    def look(self):
        """What the plant has done so far: a dict of numbers, with the time of the look."""
        s = self.status()
        c = {}
        for row in s["counters"]:
            c[row["name"]] = c.get(row["name"], 0) + row["value"]
        per_batch = c.get("core.samples", 0) / max(1, c.get("core.batches", 0))
        waiting = s["store"]["waiting_batches"]
        return {
            "t": time.monotonic(), "status": s, "counters": c,
            "durable": c.get("core.samples", 0) - waiting * per_batch,
            "waiting": waiting, "per_batch": per_batch,
            "drops": sum(n for name, n in c.items()
                         if name.startswith(("drop.", "deny.")) and name != "drop.cycle_skipped"),
            "late_turns": c.get("drop.cycle_skipped", 0),
            "decide": s["store"]["decide_ms"], "release": s["store"]["commit_ms"],
            "cpu": self.cpu_s(), "starved": self.starved_s(),
        }


def commit_baseline(where, nbytes, seconds=2.0):
    """ms of write + fdatasync of nbytes, appended to a file again and again: sorted list."""
    path = pathlib.Path(where) / "baseline"
    block = os.urandom(max(1, int(nbytes)))
    took = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        t0 = time.monotonic_ns()
        os.write(fd, block)
        os.fdatasync(fd)
        took.append((time.monotonic_ns() - t0) / 1e6)
    os.close(fd)
    path.unlink()
    return sorted(took)


def quantile(sorted_values, q):
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


def main(f):
    """Runs f(); a crash of the program under test is the only failure."""
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    try:
        f()
    except plantlib.Skip as e:
        note(f"skipped: {e}")
