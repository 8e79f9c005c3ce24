# SPDX-License-Identifier: Apache-2.0
"""mqtt_paho.py URL VERSION ID OPTIONS - npm/client.js, with python3-paho-mqtt.

The same arguments, commands and answers. Its MQTT 3.1.1 cannot tell a refusal (nor can any).
"""
import json
import math
import struct
import sys
import threading
import time
import urllib.parse

import paho.mqtt.client as mqtt

url, version, name, options = sys.argv[1:5]
o = json.loads(options)
is_v5 = version == "5"
lock = threading.Lock()
acks = {}           # by packet id: what came, and who waits
changed = threading.Condition(lock)


def say(v):
    sys.stdout.write(json.dumps(v) + "\n")
    sys.stdout.flush()


def answered(mid, code):
    with changed:
        acks[mid] = code
        changed.notify_all()


def wait(mid):
    with changed:
        if not changed.wait_for(lambda: mid in acks, 30):
            return -1
        return acks.pop(mid)


def on_message(c, arg, m):
    props = dict(getattr(m.properties, "UserProperty", [])) if is_v5 else {}
    say({"topic": m.topic, "text": m.payload.decode(), "retain": m.retain, "qos": m.qos, "props": props})


def on_subscribe(c, arg, mid, granted, *more):
    answered(mid, int(max(getattr(g, "value", g) for g in granted) >= 0x80))


class Client(mqtt.Client):
    """paho 1.6 drops the reason code of a PUBACK; here it is kept."""

    def _handle_pubackcomp(self, cmd):
        raw = bytes(self._in_packet["packet"])
        code = raw[2] if is_v5 and len(raw) > 2 else 0
        rc = super()._handle_pubackcomp(cmd)
        answered(struct.unpack("!H", raw[:2])[0], code if code >= 0x80 else 0)
        return rc


def connected(c, arg, flags, rc, *more):
    say({"connected": True} if rc == 0 else {"error": str(rc)})


def double(i):
    return [0.1 + 0.2 * i, math.pi * 10.0 ** (i % 300), -5e-324 * (i + 1), 1.7976931348623157e308 / (i + 1),
            2.0 ** 53 + 2 * i, 1 / (i + 3), -1e21 - i * 1e5, float(i)][i % 8]


def publish(topic, text, retain=False):
    return wait(client.publish(topic, text, qos=1, retain=retain).mid)


def numbers(c):
    first = int(time.time() * 1000) - c["count"]
    for i in range(c["count"]):
        v, t = double(i), first + i
        say({"topic": c["numbers"], "bits": struct.pack(">d", v).hex(), "t": t})
        text = json.dumps({"values": {"v": v}, "t": t}) if c["form"] == "json" else repr(v)
        code = publish(c["numbers"], text)
        if code != 0:
            return code
    return 0


client = Client(client_id=name, protocol=mqtt.MQTTv5 if is_v5 else mqtt.MQTTv311)
client.on_message = on_message
client.on_subscribe = on_subscribe
client.on_connect = connected
client.on_disconnect = lambda *a: say({"closed": True})
if "ca" in o:
    client.tls_set(o["ca"], o.get("cert"), o.get("key"))
if "will" in o:
    client.will_set(o["will"]["topic"], o["will"]["text"], qos=1)
at = urllib.parse.urlsplit(url)
try:
    client.connect(at.hostname, at.port)
except OSError as e:
    say({"error": str(e)})
    sys.exit(1)
client.reconnect = lambda: 1       # one connection, as the other
# A handshake that the broker ends is an exception in the client's own thread.
threading.excepthook = lambda a: say({"error": str(a.exc_value)})
client.loop_start()
for line in sys.stdin:
    cmd = json.loads(line)
    if "sub" in cmd:
        code = wait(client.subscribe([(f, 1) for f in cmd["sub"]])[1])
    elif "pub" in cmd:
        code = publish(cmd["pub"], cmd["text"], bool(cmd.get("retain")))
    else:
        code = numbers(cmd)
    say({"id": cmd["id"], "code": code})
