# SPDX-License-Identifier: Apache-2.0
"""sparkplug_plant.py - a whole plant as Sparkplug host and as edge node, against programs that
others wrote: mosquitto, and the npm packages sparkplug-client, sparkplug-payload and mqtt.

The zone's own broker where the plant is the host; a foreign mosquitto on loopback where the other
side must send what the plant's broker refuses to everybody (commands), and for a thousand nodes.
"""
import collections
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fault"))
from plantlib import HF, SLOW, Plant, Skip, rows, run

PEERS = HERE / "npm"
GOOD, NO_COMMUNICATION = 0, 0x80310000
TYPES = {"Int8": "int16", "Int16": "int16", "Int32": "int32", "Int64": "int64", "UInt8": "uint16",
         "UInt16": "uint16", "UInt32": "uint32", "UInt64": "uint64", "Float": "float32",
         "Double": "float64", "Boolean": "bool", "String": "string", "DateTime": "int64",
         "Text": "string", "UUID": "string"}
BROKER = """  cell-mqtt: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtt, port: {port}, direction: listen,
    topics_read: ["#", "$sparkplug/#"], topics_write: [{write}], auth: none,
    purpose: tests, owner: tests, review: 2036-01-01}}
"""
FOREIGN = """  cell-mqtt: {{from: edge/cell, to: 127.0.0.1, proto: mqtt, port: {port}, direction: both,
    topics_read: ["#"], topics_write: ["#"], auth: none,
    purpose: tests, owner: tests, review: 2036-01-01}}
"""
GATEWAY = """  gw: {{zone: cell, driver: sparkplug, {host}{clock}group: G, asset: hall/line/gw, tags: tags/gw.csv}}
"""
EXPORT = """exports:
  scada: {{to: sparkplug, zone: cell, {where}group: G, node: us, interval: 100ms, tags: ["hall/line/dev/*"]}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class SparkplugPlant(Plant):
    """gateway: the plant hears one; foreign: on a broker of others; export: it is a node."""

    def __init__(self, n=1, gateway=True, foreign=False, export=False, nodes=1, recorded=False):
        super().__init__(rows(n))
        self.mqtt_port = free_port()
        self.gateway, self.foreign, self.nodes, self.recorded = gateway, foreign, nodes, recorded
        self.write = '"spBv1.0/#"'
        if export:
            self.write += ', "spBv1.0/G/NCMD/us"'
            self.extra = EXPORT.format(where=f"host: 127.0.0.1, port: {self.mqtt_port}, "
                                       "primary_host: npm-host, " if foreign else "")
        self.others = []
        if self.foreign:
            self.start_broker()

    def start_broker(self):
        conf = self.dir / "mosquitto.conf"
        conf.write_text(f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
                        "set_tcp_nodelay true\nmax_queued_messages 100000\n")
        self.broker = self.spawn("mosquitto", ["/usr/sbin/mosquitto", "-c", str(conf)])
        self.others.append(self.broker)
        self.wait(lambda: socket.create_connection(("127.0.0.1", self.mqtt_port), 1).close() is None,
                  "foreign broker")

    def write_conf(self):
        super().write_conf()
        text = (self.conf / "plant.yaml").read_text()
        conduit = (FOREIGN if self.foreign else BROKER).format(port=self.mqtt_port, write=self.write)
        text = text.replace("\ndevices:\n", f"\n{conduit}devices:\n")
        if self.gateway:
            host = f"host: 127.0.0.1, port: {self.mqtt_port}, " if self.foreign else ""
            gateway = GATEWAY.format(host=host, clock="clock: replay, " if self.recorded else "")
            text = text.replace("\nassets:\n", f"\n{gateway}assets:\n"
                                "  hall/line/gw: {kind: gateway, criticality: B}\n")
            tags = ["tag,address,type,interval_ms"]
            if self.recorded:
                tags += [r"a,rec\:1/test\:bench\:hall\:line:a,float64,1000"]
            elif self.nodes == 1:
                tags += [f"{t},npm/dev:all/{t},{ours},1000" for t, ours in TYPES.items()]
            else:
                tags += [f"n{i},n{i}/machine:counter,float64,1000" for i in range(1, 4)]
            (self.conf / "tags/gw.csv").write_text("\n".join(tags) + "\n")
        (self.conf / "plant.yaml").write_text(text)

    def device(self):
        return next(d for d in self.status()["devices"] if d["device"] == "gw")

    def node(self, name, script, *args):
        """A node program whose stdin is ours."""
        self.nlog += 1
        log = open(self.dir / f"{name}.{self.nlog}.log", "wb")
        p = subprocess.Popen(["node", PEERS / script, f"mqtt://127.0.0.1:{self.mqtt_port}", *map(str, args)],
                             stdin=subprocess.PIPE, stdout=log, stderr=log)
        p.log = log.name
        self.others.append(p)
        return p

    def say(self, p, line):
        p.stdin.write(line.encode() + b"\n")
        p.stdin.flush()

    def sub(self, *args):
        p = self.spawn("sub", ["stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.mqtt_port),
                               *args])
        self.others.append(p)
        return p

    def values(self, name):
        """What history has: (time in ms, value, StatusCode)."""
        points = self.get("history", tag=f"hall/line/gw/{name}", limit=1000000)["points"]
        return [(ms(p["t"]), p["v"], p["q"]) for p in points]

    def close(self):
        for p in self.others:
            if p.poll() is None:
                p.kill()
            p.wait()
        super().close()


def ms(text):
    import calendar
    base, _, frac = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(base, "%Y-%m-%dT%H:%M:%S")) * 1000 + int((frac + "000")[:3])


def lines(p):
    for line in open(p.log, encoding="utf-8").read().split("\n")[:-1]:
        try:
            yield json.loads(line)
        except ValueError:
            raise RuntimeError(f"{p.log}: {line}")


def ledger(p):
    """By type: {time: value}, as the gateway told it."""
    out = collections.defaultdict(dict)
    for v in lines(p):
        if isinstance(v, dict):
            out[v["type"]][v["t"]] = int(v["value"]) if isinstance(v["value"], str) and \
                v["type"] in ("Int64", "UInt64") else v["value"]
    return out


def same(a, b):
    """The same bits, not only equal numbers."""
    if isinstance(a, float) or isinstance(b, float):
        return struct.pack(">d", a) == struct.pack(">d", b)
    return type(a) is type(b) and a == b


def expected(kind, v):
    return float(v) if kind in ("Float", "Double") else v


def with_plant(**kw):
    def wrap(f):
        def test():
            if shutil.which("mosquitto_sub") is None or not os.path.exists("/usr/sbin/mosquitto"):
                raise Skip("needs the packages mosquitto and mosquitto-clients")
            if not (PEERS / "node_modules/.installed").exists() and kw.get("nodes", 1) == 1 and \
                    not kw.get("recorded"):
                raise Skip("needs node and the npm packages (tools/npm-install)")
            p = SparkplugPlant(**kw)
            try:
                p.start()
                f(p)
            finally:
                p.close()
        test.__name__ = f.__name__
        return test
    return wrap


def is_connected(p):
    return p.device()["status"] in ("ok", "degraded")


def is_done(g):
    return "done" in list(lines(g))


def compare(p, g, first_t=0):
    want = ledger(g)
    for kind in TYPES:
        have = {t: v for t, v, status in p.values(kind) if t >= first_t and status == GOOD}
        told = {t: expected(kind, v) for t, v in want[kind].items() if t >= first_t}
        assert told, kind
        assert set(have) == set(told), (kind, len(have), len(told), sorted(set(told) ^ set(have))[:5])
        bad = [(t, have[t], told[t]) for t in told if not same(have[t], told[t])]
        assert not bad, (kind, bad[:3])


@with_plant()
def session_of_sparkplug_client_is_stored_bit_exact(p):
    p.wait(lambda: is_connected(p), "connected to the zone's broker")
    g = p.node("gateway", "gateway.js", "G", "npm", 300, 10)
    p.wait(lambda: is_done(g), "session served", 60)
    p.wait(lambda: len(p.values("Int8")) >= 301, "stored")
    compare(p, g)
    assert p.counter("bad.sparkplug_seq_gap") == 0
    assert p.counter("sparkplug.rebirths_asked") <= 1   # the node that tags name, at the start
    assert p.device()["status"] == "ok", p.device()
    certs = p.sub("-t", "$sparkplug/certificates/#", "-F", "%t %r", "-W", "2")
    certs.wait()
    told = open(certs.log).read().split("\n")
    assert "$sparkplug/certificates/spBv1.0/G/NBIRTH/npm 1" in told, told
    assert "$sparkplug/certificates/spBv1.0/G/DBIRTH/npm/dev 1" in told, told
    p.say(g, "end")
    p.wait(lambda: p.values("Int8")[-1][2] == NO_COMMUNICATION, "death makes it bad")
    assert p.values("UUID")[-1][2] == NO_COMMUNICATION, p.values("UUID")[-1]


@with_plant()
def edge_killed_while_a_gateway_sends_goes_on_without_a_gap(p):
    p.wait(lambda: is_connected(p), "connected")
    g = p.node("gateway", "gateway.js", "G", "npm", 600, 10)
    p.wait(lambda: len(p.values("Int32")) > 100, "first values")
    p.kill_role("edge")
    p.wait(lambda: is_done(g), "session served", 60)
    p.wait(lambda: p.values("Int32")[-1][0] == max(ledger(g)["Int32"]), "last value stored")
    told = list(lines(g))
    assert told.count("rebirth") == 1, told.count("rebirth")
    again = [v["t"] for v in told[told.index("rebirth"):] if isinstance(v, dict)][0]
    compare(p, g, again)
    assert p.counter("bad.sparkplug_seq_gap") == 0
    lost = set(ledger(g)["Int32"]) - {v[0] for v in p.values("Int32")}
    print(f"# {len(lost)} of 600 messages fell into the time in which there was no host")


@with_plant(n=400, recorded=True)
def recorded_gateway_is_stored_bit_exact_and_the_rest_is_suggested(p):
    p.wait(lambda: is_connected(p), "connected")
    led = p.dir / "gw.ledger"
    sim = p.spawn("gateway", [HF, "sim", "sparkplug", "--broker", f"127.0.0.1:{p.mqtt_port}", "--group", "G",
                              "--node", "rec:1", "--device", "test:bench:hall:line", "--replay",
                              str(p.dir / "rows.csv"), "--time", "time", "--interval", "5ms", "--ledger", str(led)])
    p.others.append(sim)
    p.wait(lambda: "done" in open(sim.log).read(), "recording served")
    want = set()
    for line in led.read_text().split("\n")[1:-1]:
        _, t, column, _, bits = line.split(",")
        if column == "a":
            want.add((int(t) // 10**6, bits))
    assert len(want) == 400, len(want)

    def have():
        return {(t, struct.pack(">d", v).hex()) for t, v, q in p.values("a") if q == GOOD}
    p.wait(lambda: have() == want, "all stored")
    tried = json.loads(subprocess.run([HF, "try", "gw", "--json", "--run", str(p.run)], capture_output=True,
                                      text=True, check=True).stdout)
    assert tried["suggest"] == [
        "tag,address,type,interval_ms,unit,uns_path",
        r"line_b,rec\:1/test\:bench\:hall\:line:b,float64,1000,,hall/line/b"], tried["suggest"]
    assert tried["tags"][0]["value"] == p.values("a")[-1][1], tried["tags"]
    text = subprocess.run([HF, "try", "gw", "--run", str(p.run)], capture_output=True, text=True).stdout
    assert "1 more" in text and "nan" not in text, text
    sim.send_signal(signal.SIGTERM)     # its death follows the recording, not the clock
    p.wait(lambda: p.values("a")[-1][2] == NO_COMMUNICATION, "death")
    assert p.values("a")[-1][0] == max(want)[0], p.values("a")[-1]


@with_plant(foreign=True, nodes=1000)
def thousand_nodes_are_reborn_within_ten_seconds_of_a_kill(p):
    p.wait(lambda: is_connected(p), "connected")
    heard = p.sub("-t", "spBv1.0/G/NCMD/#", "-t", "spBv1.0/G/NBIRTH/#", "-F", "%U %t")
    sim = p.spawn("gateways", [HF, "sim", "sparkplug", "--broker", f"127.0.0.1:{p.mqtt_port}", "--group", "G",
                               "--node", "n", "--nodes", "1000", "--interval", "1s"])
    p.others.append(sim)
    p.wait(lambda: "born" in open(sim.log).read(), "a thousand births", 60)
    p.wait(lambda: "1000 of 1000" in p.device()["text"] or p.device()["status"] == "ok", "all are known")
    before = len(open(heard.log).read().split("\n")) - 1
    killed = time.time()
    p.kill_role("edge")

    def now():
        return [line.split() for line in open(heard.log).read().split("\n")[before:-1]]
    p.wait(lambda: sum("/NBIRTH/" in t for _, t in now()) >= 1000, "a thousand rebirths", 60)
    last = max(float(u) for u, t in now() if "/NBIRTH/" in t)
    time.sleep(3)
    asked = collections.Counter(t for _, t in now() if "/NCMD/" in t)
    births = collections.Counter(t for _, t in now() if "/NBIRTH/" in t)
    print(f"# {len(births)} nodes reborn {last - killed:.2f} s after the kill, "
          f"{sum(asked.values())} requests, {max(asked.values())} at most to one node")
    assert len(births) == 1000 and max(asked.values()) == 1 and len(asked) == 1000
    assert last - killed <= 10 * SLOW, last - killed
    assert p.counter("bad.sparkplug_seq_gap") == 0
    p.wait(lambda: p.device()["status"] == "ok", "all alive again")


@with_plant(foreign=True)
def hostile_gateways_do_no_harm(p):
    p.wait(lambda: is_connected(p), "connected")
    g = p.node("gateway", "gateway.js", "G", "npm", 400, 10)

    def pub(topic, data, *args):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(p.mqtt_port), "-t", topic,
                        "-s" if data else "-n", *args], input=data, check=True)
    p.wait(lambda: len(p.values("Int8")) > 20, "values")
    bdseq_9 = bytes.fromhex("120b0a056264536571200458 09".replace(" ", ""))
    for data in (bdseq_9, b"", b"plain text", b"\x12\xff\xff\xff\xff\x0f", bytes(range(256)) * 40):
        for kind in ("NDEATH/npm", "DBIRTH/else/dev", "NBIRTH/else", "NDATA/none", "DDEATH/npm/none"):
            if kind != "DDEATH/npm/none":
                pub(f"spBv1.0/G/{kind}", data)
            pub(f"spBv1.0/G/{kind}", data, "-r")    # retained
    flood = "".join(f"spBv1.0/G/NBIRTH/flood{i}\n" for i in range(300)).split()
    for topic in flood:
        pub(topic, bdseq_9, "-r")
    p.wait(lambda: is_done(g), "session served", 60)
    p.wait(lambda: p.values("Int8")[-1][0] == max(ledger(g)["Int8"]), "last value stored")
    compare(p, g)
    assert "rebirth" not in list(lines(g))
    assert p.counter("drop.sparkplug_old_death") >= 1
    assert p.counter("bad.sparkplug_payload") >= 3
    assert p.role("edge")["restarts"] == 0
    p.kill_role("edge")     # hears the retained flood
    p.wait(lambda: p.counter("drop.sparkplug_retained") >= 300, "retained births are dropped")


@with_plant(n=2000, gateway=False, foreign=True, export=True)
def npm_host_hears_our_node(p):
    h = p.node("host", "host.js", "G", "us")
    p.wait(lambda: "subscribed" in list(lines(h)), "host listens")
    time.sleep(1)
    assert not [m for m in lines(h) if isinstance(m, dict)]     # waits for its primary host
    p.say(h, "state true")

    def heard(kind):
        return [m for m in lines(h) if isinstance(m, dict) and m["type"] == kind]
    p.wait(lambda: len(heard("DDATA")) > 10, "data")
    assert heard("NBIRTH")[0]["seq"] == 0
    names = {m["name"]: m for m in heard("NBIRTH")[0]["metrics"]}
    assert names["Node Control/Rebirth"]["value"] is False and "bdSeq" in names
    birth = {m["name"]: m for m in heard("DBIRTH")[0]["metrics"]}
    assert birth["a"]["type"] == "Double" and birth["a"]["unit"] == "deg", birth
    p.say(h, "rebirth")
    p.wait(lambda: len(heard("NBIRTH")) == 2 and len(heard("DBIRTH")) == 2, "births again")
    p.say(h, "write a")
    p.wait(lambda: p.counter("deny.sparkplug_command") == 1, "write refused")
    p.settle()
    time.sleep(1)
    want = {(t // 10**6, b) for t, b in p.history("a")}
    data = [(m["t"], struct.pack(">d", m["value"]).hex()) for d in heard("DDATA") + heard("DBIRTH")
            for m in d["metrics"] if m["name"] == "a" and m["value"] is not None]
    assert data and set(data) <= want, (len(data), sorted(set(data) - want)[:3])
    assert max(data)[0] == max(want)[0], (max(data), max(want))    # ends equal to history
    sessions, seq = 0, None
    for m in (m for m in lines(h) if isinstance(m, dict)):
        if m["type"] == "NBIRTH":
            sessions, seq = sessions + 1, 0
        else:
            seq = (seq + 1) % 256
        assert m["seq"] == seq, (m["type"], m["seq"], seq)
    p.say(h, "state false")
    p.wait(lambda: heard("NDEATH"), "death when the host goes offline")
    assert heard("NDEATH")[0]["seq"] is None
    assert heard("NDEATH")[0]["metrics"][0]["value"] == names["bdSeq"]["value"]
    before = len(heard("NBIRTH"))
    time.sleep(1)
    assert len(heard("NBIRTH")) == before
    p.say(h, "state true")
    p.wait(lambda: len(heard("NBIRTH")) > before, "born again")
    now = {m["name"]: m for m in heard("NBIRTH")[-1]["metrics"]}["bdSeq"]["value"]
    assert int(now) != int(names["bdSeq"]["value"])
    deaths = len(heard("NDEATH"))
    os.kill(p.role("edge")["pid"], signal.SIGKILL)
    p.wait(lambda: len(heard("NDEATH")) > deaths, "the will of a killed edge")


@with_plant(n=400, gateway=False, export=True)
def own_edge_node_is_announced_again_on_the_zones_broker(p):
    h = p.node("host", "host.js", "G", "us")

    def heard(kind):
        return [m for m in lines(h) if isinstance(m, dict) and m["type"] == kind]
    p.wait(lambda: heard("DDATA"), "data")
    p.kill_role("edge")
    p.wait(lambda: heard("NDEATH") and heard("NBIRTH") and heard("DBIRTH"), "death and births")
    told = [m["type"] for m in lines(h) if isinstance(m, dict)]
    assert told.index("NDEATH") < told.index("NBIRTH"), told
    numbers = [m["value"] for kind in ("NDEATH", "NBIRTH") for m in heard(kind)[-1]["metrics"] if m["name"] == "bdSeq"]
    assert (int(numbers[0]) + 1) % 256 == int(numbers[1]), numbers
    before = p.counter("sparkplug.node_births")
    p.kill_role("broker")
    p.wait(lambda: p.counter("sparkplug.node_births") >= before + 2, "born again on the new broker")
    certs = p.sub("-t", "$sparkplug/certificates/#", "-F", "%t %r", "-W", "2")
    certs.wait()
    told = open(certs.log).read().split("\n")
    assert "$sparkplug/certificates/spBv1.0/G/DBIRTH/us/dev 1" in told, told


@with_plant(n=2000, gateway=False, export=True)
def host_asks_for_births_through_the_zones_broker_and_for_nothing_else(p):
    heard = p.sub("-t", "spBv1.0/+/NCMD/#", "-t", "spBv1.0/+/DCMD/#", "-F", "%t")
    h = p.node("host", "host.js", "G", "us")

    def count(kind):
        return len([m for m in lines(h) if isinstance(m, dict) and m["type"] == kind])

    def commands():
        return open(heard.log).read().split()
    p.wait(lambda: count("DDATA"), "data")
    births = count("NBIRTH")
    p.say(h, "write a")
    p.say(h, "command other Node Control/Rebirth")
    p.say(h, "command us/more Node Control/Rebirth")
    p.say(h, "command us Node Control/Reboot")
    p.wait(lambda: p.counter("deny.sparkplug_command") == 1, "the node refuses all but one command")
    assert count("NBIRTH") == births
    p.say(h, "rebirth")
    p.wait(lambda: count("NBIRTH") == births + 1 and count("DBIRTH") >= 1, "births again")
    p.wait(lambda: commands() == ["spBv1.0/G/NCMD/us"] * 2, f"what arrived: {commands()}")
    for topic in ("spBv1.0/G/NCMD/other", "spBv1.0/G/DCMD/us/dev", "spBv1.0/H/NCMD/us"):
        said = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(p.mqtt_port), "-V", "mqttv5", "-q", "1",
                               "-t", topic, "-m", "1"], capture_output=True, text=True, timeout=30 * SLOW).stderr
        assert "Not authorized" in said, (topic, said)
    assert p.counter("deny.sparkplug_command") == 1 and commands() == ["spBv1.0/G/NCMD/us"] * 2, commands()


@with_plant(n=100, gateway=False, export=True)
def other_commands_are_refused_by_check_with_their_place(p):
    text = (p.conf / "plant.yaml").read_text()
    for topic in ("spBv1.0/G/NCMD/other", "spBv1.0/H/NCMD/us", "spBv1.0/G/NCMD/#", "spBv1.0/G/DCMD/us/dev"):
        (p.conf / "plant.yaml").write_text(text.replace("spBv1.0/G/NCMD/us", topic))
        r = subprocess.run([HF, "check", "--conf", str(p.conf)], capture_output=True, text=True)
        said = [x for x in (r.stdout + r.stderr).split("\n") if topic in x]
        assert r.returncode == 1 and len(said) == 1, (topic, r)
        assert re.match(r".*plant\.yaml:[0-9]+:[0-9]+: .*is a command", said[0]), said
    (p.conf / "plant.yaml").write_text(text)
    r = subprocess.run([HF, "check", "--conf", str(p.conf)], capture_output=True, text=True)
    assert r.returncode == 0, r


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    run([session_of_sparkplug_client_is_stored_bit_exact,
         edge_killed_while_a_gateway_sends_goes_on_without_a_gap,
         recorded_gateway_is_stored_bit_exact_and_the_rest_is_suggested,
         thousand_nodes_are_reborn_within_ten_seconds_of_a_kill,
         hostile_gateways_do_no_harm,
         npm_host_hears_our_node,
         own_edge_node_is_announced_again_on_the_zones_broker,
         host_asks_for_births_through_the_zones_broker_and_for_nothing_else,
         other_commands_are_refused_by_check_with_their_place])
