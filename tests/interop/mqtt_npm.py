# SPDX-License-Identifier: Apache-2.0
"""mqtt_npm.py - a whole plant's broker against MQTT clients that others wrote.

Each test runs with MQTT 3.1.1 and 5, over loopback TCP and over TLS with a certificate that
`holdfast init --client` made; with the npm package mqtt, and again with python3-paho-mqtt. Both
peers understand the same commands (npm/client.js, mqtt_paho.py). The API is the judge of what
was stored.
"""
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fault"))
from plantlib import HF, Plant, Skip, rows, run

ROOT = "uns/v1/test/bench"
NAME = "scada"          # in the certificate
REFUSED = 0x87          # MQTT 5: Not authorized
COUNT = 200
CASES = [(v, way) for v in (4, 5) for way in ("tcp", "tls")]
TAGS = (("plain", "", "float64"), ("json", ";field=values.v;time=t:ms", "float64"), ("int", "", "int64"),
        ("text", "", "string"), ("will", "", "float64"))
CONDUITS = """  cell-mqtt: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtt, port: {plain}, direction: both,
    topics_read: ["#"], topics_write: ["in/#"], auth: none, purpose: tests, owner: tests, review: 2036-01-01}}
  cell-mqtts: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtts, port: {tls}, direction: both,
    topics_read: ["uns/v1/#", "in/#"], topics_write: ["in/%u/#"], auth: mtls,
    purpose: tests, owner: tests, review: 2036-01-01}}
"""
DEVICE = """  mq: {zone: cell, driver: mqtt, qos: 1, version: 5, clock: replay, tags: tags/mq.csv}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def label(case):
    return f"v{case[0]}{case[1]}"


def mine(case):
    """The first levels of what a client of this case may write."""
    return f"in/{NAME}/{label(case)}"


class Peer:
    def __init__(self, p, argv, url, version, **options):
        self.p, self.n = p, 0
        p.nlog += 1
        self.log = p.dir / f"client.{p.nlog}.log"
        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen([*argv, url, str(version), f"c{p.nlog}", json.dumps(options)],
                                         stdin=subprocess.PIPE, stdout=log, stderr=log)
        p.others.append(self.proc)

    def lines(self):
        for line in open(self.log, encoding="utf-8").read().split("\n")[:-1]:
            try:
                yield json.loads(line)
            except ValueError:
                raise AssertionError(f"{self.log}: {line}")

    def connect(self):
        self.p.wait(lambda: any("connected" in x for x in self.lines()), "client connected")
        return self

    def do(self, **command):
        """Code of the answer: 0, or the reason of a refusal."""
        self.n += 1
        n = self.n
        self.proc.stdin.write(json.dumps({"id": n, **command}).encode() + b"\n")
        self.proc.stdin.flush()
        self.p.wait(lambda: any(x.get("id") == n for x in self.lines()), f"answer to {command}", 60)
        return next(x["code"] for x in self.lines() if x.get("id") == n)

    def heard(self, topic=None):
        return [x for x in self.lines() if "props" in x and topic in (None, x["topic"])]

    def newest(self, topic):
        return self.heard(topic)[-1] if self.heard(topic) else None

    def is_refused(self):
        """No connection, or one that ended before the broker accepted it."""
        return not any("connected" in x for x in self.lines()) and \
            (any("error" in x or "closed" in x for x in self.lines()) or self.proc.poll() is not None)

    def kill(self):
        """Without a DISCONNECT: the broker sends the will."""
        self.proc.kill()
        self.proc.wait()


class ClientPlant(Plant):
    def __init__(self, argv):
        super().__init__(rows(400))
        self.argv, self.others = argv, []
        self.plain, self.tls = free_port(), free_port()

    def write_conf(self):
        super().write_conf()
        text = (self.conf / "plant.yaml").read_text()
        conduits = CONDUITS.format(plain=self.plain, tls=self.tls)
        text = text.replace("\ndevices:\n", f"\n{conduits}devices:\n").replace("\nassets:\n", f"\n{DEVICE}assets:\n")
        (self.conf / "plant.yaml").write_text(text)
        tags = ["device,tag,address,type,uns_path"]
        for case in CASES:
            for tag, field, kind in TAGS:
                tags.append(f"mq,{label(case)}_{tag},{mine(case)}/{tag}{field},{kind},hall/{label(case)}/{tag}")
        (self.conf / "tags/mq.csv").write_text("\n".join(tags) + "\n")

    def start(self):
        super().start()
        self.wait(lambda: next(d for d in self.status()["devices"] if d["device"] == "mq")["status"] == "ok",
                  "edge hears the broker")
        self.certificate()
        return self

    def certificate(self):
        subprocess.run([HF, "init", "--conf", str(self.conf), "--data", str(self.data), "--client", NAME],
                       check=True, capture_output=True)
        d = self.data / "pki"
        self.ca = {"ca": str(d / "own/ca.crt")}
        self.keys = {**self.ca, "cert": str(d / f"clients/{NAME}.crt"), "key": str(d / f"clients/{NAME}.key")}

    def peer(self, case, **options):
        version, way = case
        if way == "tls":
            return Peer(self, self.argv, f"mqtts://127.0.0.1:{self.tls}", version, **self.keys, **options)
        return Peer(self, self.argv, f"mqtt://127.0.0.1:{self.plain}", version, **options)

    def client(self, case, **options):
        return self.peer(case, **options).connect()

    def points(self, case, tag):
        points = self.get("history", tag=f"hall/{label(case)}/{tag}", limit=100000)["points"]
        return [p for p in points if p["v"] is not None]

    def close(self):
        for p in self.others:
            if p.poll() is None:
                p.kill()
            p.wait()
        super().close()


def hexed(v):
    return struct.pack(">d", v).hex()


def ms(text):
    base, _, frac = text.rstrip("Z").partition(".")
    import calendar
    return calendar.timegm(time.strptime(base, "%Y-%m-%dT%H:%M:%S")) * 1000 + int((frac + "000")[:3])


def sees_the_tree_and_what_is_known_of_a_tag(p):
    p.settle()
    last_t, last_bits = p.history("a")[-1]
    for case in CASES:
        c = p.client(case)
        assert c.do(sub=[ROOT + "/#"]) == 0
        value, meta = f"{ROOT}/hall/line/dev/_raw/a", f"{ROOT}/hall/line/dev/_meta/a"
        online = f"{ROOT}/hall/line/dev/_state/online"
        p.wait(lambda: all(c.heard(t) for t in (value, meta, online)), f"retained values, {label(case)}")
        p.wait(lambda: json.loads(c.newest(value)["text"])["timestamp_ms"] == last_t // 10**6, "the last value")
        got = json.loads(c.newest(value)["text"])
        assert set(got) == {"timestamp_ms", "value", "quality"} and got["quality"] == "Good", got
        assert hexed(got["value"]) == last_bits, (got, last_bits)
        assert c.heard(value)[0]["retain"], c.heard(value)[0]
        assert json.loads(c.newest(meta)["text"])["unit"] == "deg"
        assert json.loads(c.newest(meta)["text"])["type"] == "float64"
        assert json.loads(c.newest(online)["text"])["value"] == "online"
        props = c.newest(value)["props"]
        if case[0] == 5:
            assert set(props) == {"src", "seq", "zone"}, props
            assert (props["src"], props["zone"]) == ("dev", "cell") and int(props["seq"]) > 0, props
        else:
            assert props == {}, props


def sees_live_what_another_publishes(p):
    listening = {case: p.client(case) for case in CASES}
    for case, c in listening.items():
        assert c.do(sub=[f"{ROOT}/hall/#"]) == 0, case
    seq = 0
    for case in CASES:
        w = p.client(case)
        topic = f"{ROOT}/hall/{label(case)}/_raw/text"
        for text in ("läuft", "a \"quoted\" \\ line", "\U0001f600"):
            assert w.do(pub=f"{mine(case)}/text", text=text) == 0, (case, text)
            for other, c in listening.items():
                p.wait(lambda: c.newest(topic) and json.loads(c.newest(topic)["text"])["value"] == text,
                       f"{label(other)} hears {text} of {label(case)}")
                assert not c.newest(topic)["retain"], "live, not kept"
            props = listening[(5, "tcp")].newest(topic)["props"]
            assert props["src"] == "mq" and int(props["seq"]) > seq, (props, seq)
            seq = int(props["seq"])
        assert [json.loads(x["text"])["value"] for x in listening[(4, "tls")].heard(topic)][-1] == "\U0001f600"


def publishes_numbers_that_are_stored_bit_exact(p):
    for case in CASES:
        c = p.client(case)
        assert c.do(numbers=f"{mine(case)}/plain", count=COUNT, form="plain") == 0
        assert c.do(numbers=f"{mine(case)}/json", count=COUNT, form="json") == 0
        assert c.do(pub=f"{mine(case)}/int", text="-9007199254740993") == 0
        told = {form: [(x["t"], x["bits"]) for x in c.lines()
                       if "bits" in x and x["topic"] == f"{mine(case)}/{form}"] for form in ("plain", "json")}
        assert len(told["plain"]) == len(told["json"]) == COUNT
        p.wait(lambda: len(p.points(case, "json")) == COUNT and len(p.points(case, "plain")) == COUNT and
               p.points(case, "int"), f"all of {label(case)} stored")
        # without a stamp each has the time at which it came: the order tells them apart
        assert [hexed(x["v"]) for x in p.points(case, "plain")] == [b for _, b in told["plain"]], case
        assert [(ms(x["t"]), hexed(x["v"])) for x in p.points(case, "json")] == told["json"], case
        assert p.points(case, "int")[-1]["v"] == -9007199254740993, p.points(case, "int")


def writes_neither_the_namespace_nor_commands(p):
    witnesses = [p.client((v, "tcp")) for v in (4, 5)]
    for w in witnesses:
        assert w.do(sub=["#", "spBv1.0/#"]) == 0
        assert w.do(sub=["cmd/#"]) != 0, "nothing below it may ever be read"
    for case in CASES:
        c = p.client(case)
        own = f"{ROOT}/hall/{label(case)}/_raw/plain"
        for topic in (own, ROOT + "/hall/new", "uns/v1", "umh.v1.test.bench.hall._raw.x", "cmd",
                      "cmd/v1/hall/line/dev/_raw/stop", "spBv1.0/g/NCMD/n", "spBv1.0/g/DCMD/n/d", "elsewhere/x"):
            for retain in (False, True):
                code = c.do(pub=topic, text="stolen", retain=retain)
                # 3.1.1 has no word for it: acknowledged, and dropped
                assert code == (REFUSED if case[0] == 5 else 0), (case, topic, code)
        if case[1] == "tls":
            code = c.do(pub="in/another/x", text="stolen")      # %u is the name in the certificate
            assert code == (REFUSED if case[0] == 5 else 0), (case, code)
        assert c.do(pub=f"{mine(case)}/plain", text="7") == 0
        for w in witnesses:
            p.wait(lambda: w.heard(f"{mine(case)}/plain"), "what may be written arrives")
        p.wait(lambda: p.points(case, "plain"), "and is stored")
    late = p.client((5, "tcp"))
    assert late.do(sub=["#"]) == 0
    p.wait(lambda: late.heard(f"{ROOT}/hall/v5tls/_raw/plain"), "what is retained")
    assert late.do(pub="in/mark", text="mark") == 0
    p.wait(lambda: late.heard("in/mark") and all(w.heard("in/mark") for w in witnesses), "the mark is the last")
    for w in (*witnesses, late):
        bad = [x for x in w.heard() if x["text"] == "stolen" or x["topic"].startswith(("cmd", "spBv1.0"))]
        assert not bad, bad


def without_a_certificate_is_refused(p):
    for version in (4, 5):
        bare = Peer(p, p.argv, f"mqtts://127.0.0.1:{p.tls}", version, **p.ca)
        p.wait(bare.is_refused, "refused without a certificate")
        plain = Peer(p, p.argv, f"mqtt://127.0.0.1:{p.tls}", version)
        p.wait(plain.is_refused, "refused without TLS")
        c = p.client((version, "tls"))     # it was the certificate
        assert c.do(pub=f"{mine((version, 'tls'))}/plain", text="1") == 0
        assert bare.is_refused() and plain.is_refused()


def leaves_a_will_only_where_it_may_write(p):
    witness = p.client((5, "tcp"))
    assert witness.do(sub=["#"]) == 0
    for i, case in enumerate(CASES):
        for topic in (f"{ROOT}/hall/{label(case)}/_raw/will", "cmd/v1/hall/stop", f"{mine(case)}/will"):
            victim = p.client(case, will={"topic": topic, "text": str(100.25 + i)})
            victim.kill()
        p.wait(lambda: [x["v"] for x in p.points(case, "will")] == [100.25 + i], f"will of {label(case)} stored")
    p.wait(lambda: len([x for x in witness.heard() if x["topic"].endswith("/will") and x["topic"].startswith("in/")])
           == len(CASES), "all wills that may be")
    for case in CASES:
        # mirrored by core, as a value of the tag; the client's own text never
        topic = f"{ROOT}/hall/{label(case)}/_raw/will"
        p.wait(lambda: witness.heard(topic), "the sample is shown")
        assert all(x["text"].startswith("{") and x["props"]["src"] == "mq" for x in witness.heard(topic))
    assert not [x for x in witness.heard() if x["topic"].startswith("cmd")]


def npm():
    if not (HERE / "npm/node_modules/.installed").exists():
        raise Skip("needs node and the npm packages (tools/npm-install)")
    return ["node", HERE / "npm/client.js"]


def paho():
    if subprocess.run([sys.executable, "-c", "import paho.mqtt.client"], capture_output=True).returncode != 0:
        raise Skip("needs the package python3-paho-mqtt")
    return [sys.executable, HERE / "mqtt_paho.py"]


def test_of(peer, f):
    def test():
        if not os.path.exists("/usr/sbin/mosquitto"):
            raise Skip("needs the package mosquitto")
        if shutil.which("node") is None and peer is npm:
            raise Skip("needs node")
        p = ClientPlant([str(w) for w in peer()])
        try:
            p.start()
            f(p)
        finally:
            p.close()
    test.__name__ = f"{peer.__name__}_client_{f.__name__}"
    return test


if __name__ == "__main__":
    run([test_of(peer, f) for peer in (npm, paho) for f in (
        sees_the_tree_and_what_is_known_of_a_tag,
        sees_live_what_another_publishes,
        publishes_numbers_that_are_stored_bit_exact,
        writes_neither_the_namespace_nor_commands,
        without_a_certificate_is_refused,
        leaves_a_will_only_where_it_may_write)])
