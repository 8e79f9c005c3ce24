# SPDX-License-Identifier: Apache-2.0
"""demo.py - runs the demo plant and says what it saw.

Called by ./demo. Starts the simulators, initialises keys and folders in a temporary
directory, runs `holdfast run`, shows the plant live, then compares what the simulators
say they served (their ledgers) with what history holds, bit for bit, lists the alarms,
computes the newest 50 events again from history, looks at the namespace with mosquitto_sub,
stops the plant and has its audit log verified twice: by holdfast and by the independent
verifier. Exit 0 only if nothing is missing, nothing is extra, every event comes out the same
and both verifiers accept.
"""
import argparse
import collections
import csv
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent.parent
ENGINES = range(1, 5)    # over Modbus TCP; 5 is an MQTT device, 6 behind a Sparkplug gateway
CYCLES = ["--time-cycle", "cycle", "--epoch", "2026-01-01T00:00:00Z", "--cycle-step", "1h"]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the API's unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Plant:
    def __init__(self, args):
        self.args = args
        self.hf = str(pathlib.Path(args.holdfast).resolve())
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-demo."))
        self.dir.chmod(0o755)
        self.conf, self.data, self.run = (self.dir / d for d in ("conf", "data", "run"))
        self.sims, self.main = [], None
        self.missing_layers = ""

    def say(self, text):
        if not self.args.json:
            print(text, flush=True)

    def spawn(self, name, argv):
        log = open(self.dir / (name + ".log"), "wb")
        return subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log_of(self, name):
        return (self.dir / (name + ".log")).read_text(errors="replace")

    def start_modbus_sim(self, name, units):
        port_file = self.dir / (name + ".port")
        argv = [self.hf, "sim", "modbus", "--listen", "127.0.0.1:0", "--port-file",
                str(port_file), "--ledger", str(self.dir / (name + ".ledger")),
                "--advance", "on-read"]
        for unit in units:
            argv += unit
        self.sims.append((name, self.spawn(name, argv)))
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if port_file.exists() and port_file.read_text().strip():
                return port_file.read_text().strip()
            time.sleep(0.02)
        sys.exit(f"the simulator {name} did not start:\n{self.log_of(name)}")

    def start_mqtt_sims(self):
        """One MQTT device and one Sparkplug gateway, once edge listens to the broker: what is
        published before that reaches nobody, as in any plant."""
        self.wait_devices({"engine5", "engine6"})
        replay = ["--replay", str(HERE / "etc/demo/data/engines.csv"), *CYCLES,
                  "--interval", "100ms"]
        at = f"127.0.0.1:{self.broker_port}"
        self.sims.append(("mqtt-sim", self.spawn("mqtt-sim", [
            self.hf, "sim", "mqtt", "--host", at, "--topic", "cells/cell2/engine5", *replay,
            "--filter", "unit=5", "--ledger", str(self.dir / "mqtt-sim.ledger")])))
        self.sims.append(("sparkplug-sim", self.spawn("sparkplug-sim", [
            self.hf, "sim", "sparkplug", "--broker", at, "--group", "demo", "--node", "gateway1",
            "--device", "engine6", *replay, "--filter", "unit=6",
            "--ledger", str(self.dir / "sparkplug-sim.ledger")])))

    def wait_devices(self, names):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            states = {d["device"]: d["status"] for d in self.get("/api/v1/status")["devices"]}
            if all(states.get(n) not in (None, "connecting", "down") for n in names):
                return
            time.sleep(0.1)
        sys.exit(f"the hall's devices do not reach their broker: {states}\n"
                 f"{self.log_of('holdfast')}")

    def start_sims(self):
        data = HERE / "etc/demo/data"
        press = self.start_modbus_sim("press-sim", [["--unit", "1", "--replay", str(data / "press.csv"),
                                              "--time", "timestamp"]])
        engines = self.start_modbus_sim("engine-sim", [
            ["--unit", str(u), "--replay", str(data / "engines.csv"), "--filter", f"unit={u}",
             *CYCLES] for u in ENGINES])
        shutil.copytree(HERE / "etc/demo", self.conf, ignore=shutil.ignore_patterns("data"))
        yaml = self.conf / "plant.yaml"
        self.broker_port = free_port()
        text = yaml.read_text().replace("15021", press).replace("15022", engines) \
            .replace("15023", str(self.broker_port))
        yaml.chmod(0o644)
        yaml.write_text(text)

    def verb(self, *argv, ok=(0,)):
        p = subprocess.run([self.hf, *argv], capture_output=True, text=True)
        if p.returncode not in ok:
            sys.exit(f"holdfast {' '.join(argv)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
        return p

    def start(self):
        self.verb("check", "--conf", str(self.conf))
        self.verb("init", "--conf", str(self.conf), "--data", str(self.data))
        argv = [self.hf, "run", "--conf", str(self.conf), "--data", str(self.data),
                "--run", str(self.run)]
        self.main = self.spawn("holdfast", argv)
        if not self.wait_up() and self.main.returncode == 4:
            # Rights are missing. The demo's plant is simulated and on loopback, so it goes on
            # by itself, and says which layers it goes on without.
            self.missing_layers = self.log_of("holdfast").strip()
            print(f"*** WITHOUT the full sandbox (simulated plant on loopback):\n"
                  f"*** {self.missing_layers}", file=sys.stderr)
            self.main = self.spawn("holdfast", argv + ["--insecure"])
            self.wait_up()
        if self.main.poll() is not None:
            sys.exit(f"holdfast did not start:\n{self.log_of('holdfast')}")

    def wait_up(self):
        until = time.monotonic() + 15
        while time.monotonic() < until and self.main.poll() is None:
            try:
                self.get("/api/v1/status")
                return True
            except (OSError, RuntimeError, http.client.HTTPException):
                time.sleep(0.02)
        return False

    def get(self, path, **query):
        conn = UnixConnection(str(self.run / "api.sock"))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        conn.request("GET", path)
        answer = conn.getresponse()
        body = answer.read()
        conn.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body.decode(errors='replace')}")
        return json.loads(body)

    def are_sims_done(self):
        return all("done" in self.log_of(name) for name, _ in self.sims)

    def watch(self):
        """Live until the time is over or every recording was served."""
        until = time.monotonic() + self.args.seconds
        while time.monotonic() < until and not self.are_sims_done():
            if self.main.poll() is not None:
                sys.exit(f"holdfast died:\n{self.log_of('holdfast')}")
            if not self.args.json:
                self.show()
            time.sleep(1)

    def show(self):
        status = self.get("/api/v1/status")
        alarms = self.get("/api/v1/alarms")
        values = self.get("/api/v1/values", match="press/**") + \
            self.get("/api/v1/values", match="engines/*/*/s4")
        lines = [f"holdfast {status['version']}  {status['plant']}  health: {status['health']}  "
                 f"durable frame {status['store']['durable_seq']}  "
                 f"audit records {status['audit']['records']}"]
        lines += [f"  {v['path']:<34}{v['value'] if v['value'] is not None else '-':>14} "
                  f"{v['unit'] or '':<6}{v['quality'] or 'never':<10}{v['t'] or ''}" for v in values]
        lines += [f"  ALARM {a['state']:<16}{a['text']}" for a in alarms
                  if not a.get("advisory")][:8]
        if sys.stdout.isatty():
            print("\033[H\033[J" + "\n".join(lines), flush=True)
        else:
            print(lines[0], flush=True)

    def settle(self):
        """The recordings stop where they are; what is under way becomes durable."""
        for _, sim in self.sims:
            sim.send_signal(signal.SIGUSR1)
        last, since = None, time.monotonic()
        until = since + 20
        while time.monotonic() < until:
            status = self.get("/api/v1/status")
            now = (sum(d["samples"] for d in status["devices"]),
                   status["store"]["durable_seq"], status["store"]["waiting_batches"])
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > 2 and now[2] == 0:
                break
            time.sleep(0.2)
        return status

    def history(self, tag):
        points = self.get("/api/v1/history", tag=tag, limit=1000000)["points"]
        return {(p["t"], struct.pack(">d", float(p["v"])).hex()) for p in points}

    def compare(self):
        """Ledger of the simulators against history: every value, bit for bit."""
        served = collections.defaultdict(set)
        rows = 0
        for name, _ in self.sims:
            with open(self.dir / (name + ".ledger"), newline="") as f:
                for row in csv.DictReader(f):
                    rows += 1
                    if name == "press-sim":
                        tag = "press/line1/press/temperature"
                    elif re.fullmatch(r"s\d+", row["column"]):
                        machine = {"mqtt-sim": "cell2/engine5", "sparkplug-sim": "cell2/engine6"}
                        tag = f"engines/{machine.get(name) or 'cell1/engine' + row['unit']}" \
                            f"/{row['column']}"
                    else:
                        continue    # operating settings: served, not configured as tags
                    served[tag].add((int(row["t_ns"]), row["bits"].lower().removeprefix("0x")))
        result = {"ledger_values": rows, "compared": 0, "history": 0, "missing": 0, "extra": 0}
        for tag, want in served.items():
            have = {(parse_time(t), bits) for t, bits in self.history(tag)}
            result["compared"] += len(want)
            result["history"] += len(have)
            result["missing"] += len(want - have)
            result["extra"] += len(have - want)
        return result

    def replay(self):
        """The newest 50 events, recomputed from history and compared byte for byte."""
        p = self.verb("replay", "--last", "50", "--json", "--run", str(self.run), ok=(0, 1))
        return json.loads(p.stdout)

    def mosquitto_sub(self):
        """What any MQTT tool sees of the namespace: every retained topic of the hall's broker."""
        if shutil.which("mosquitto_sub") is None:
            return None    # package mosquitto-clients; the demo does not need it
        p = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker_port),
                            "-t", "uns/v1/#", "-v", "--retained-only", "-W", "3"],
                           capture_output=True, text=True)
        seen = dict(line.split(" ", 1) for line in p.stdout.splitlines() if " " in line)
        return {"topics": len(seen), "example": {t: seen[t] for t in sorted(seen)
                                                 if t.endswith(("/engine6/_raw/s4",
                                                                "/press/_raw/temperature"))}}

    def stop(self):
        began = time.monotonic()
        self.main.send_signal(signal.SIGTERM)
        code = self.main.wait(timeout=10)
        for _, sim in self.sims:
            sim.terminate()
            sim.wait(timeout=10)
        return {"exit": code, "seconds": round(time.monotonic() - began, 3)}

    def verify(self):
        audit = str(self.data / "audit")
        out = {}
        for name, argv in (("holdfast", [self.hf, "audit", "verify", audit]),
                           ("independent", ["/usr/bin/python3",
                                            str(HERE / "tools/audit_verify.py"), audit])):
            p = subprocess.run(argv, capture_output=True, text=True)
            out[name] = "accepted" if p.returncode == 0 else \
                f"REFUSED: {p.stdout.strip()} {p.stderr.strip()}"
        return out


def free_port():
    """A port of loopback that nobody has just now, for the demo's broker."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def parse_time(text):
    """RFC 3339 UTC to ns, exactly."""
    base, _, frac = text.rstrip("Z").partition(".")
    import calendar
    seconds = calendar.timegm(time.strptime(base, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int((frac + "0" * 9)[:9])


def duration(text):
    m = re.fullmatch(r"(\d+)(s|min|m)?", text)
    if not m:
        raise argparse.ArgumentTypeError(f"{text}: a time like 60s or 2min")
    return int(m[1]) * (60 if m[2] in ("m", "min") else 1)


def summary(plant, began, status, ledger):
    events = plant.get("/api/v1/events", limit=10000)
    alarms = plant.get("/api/v1/alarms", state="all")
    losses = [c for c in status["counters"]
              if re.match(r"(drop|deny|retry|fall|bad)\.", c["name"])]
    return {"version": status["version"], "plant": status["plant"], "health": status["health"],
            "seconds": round(time.monotonic() - began, 1),
            "missing_layers": plant.missing_layers, "devices": status["devices"],
            "tags": status["tags"], "detectors": status["detectors"], "store": status["store"],
            "ledger": ledger, "alarms": alarms, "events": events, "losses": losses}


def show_summary(doc):
    led = doc["ledger"]
    print(f"\nDemo plant after {doc['seconds']} s")
    print(f"  served by the machines   {led['compared']} values")
    print(f"  found in history         {led['history']} (missing {led['missing']}, "
          f"extra {led['extra']}, compared bit for bit)")
    print(f"  decided in               p99 {doc['store']['decide_ms']['p99']:.3f} ms, durable in "
          f"p99 {doc['store']['commit_ms']['p99']:.1f} ms")
    onsets = [e for e in reversed(doc["events"]) if e["kind"] == "on" and not e["advisory"]]
    print(f"  alarms                   {len(onsets)}")
    for e in onsets:
        print(f"    {e['span']['to']}  {e['text']}")
    for c in doc["losses"]:
        print(f"  {c['name']:<24} {c['value']} ({c['help']})")
    same = sum(e["identical"] for e in doc["replay"])
    print(f"  replayed from history    {same} of {len(doc['replay'])} events identical, byte for byte")
    if doc["mosquitto_sub"]:
        print(f"  seen by mosquitto_sub    {doc['mosquitto_sub']['topics']} topics")
    print(f"  stopped in               {doc['stop']['seconds']} s")
    print(f"  audit log                holdfast: {doc['audit']['holdfast']}, "
          f"independent verifier: {doc['audit']['independent']}")


def main():
    p = argparse.ArgumentParser(prog="./demo", description="Run the demo plant.")
    p.add_argument("holdfast", help=argparse.SUPPRESS)
    p.add_argument("--for", dest="seconds", type=duration, default=duration("2min"),
                   help="how long at most, for example 60s (default 2min)")
    p.add_argument("--json", action="store_true", help="print one JSON document at the end")
    p.add_argument("--yes", action="store_true", help="install missing packages without asking")
    p.add_argument("--keep", action="store_true", help="keep the plant's folder and name it")
    plant = Plant(p.parse_args())
    began = time.monotonic()
    ok = False
    try:
        plant.start_sims()
        plant.start()
        plant.start_mqtt_sims()
        plant.say(f"the plant runs; its folder is {plant.dir}")
        plant.say(f"its namespace: mosquitto_sub -h 127.0.0.1 -p {plant.broker_port} "
                  "-t 'uns/v1/#' -v")
        plant.watch()
        status = plant.settle()
        doc = summary(plant, began, status, plant.compare())
        doc["replay"] = plant.replay()
        doc["mosquitto_sub"] = plant.mosquitto_sub()
        doc["stop"] = plant.stop()
        doc["audit"] = plant.verify()
        ok = doc["ledger"]["missing"] == 0 and doc["ledger"]["extra"] == 0 and \
            doc["ledger"]["compared"] > 0 and doc["stop"]["exit"] == 0 and \
            all(e["identical"] for e in doc["replay"]) and \
            all(v == "accepted" for v in doc["audit"].values())
        doc["ok"] = ok
        if plant.args.json:
            json.dump(doc, sys.stdout, indent=1)
            print()
        else:
            show_summary(doc)
    finally:
        for proc in [plant.main] + [s for _, s in plant.sims]:
            if proc is not None and proc.poll() is None:
                proc.kill()
                proc.wait()
        if plant.args.keep:
            print(f"kept: {plant.dir}", file=sys.stderr)
        else:
            shutil.rmtree(plant.dir, ignore_errors=True)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
