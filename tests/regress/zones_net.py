#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""zones_net.py RULES - does the kernel do what the rules say?

Runs in a network namespace of its own (unshare -n). Makes a second one that
plays the plant, joins them with a pair eth0 - far, loads RULES on our side, and
tries what conduits allow and what they do not, with a positive control before
the rules are loaded. Expects a zone on eth0 (10.9.0.1) with two conduits:
we open tcp 10.9.0.2:502, and 10.9.0.0/24 opens tcp 8443 here. Prints a line for
each thing that is not so; exit 1 if there was one.
"""
import json
import os
import socket
import subprocess
import sys
import threading
import time

WAIT = 0.4 * float(os.environ.get("HF_TEST_SLOW", "1"))
bad = []


def run(*args):
    subprocess.run(args, check=True)


def expect(what, is_so):
    if not is_so:
        bad.append(what)
        print("not so:", what)


class Peer:
    """A process in the other namespace; one line of Python in, one word out."""

    def __init__(self):
        self.p = subprocess.Popen(
            ["unshare", "-n", sys.executable, __file__, "--peer"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.p.stdout.readline() == "here\n"

    def ask(self, code):
        self.p.stdin.write(code + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def connects(host, port):
    try:
        socket.create_connection((host, port), WAIT).close()
        return True
    except OSError:
        return False


def reaches(host, port):
    """What may pass, passes in the end: a busy machine is no refusal."""
    return any(connects(host, port) or time.sleep(0.05) for _ in range(25))


def listen(host, *ports):
    for port in ports:
        s = socket.create_server((host, port), backlog=64)

        def serve(s=s):
            while True:
                s.accept()[0].close()

        threading.Thread(target=serve, daemon=True).start()


def peer():
    print("here", flush=True)
    for line in sys.stdin:
        print(eval(line), flush=True)  # lines of this file alone


def frame(kind, payload):
    """A raw frame past the IP layer; the errno's name, or 'sent'."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        s.sendto(payload, ("eth0", kind, 0, 0, b"\xff" * 6))
        return "sent"
    except OSError as e:
        return os.strerror(e.errno)


def datagram(host, port):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (host, port))
        return True
    except PermissionError:
        return False


def ip_packet(dst):
    """IPv4, UDP to port 53, checksums left zero."""
    return (b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0" + socket.inet_aton("10.9.0.1") +
            socket.inet_aton(dst) + b"\x9c\x40\0\x35\0\x08\0\0")


def counters():
    out = subprocess.run(["nft", "-j", "list", "ruleset"], check=True,
                         capture_output=True, text=True).stdout
    n = {}
    for x in json.loads(out)["nftables"]:
        rule = x.get("rule", {})
        for e in rule.get("expr", []):
            if "counter" in e:
                key = rule.get("comment", "?")
                n[key] = n.get(key, 0) + e["counter"]["packets"]
    return n


def main(rules):
    far = Peer()
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
    run("ip", "link", "set", "far", "netns", str(far.p.pid))
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    far.ask("run('ip', 'addr', 'add', '10.9.0.2/24', 'dev', 'far')")
    far.ask("run('ip', 'link', 'set', 'far', 'up')")
    far.ask("listen('10.9.0.2', 502, 503)")
    listen("10.9.0.1", 8443, 8444)

    # Without rules all of it works, or the refusals below would mean nothing.
    for port in (502, 503):
        expect(f"control: {port} out", reaches("10.9.0.2", port))
    for port in (8443, 8444):
        expect(f"control: {port} in", far.ask(f"reaches('10.9.0.1', {port})") == "True")
    expect("control: datagram", datagram("10.9.0.2", 502))
    expect("control: frame", frame(0x0800, ip_packet("10.9.0.2")) == "sent")

    run("nft", "-f", rules)
    run("nft", "-f", rules)  # twice is the same
    expect("the declared port opens", reaches("10.9.0.2", 502))
    expect("another port stays shut", not connects("10.9.0.2", 503))
    expect("a datagram to the declared port is refused", not datagram("10.9.0.2", 502))
    expect("the declared listener is reached", far.ask("reaches('10.9.0.1', 8443)") == "True")
    expect("another listener is not", far.ask("connects('10.9.0.1', 8444)") == "False")
    expect("a raw frame is stopped at the interface",
           frame(0x0800, ip_packet("10.9.0.2")) != "sent")
    expect("a frame of another protocol too", frame(0x88B5, b"x" * 46) != "sent")
    n = counters()
    for name in ("plc", "ui", "denied in", "denied out", "denied frame"):
        expect(f"counter \"{name}\" rose", n.get(name, 0) > 0)
    far.end()
    return 1 if bad else 0


if sys.argv[1] == "--peer":
    peer()
else:
    sys.exit(main(sys.argv[1]))
