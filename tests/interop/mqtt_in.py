# SPDX-License-Identifier: Apache-2.0
"""mqtt_in.py - MQTT in, from a broker and clients that others wrote, to the history.

A mosquitto on a loopback port is the broker outside the node, mosquitto_pub and
`holdfast sim mqtt` are the devices, the API is the judge.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
import plantlib
from plantlib import Plant, Skip, bits, ns, run

BROKER, PUB = "/usr/sbin/mosquitto", shutil.which("mosquitto_pub")

CONF = """format: 1
plant: {{enterprise: test, site: bench, timezone: UTC}}
zones:
  cell: {{sl_target: 1, interface: host-veth, networks: [127.0.0.0/8], ipv6: false}}
conduits:
  bus: {{from: edge/cell, to: 127.0.0.1, proto: mqtt, port: {port}, direction: pull,
    purpose: tests, owner: tests, review: 2036-01-01}}
contracts:
{contracts}
assets:
  hall/line/dev: {{kind: press, criticality: A}}
  hall/pump: {{contract: _pump_v1}}
devices:
  dev: {{zone: cell, driver: mqtt, host: 127.0.0.1, port: {port}, version: 5, qos: 1,
    clock: replay, tags: tags/dev.csv}}
  old: {{zone: cell, driver: mqtt, host: 127.0.0.1, port: {port}, version: 3.1.1,
    subscribe: ["plain/#", "pump/#", "json/+"], tags: tags/old.csv}}
"""
DEV = """device,tag,address,type,uns_path
dev,a,sim/dev;field=values.a;time=t_ns:ns,float64,hall/line/dev/a
dev,b,sim/dev;field=values.b;time=t_ns:ns,float64,hall/line/dev/b
"""
OLD = """device,tag,address,type,uns_path
old,num,plain/num,float64,hall/num
old,text,plain/text,string,hall/text
old,flow,pump/flow,float64,hall/pump/flow
old,x,json/m;field=deep.list[1].x;time=ts;quality=q,int32,hall/x
"""
SCHEMA = {"type": "object", "additionalProperties": False,
          "properties": {"flow": {"type": "number", "minimum": 0, "maximum": 100}}}


class MqttPlant(Plant):
    def __init__(self, rows=()):
        if not os.path.exists(BROKER) or PUB is None:
            raise Skip("mosquitto or mosquitto-clients is not installed")
        super().__init__(rows)
        self.broker = None
        self.contracts = {"_pump_v1": SCHEMA}

    def start_sim(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        conf = self.dir / "mosquitto.conf"
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                        "persistence false\nmax_queued_messages 0\n"
                        + ("user root\n" if os.geteuid() == 0 else ""))
        self.broker = self.spawn("mosquitto", [BROKER, "-c", str(conf)])
        self.sim = self.broker
        self.wait(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() is None,
                  "broker listens")

    def write_conf(self):
        for d in ("tags", "contracts"):
            (self.conf / d).mkdir(parents=True, exist_ok=True)
        lines = []
        for name, schema in self.contracts.items():
            (self.conf / f"contracts/{name}.json").write_text(json.dumps(schema))
            lines.append(f"  {name}: {{schema: contracts/{name}.json}}")
        (self.conf / "plant.yaml").write_text(
            CONF.format(port=self.port, contracts="\n".join(lines)))
        (self.conf / "tags/dev.csv").write_text(DEV)
        (self.conf / "tags/old.csv").write_text(OLD)

    def start(self):
        super().start()
        self.wait(lambda: all(d["status"] == "ok" for d in self.status()["devices"]), "devices up")
        return self

    def pub(self, topic, text, *more):
        subprocess.run([PUB, "-h", "127.0.0.1", "-p", str(self.port), "-t", topic, "-m", text,
                        *more], check=True, capture_output=True)

    def value(self, path):
        v = self.get("values", match=path)
        return v[0] if v else None

    def reload(self):
        return subprocess.run([self.hf, "reload", "--run", str(self.run)],
                              capture_output=True, text=True)


def a_replayed_recording_is_stored_bit_for_bit():
    p = MqttPlant([(20 + (i % 97) / 7, i * 0.1) for i in range(400)])
    try:
        p.start()
        sim = p.spawn("pub", [p.hf, "sim", "mqtt", "--host", f"127.0.0.1:{p.port}",
                              "--topic", "sim/dev", "--replay", str(p.dir / "rows.csv"),
                              "--time", "time", "--interval", "2ms",
                              "--ledger", str(p.dir / "ledger")])
        p.wait(lambda: "done" in open(sim.log).read(), "recording published", 60)
        p.wait(lambda: len(p.ledger("a")) == 400 and p.diff() == (0, 0), "history equals ledger", 60)
        sim.terminate()
        assert sim.wait(10) == 0
    finally:
        p.close()


def both_versions_of_mosquitto_pub_are_read():
    p = MqttPlant()
    try:
        p.start()
        for i, version in enumerate(("mqttv311", "mqttv5")):
            p.pub("plain/num", str(10.5 + i), "-V", version)
            p.wait(lambda: p.value("hall/num")["value"] == 10.5 + i, "number arrives")
            p.pub("plain/text", f"läuft {i}", "-V", version, "-q", "1")
            p.wait(lambda: p.value("hall/text")["value"] == f"läuft {i}", "text arrives")
        now = time.time_ns() // 10**6
        p.pub("json/m", json.dumps({"deep": {"list": [0, {"x": -7}]}, "ts": now, "q": "Uncertain"}))
        p.wait(lambda: p.value("hall/x")["value"] == -7, "field arrives")
        v = p.value("hall/x")
        assert v["quality"] == "Uncertain", v
        assert ns(v["t"]) == now * 10**6, (v, now)
    finally:
        p.close()


def what_breaks_a_contract_is_dropped_counted_and_shown():
    p = MqttPlant()
    try:
        p.start()
        p.pub("pump/flow", "50")
        p.wait(lambda: p.value("hall/pump/flow")["value"] == 50, "value arrives")
        p.pub("pump/flow", "150")
        p.pub("pump/stranger", "1")
        p.wait(lambda: p.counter("drop.contract_range") == 1 and p.counter("drop.mqtt_no_tag") == 1,
               "both are counted")
        assert p.value("hall/pump/flow")["value"] == 50
        p.wait(lambda: p.status()["contracts"]["examples"], "example is shown")
        k = p.status()["contracts"]
        assert k["passed"] == 1 and k["dropped"]["range"] == 1, k
        assert k["never_stored"]["mqtt_no_tag"] == 1, k
        assert "150 is over maximum 100" in k["examples"][0]["text"], k
        assert any("dropped" in f["text"] for f in p.status()["findings"] if f["what"] == "devices.old")
    finally:
        p.close()


def a_contract_never_changes_under_its_name():
    p = MqttPlant()
    try:
        p.start()
        wider = json.loads(json.dumps(SCHEMA))
        wider["properties"]["flow"]["maximum"] = 200
        p.contracts["_pump_v1"] = wider
        p.write_conf()
        said = p.reload()
        assert said.returncode != 0, said
        assert "contract _pump_v1 has changed; a contract never changes" in said.stdout + said.stderr, said
        assert "_pump_v2" in said.stdout + said.stderr, said
        # a new name may say something else
        p.contracts = {"_pump_v1": SCHEMA, "_pump_v2": wider}
        p.write_conf()
        said = p.reload()
        assert said.returncode == 0, said
        # and is remembered, also over a restart
        p.stop()
        p.contracts["_pump_v2"] = SCHEMA
        p.write_conf()
        p.main = p.spawn("holdfast", [p.hf, "run", "--conf", str(p.conf), "--data", str(p.data),
                                      "--run", str(p.run)] + p.insecure)
        p.wait(lambda: "contract _pump_v2 has changed" in open(p.main.log).read(), "refusal is told")
    finally:
        p.close()


def a_missing_schema_stops_the_plant_before_it_runs():
    p = MqttPlant()
    try:
        p.start_sim()
        p.write_conf()
        (p.conf / "contracts/_pump_v1.json").unlink()
        said = subprocess.run([p.hf, "check", "--conf", str(p.conf)], capture_output=True, text=True)
        assert said.returncode == 1, said
        assert "contracts/_pump_v1.json cannot be opened" in said.stdout + said.stderr, said
    finally:
        p.close()


def a_preview_suggests_rows():
    p = MqttPlant()
    try:
        p.start()
        p.pub("json/other", '{"temp": 5.5, "on": true}', "-r")
        p.pub("plain/num", "3", "-r")
        said = subprocess.run([p.hf, "try", "old", "--json", "--run", str(p.run)],
                              capture_output=True, text=True, timeout=60 * plantlib.SLOW)
        assert said.returncode == 0, said
        o = json.loads(said.stdout)
        assert o["suggest"][0] == "tag,address,type,unit", o
        row = "other_temp,json/other;field=temp,float64,"
        assert row in o["suggest"], o
        said = subprocess.run([p.hf, "try", "old", "--run", str(p.run)],
                              capture_output=True, text=True, timeout=60 * plantlib.SLOW)
        assert f"\n{row}\n" in said.stdout, said.stdout
        assert said.stdout.startswith("old at "), said.stdout
        assert " at :" not in said.stdout, said.stdout
        assert [t["value"] for t in o["tags"] if t["tag"] == "num"] == [3], o
    finally:
        p.close()


def a_dead_broker_is_no_stable_value():
    p = MqttPlant()
    try:
        p.start()
        p.pub("plain/num", "3")
        p.wait(lambda: p.value("hall/num")["value"] == 3, "value arrives")
        p.broker.kill()
        p.broker.wait()
        p.wait(lambda: p.value("hall/num")["quality"] == "Bad", "value goes bad")
        p.broker = p.spawn("mosquitto", [BROKER, "-c", str(p.dir / "mosquitto.conf")])
        p.sim = p.broker
        p.wait(lambda: all(d["status"] == "ok" for d in p.status()["devices"]), "devices are back")
        p.pub("plain/num", "3")
        p.wait(lambda: p.value("hall/num")["quality"] == "Good", "value is good again")
    finally:
        p.close()


class OwnBrokerPlant(MqttPlant):
    """The same tags, through the zone's own broker: a listener on loopback, a unix socket inside."""

    def start_sim(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.sim = self.spawn("idle", ["sleep", "1000"])

    def write_conf(self):
        super().write_conf()
        text = (self.conf / "plant.yaml").read_text()
        text = text.replace(f"bus: {{from: edge/cell, to: 127.0.0.1, proto: mqtt, port: {self.port}, direction: pull,",
                            f"bus: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtt, port: {self.port}, "
                            "direction: both, topics_write: [\"plain/#\", \"pump/#\", \"json/#\", \"sim/#\"],")
        text = text.replace(f"host: 127.0.0.1, port: {self.port}, ", "")
        (self.conf / "plant.yaml").write_text(text)


def the_zones_own_broker_brings_the_same():
    p = OwnBrokerPlant([(20 + (i % 97) / 7, i * 0.1) for i in range(200)])
    try:
        p.start()
        sim = p.spawn("pub", [p.hf, "sim", "mqtt", "--host", f"127.0.0.1:{p.port}",
                              "--topic", "sim/dev", "--replay", str(p.dir / "rows.csv"),
                              "--time", "time", "--interval", "2ms", "--version", "3.1.1",
                              "--ledger", str(p.dir / "ledger")])
        p.wait(lambda: "done" in open(sim.log).read(), "recording published", 60)
        p.wait(lambda: len(p.ledger("a")) == 200 and p.diff() == (0, 0), "history equals ledger", 60)
        p.pub("cmd/v1/hall", "1")
        p.pub("plain/num", "4")
        p.wait(lambda: p.value("hall/num")["value"] == 4, "number arrives")
        sim.terminate()
        sim.wait(10)
    finally:
        p.close()


run([a_replayed_recording_is_stored_bit_for_bit,
     both_versions_of_mosquitto_pub_are_read,
     what_breaks_a_contract_is_dropped_counted_and_shown,
     a_contract_never_changes_under_its_name,
     a_missing_schema_stops_the_plant_before_it_runs,
     a_preview_suggests_rows,
     a_dead_broker_is_no_stable_value,
     the_zones_own_broker_brings_the_same])
