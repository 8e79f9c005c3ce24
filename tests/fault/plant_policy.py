# SPDX-License-Identifier: Apache-2.0
"""plant_policy.py - the policy plugin in a plant's broker: each refusal is counted and in the audit log,
a right that goes takes its retained messages along, a flood of refusals leaves the others alone.

What is refused and what is not is the matter of plant_broker.py, which runs with the plugin, too.
"""
import os
import socket
import statistics
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plant_broker import said, with_plant
from plantlib import run

SHARE = 20000       # round trips of one measurement
ROUNDS = 5


def denials(p, topic=None):
    return [r for r in p.records() if r["action"] == "bus.denied" and topic in (None, r["object"])]


def wait_denial(p, topic, word):
    p.wait(lambda: any(r["detail"].startswith(word + " refused") for r in denials(p, topic)),
           f"record of {word} {topic}")
    return next(r for r in denials(p, topic) if r["detail"].startswith(word + " refused"))


@with_plant(200, read='"dev/#"')
def each_refusal_is_counted_and_in_the_audit_log(p):
    assert p.counter("deny.broker") == 0
    assert not p.pub("cmd/v1/stop", "-i", "intruder")
    r = wait_denial(p, "cmd/v1/stop", "write")
    assert r["decision"] == "deny" and r["actor"] == "mqtt:anonymous" and r["zone"] == "cell", r
    assert "approved path" in r["detail"] and "intruder" in r["detail"] and "127.0.0.1" in r["detail"], r
    assert not p.pub("uns/v1/x")
    assert "core alone" in wait_denial(p, "uns/v1/x", "write")["detail"]
    p.sub("-t", "secret/#", "-t", "dev/#")
    assert "no conduit allows it" in wait_denial(p, "secret/#", "subscribe")["detail"]
    p.sub("-t", "#")
    p.write = '"dev/#", "other/#"'
    assert p.reload()[0] == 0
    p.wait(lambda: p.pub("other/x"), "a topic that this client may not read")
    wait_denial(p, "other/x", "read")
    victim = p.sub("-t", "dev/none", "--will-topic", "cmd/v1/will", "--will-payload", "last")
    victim.kill()
    victim.wait()
    wait_denial(p, "cmd/v1/will", "write")
    p.wait(lambda: p.counter("deny.broker") >= 5, "counted")
    assert p.counter("drop.denial_record") == 0


@with_plant(200)
def name_in_the_certificate_is_the_actor_of_the_record(p):
    good = p.client("good")
    assert p.pub("dev/good/a", *good, port=p.tls)
    assert not p.pub("dev/other/a", *good, "-u", "other", port=p.tls)
    r = wait_denial(p, "dev/other/a", "write")
    assert r["actor"] == "mqtt:good" and f"listener {p.tls}" in r["detail"], r
    assert not p.pub("more/x", "-u", "root", payload="1")
    assert wait_denial(p, "more/x", "write")["actor"] == "mqtt:anonymous", "a claim is no name"


@with_plant(200, write='"dev/#", "old/#"')
def right_that_goes_takes_its_retained_messages_along(p):
    assert p.pub("old/kept", "-r", payload="kept") and p.pub("dev/kept", "-r", payload="kept")
    early = p.sub("-t", "#")
    p.wait(lambda: {"old/kept kept", "dev/kept kept"} <= set(said(early)), "both are there")
    pid = p.role("broker")["pid"]
    p.write = '"dev/#"'
    assert p.reload()[0] == 0
    p.wait(lambda: not p.pub("old/x"), "the right is gone")
    late = p.sub("-t", "#")
    p.wait(lambda: "dev/kept kept" in said(late), "what may still be written")
    assert "old/kept kept" not in said(late), said(late)
    p.wait(lambda: "old/kept (null)" in said(late), "it is cleared")
    p.write = '"dev/#", "old/#"'
    assert p.reload()[0] == 0
    p.wait(lambda: p.pub("old/x"), "the right is back")
    last = p.sub("-t", "#")
    p.wait(lambda: "dev/kept kept" in said(last), "what was never touched")
    assert "old/kept kept" not in said(last), "what was cleared does not come back"
    assert p.role("broker")["pid"] == pid


# ---- the flood, with a client of our own: it has to be fast

def text(s):
    return struct.pack(">H", len(s)) + s.encode()


def packet(kind, body):
    n, head = len(body), b""
    while True:
        head += bytes([n % 128 | (128 if n > 127 else 0)])
        n //= 128
        if n == 0:
            return bytes([kind]) + head + body


def publish(topic, payload, ident=None):
    return packet(0x32 if ident else 0x30, text(topic) + (struct.pack(">H", ident) if ident else b"") + payload)


def connect(port, name):
    s = socket.create_connection(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + text(name)))
    assert s.recv(4)[:1] == b"\x20"
    return s


def round_trips(s):
    """Median seconds from an allowed QoS 1 message to its acknowledgement."""
    out = []
    for i in range(1, SHARE + 1):
        t = time.monotonic()
        s.sendall(publish("dev/x", b"1", i))
        got = b""
        while len(got) < 4:
            got += s.recv(4 - len(got))
        out.append(time.monotonic() - t)
    return statistics.median(out)


class Flood(threading.Thread):
    def __init__(self, port, topic):
        super().__init__(daemon=True)
        self.s, self.topic, self.n, self.is_over = connect(port, f"flood-{topic[:3]}"), topic, 0, False

    def run(self):
        block = b"".join(publish(f"{self.topic}/{i}", b"1") for i in range(50))
        while not self.is_over:
            self.s.sendall(block)
            self.n += 50
            time.sleep(0.005)       # 10,000 a second at most

    def end(self):
        self.is_over = True
        self.join()
        self.s.close()
        return self.n


def under(p, client, topic):
    f = Flood(p.plain, topic)
    f.start()
    time.sleep(0.1)
    took = round_trips(client)
    return took, f.end()


@with_plant(100)
def flood_of_refusals_is_counted_whole_and_leaves_allowed_traffic_alone(p):
    client = connect(p.plain, "good")
    quiet, allowed, denied, sent = [], [], [], 0
    for _ in range(ROUNDS):
        quiet.append(round_trips(client))
        allowed.append(under(p, client, "dev/flood")[0])
        took, n = under(p, client, "cmd/flood")
        denied.append(took)
        sent += n
    q, a, d = (min(x) * 1e6 for x in (quiet, allowed, denied))
    print(f"# round trip of an allowed message, us: {q:.0f} alone, {a:.0f} beside a flood that is allowed, {d:.0f} "
          f"beside one that is refused (ratio {d / a:.2f}); {sent} refusals")
    p.wait(lambda: p.pub("dev/x") and p.counter("deny.broker") >= sent, "every refusal is counted")
    assert p.counter("deny.broker") == sent, (p.counter("deny.broker"), sent)
    assert len(denials(p)) < sent / 4, "a flood does not fill the log"
    assert p.role("broker")["restarts"] == 0 and p.pub("dev/x")


if __name__ == "__main__":
    run([each_refusal_is_counted_and_in_the_audit_log, name_in_the_certificate_is_the_actor_of_the_record,
         right_that_goes_takes_its_retained_messages_along,
         flood_of_refusals_is_counted_whole_and_leaves_allowed_traffic_alone])
