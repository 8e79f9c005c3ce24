# SPDX-License-Identifier: Apache-2.0
"""plant_broker.py - the broker as a guest: supervision, confinement, who may say what.

The clients are mosquitto_pub and mosquitto_sub, which others wrote. A plant here has one plain
and one TLS listener, on ports that the kernel chose.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plantlib
from plantlib import HF, SLOW, Plant, Skip, rows, run

PLAIN = """  cell-mqtt: {{from: 127.0.0.0/8, to: broker/cell, proto: mqtt, port: {plain}, direction: listen,
    topics_read: [{read}], topics_write: [{write}], auth: none,
    purpose: tests, owner: tests, review: 2036-01-01}}
"""
TLS = """  cell-mqtts: {{from: any, to: broker/cell, proto: mqtts, port: {tls}, direction: listen,
    topics_read: ["dev/#"], topics_write: ["dev/%u/#"], auth: mtls,
    purpose: tests, owner: tests, review: 2036-01-01}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class BrokerPlant(Plant):
    meter = False   # an MQTT device of the zone's broker

    def __init__(self, *a, **kw):
        super().__init__(*a, **kw)
        self.plain, self.tls = free_port(), free_port()
        self.conduits = PLAIN + TLS
        self.read, self.write = '"#"', '"dev/#", "spBv1.0/#"'

    def write_conf(self):
        super().write_conf()
        text = (self.conf / "plant.yaml").read_text()
        more = self.conduits.format(plain=self.plain, tls=self.tls, read=self.read, write=self.write)
        meter = "  meter: {zone: cell, driver: mqtt, qos: 1, tags: tags/meter.csv}\n" if self.meter and more else ""
        (self.conf / "plant.yaml").write_text(text.replace("\ndevices:\n", f"\n{more}devices:\n{meter}"))
        (self.conf / "tags/meter.csv").write_text(
            "device,tag,address,type,uns_path\nmeter,m,dev/meter,float64,hall/meter\n")

    def reload(self):
        self.write_conf()
        r = subprocess.run([HF, "reload", "--run", str(self.run)],
                           capture_output=True, text=True)
        return r.returncode, r.stdout + r.stderr

    def pub(self, topic, *args, port=None, payload="1"):
        """True: the broker took it; MQTT 5 says so, 3.1.1 does not."""
        r = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port or self.plain), "-V", "mqttv5",
                            "-q", "1", "-t", topic, "-m", payload, *map(str, args)],
                           capture_output=True, text=True, timeout=30 * SLOW)
        return r.returncode == 0 and "Not authorized" not in r.stderr

    def sub(self, *args, port=None):
        """A subscriber that runs; its output is a file."""
        where = [] if "--unix" in args else ["-h", "127.0.0.1", "-p", str(port or self.plain)]
        p = self.spawn("sub", ["stdbuf", "-oL", "mosquitto_sub", *where, "-v", "-d", *map(str, args)])
        self.wait(lambda: "received SUBACK" in open(p.log).read(), "subscribed")
        return p

    def history_of(self, tag):
        return [x["v"] for x in self.get("history", tag=tag, limit=1000)["points"]]

    def unix(self, who):
        return str(self.run / "broker" / who / "cell" / "mqtt.sock")

    def client(self, name):
        subprocess.run([HF, "init", "--conf", str(self.conf), "--data", str(self.data), "--client", name],
                       check=True, capture_output=True)
        d = self.data / "pki"
        return ["--cafile", d / "own/ca.crt", "--cert", d / f"clients/{name}.crt", "--key", d / f"clients/{name}.key"]


def said(p):
    return [line for line in open(p.log).read().splitlines() if not line.startswith(("Client ", "Subscribed"))]


def with_plant(n=3000, **change):
    def wrap(f):
        def test():
            if shutil.which("mosquitto_pub") is None or not os.path.exists("/usr/sbin/mosquitto"):
                raise Skip("needs the packages mosquitto and mosquitto-clients")
            p = BrokerPlant(rows(n))
            for k, v in change.items():
                setattr(p, k, v)
            try:
                p.start()
                f(p)
            finally:
                p.close()
        test.__name__ = f.__name__
        return test
    return wrap


def confined(p):
    if p.insecure:
        raise Skip("needs root and namespaces for the sandbox of the guest")


@with_plant()
def broker_killed_comes_back_while_ingest_goes_on(p):
    p.wait(lambda: p.status()["devices"][0]["samples"] > 50, "samples")
    was = p.role("broker")["pid"]
    for _ in range(2):
        before = len(p.history("a"))
        p.kill_role("broker")
        p.wait(lambda: len(p.history("a")) > before + 20, "ingest goes on")
    assert p.role("broker")["restarts"] == 2 and p.role("broker")["pid"] != was
    p.settle()
    assert p.diff() == (0, 0), p.diff()
    assert p.pub("dev/x")
    what = [(r["action"], r.get("object")) for r in p.records()]
    assert what.count(("role.death", "broker/cell")) == 2, what
    assert what.count(("role.start", "broker/cell")) == 3, what


@with_plant(500)
def broker_killed_in_a_loop_is_failing_and_comes_back(p):
    for _ in range(3):
        p.wait(lambda: p.role("broker")["status"] == "ready", "broker ready")
        os.kill(p.role("broker")["pid"], signal.SIGKILL)
        time.sleep(0.3)
    p.wait(lambda: p.role("broker")["status"] == "failing", "broker is failing")
    p.wait(lambda: any("role/broker/cell" in a["id"] for a in p.get("alarms")), "alarm")
    assert any(r["action"] == "role.failing" and r.get("object") == "broker/cell" for r in p.records())
    assert p.role("edge")["status"] == "ready" and p.role("core")["status"] == "ready"
    p.wait(lambda: p.role("broker")["status"] == "ready", "broker comes back", 60)
    assert p.pub("dev/x")


@with_plant(200)
def commands_and_the_namespace_are_refused_to_devices(p):
    listening = p.sub("-t", "#", "-t", "cmd/#")
    for topic in ("cmd/v1/hall/line/dev/_press_v1/stop", "cmd", "uns/v1/test/bench/hall/line/dev/_raw/a", "uns/v1",
                  "umh.v1.test.bench.hall._raw.a", "spBv1.0/g/NCMD/n", "spBv1.0/g/DCMD/n/d", "spBv1.0/STATE/host",
                  "$SYS/broker/uptime", "other/x", "/dev/x"):
        assert not p.pub(topic, payload="stolen"), topic
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(p.plain), "-V", "mqttv311", "-q", "1",
                        "-t", topic, "-m", "stolen"], timeout=30 * SLOW)
    for topic in ("dev/x", "dev", "spBv1.0/g/NDATA/n", "spBv1.0/g/DBIRTH/n/d"):
        assert p.pub(topic, payload="allowed"), topic
    p.wait(lambda: sum("allowed" in line for line in said(listening)) == 4, "what is allowed arrives")
    assert not any("stolen" in line for line in said(listening)), said(listening)
    listening.kill()
    listening.wait()


@with_plant(200)
def will_and_retained_message_obey_the_list(p):
    listening = p.sub("-t", "#")
    for topic in ("cmd/v1/stop", "uns/v1/test/bench/x", "dev/will"):
        victim = p.sub("-t", "dev/none", "--will-topic", topic, "--will-payload", "last", "--will-qos", "1")
        victim.kill()       # no DISCONNECT: the broker sends the will
        victim.wait()
    p.wait(lambda: "dev/will last" in said(listening), "the allowed will")
    assert [x for x in said(listening) if x.endswith(" last")] == ["dev/will last"], said(listening)
    p.pub("cmd/v1/stop", "-r", payload="kept")
    p.pub("dev/kept", "-r", payload="kept")
    late = p.sub("-t", "#")
    p.wait(lambda: "dev/kept kept" in said(late), "the retained one")
    assert not any(x.startswith("cmd/") for x in said(late)), said(late)
    for s in (listening, late):
        s.kill()
        s.wait()


@with_plant(200, read='"dev/#"')
def client_reads_what_its_conduit_says_and_no_more(p):
    core = p.unix("core")
    listening = p.sub("-t", "#", "-t", "uns/#", "-t", "$SYS/#", "-t", "$share/g/uns/#")
    if os.geteuid() == 0:
        subprocess.run(["mosquitto_pub", "--unix", core, "-q", "1", "-t", "uns/v1/secret", "-m", "1"], check=True,
                       timeout=30 * SLOW)
    assert p.pub("dev/x", payload="open")
    p.wait(lambda: "dev/x open" in said(listening), "what may be read")
    assert said(listening) == ["dev/x open"], said(listening)
    listening.kill()
    listening.wait()


@with_plant(200)
def core_writes_the_namespace_and_reads_nothing(p):
    if os.geteuid() != 0:
        raise Skip("needs root to pass the folder of core's socket")
    at = p.unix("core")

    def as_core(topic):
        r = subprocess.run(["mosquitto_pub", "--unix", at, "-V", "mqttv5", "-q", "1", "-t", topic, "-m", "1"],
                           capture_output=True, text=True, timeout=30 * SLOW)
        return "Not authorized" not in r.stderr
    assert as_core("uns/v1/test/bench/x") and as_core("umh.v1.test.bench.x")
    assert not as_core("cmd/v1/x") and not as_core("dev/x") and not as_core("spBv1.0/g/NCMD/n")
    reader = p.sub("--unix", at, "-t", "#")
    edge = p.sub("--unix", p.unix("edge"), "-t", "#")
    assert p.pub("dev/x", payload="seen")
    p.wait(lambda: "dev/x seen" in said(edge), "edge reads devices")
    assert said(reader) == ["All subscription requests were denied."], said(reader)
    for s in (reader, edge):
        s.kill()
        s.wait()


def refused_by_tls(p, *args):
    return not p.pub("dev/good/a", *args, port=p.tls)


@with_plant(200)
def client_needs_a_certificate_of_this_plant_that_has_not_ended(p):
    good = p.client("good")
    assert p.pub("dev/good/a", *good, port=p.tls)
    assert not p.pub("dev/other/a", *good, port=p.tls), "%u is the name in the certificate"
    ca = ["--cafile", p.data / "pki/own/ca.crt"]
    assert refused_by_tls(p, *ca), "without a certificate"
    d = p.dir / "pki"
    d.mkdir()

    def ssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=d)
    ssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
        "-out", "ca.crt", "-subj", "/CN=good", "-days", "10")
    ssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "c.key",
        "-out", "c.csr", "-subj", "/CN=good")
    ssl("x509", "-req", "-in", "c.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-out", "wrong.crt", "-days", "5")
    assert refused_by_tls(p, *ca, "--cert", d / "wrong.crt", "--key", d / "c.key"), "another CA"
    (d / "index.txt").touch()
    (d / "index.txt.attr").write_text("unique_subject = no\n")
    (d / "serial").write_text("01")
    (d / "ca.cnf").write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n"
                              "default_md=sha256\nunique_subject=no\npolicy=p\n[p]\ncommonName=supplied\n")
    ssl("ca", "-batch", "-config", "ca.cnf", "-cert", p.data / "pki/own/ca.crt",
        "-keyfile", p.data / "keys/ca/ca.key", "-in", "c.csr", "-out", "old.crt", "-notext",
        "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    assert refused_by_tls(p, *ca, "--cert", d / "old.crt", "--key", d / "c.key"), "one that has ended"
    ssl("ca", "-batch", "-config", "ca.cnf", "-cert", p.data / "pki/own/ca.crt",
        "-keyfile", p.data / "keys/ca/ca.key", "-in", "c.csr", "-out", "new.crt", "-notext",
        "-startdate", "20200101000000Z", "-days", "9000")
    assert p.pub("dev/good/a", *ca, "--cert", d / "new.crt", "--key", d / "c.key", port=p.tls), \
        "the same request with a good date: it was the date"


def sockets_of(pid):
    """Inodes of the sockets that the process holds."""
    out = set()
    for f in os.listdir(f"/proc/{pid}/fd"):
        try:
            to = os.readlink(f"/proc/{pid}/fd/{f}")
        except OSError:
            continue
        if to.startswith("socket:["):
            out.add(to[8:-1])
    return out


@with_plant(100)
def broker_listens_where_the_plant_says_and_nowhere_else(p):
    pid = p.role("broker")["pid"]
    mine = sockets_of(pid)
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw"):
        with open(f"/proc/{pid}/net/{table}") as f:
            for line in f.read().splitlines()[1:]:
                w = line.split()
                if w[9] in mine and (w[3] == "0A" or not table.startswith("tcp")):
                    host, port = w[1].split(":")
                    found.add((table, host, int(port, 16)))
    assert found == {("tcp", "0100007F", p.plain), ("tcp", "0100007F", p.tls)}, found


@with_plant(100)
def guest_sees_its_libraries_and_its_own_files_only(p):
    confined(p)
    pid = p.role("broker")["pid"]
    root = pathlib.Path(f"/proc/{pid}/root")
    assert sorted(os.listdir(root)) == ["conf", "core", "edge", "lib", "lib64", "mosquitto", "policy.so",
                                        "tls", "usr"]
    assert set(os.listdir(root / "usr")) <= {"lib", "lib64"}
    assert sorted(os.listdir(root / "tls")) == ["broker.crt", "broker.key", "ca.crt"]
    flags = {}
    with open(f"/proc/{pid}/mountinfo") as f:
        for line in f:
            w = line.split()
            flags[w[4]] = w[5].split(",")
    writable = sorted(at for at, how in flags.items() if "rw" in how)
    assert writable == ["/core", "/edge"], flags
    assert all("nosuid" in how and "nodev" in how for how in flags.values()), flags
    with open(f"/proc/{pid}/status") as f:
        st = {k: v.strip() for k, v in (line.split(":", 1) for line in f)}
    assert int(st["CapEff"], 16) == 0 and int(st["CapPrm"], 16) == 0 and st["NoNewPrivs"] == "1", st
    assert st["Uid"].split()[0] != "0" and st["Groups"] == "", st
    is_sanitized = {"ASAN_OPTIONS", "TSAN_OPTIONS"} & set(os.environ)     # such a build has no filter
    assert is_sanitized or st["Seccomp"] == "2", st
    with open(f"/proc/{pid}/environ") as f:
        assert f.read() == ""
    fds = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
    assert not any(str(p.data) in to or to.startswith("/proc") for to in fds), fds


@with_plant(100)
def folders_of_the_sockets_are_for_core_and_edge_alone(p):
    confined(p)
    gate = {n: os.stat(p.run / "broker" / n) for n in ("core", "edge")}
    assert all(st.st_uid == 0 and st.st_mode & 0o7777 == 0o750 for st in gate.values()), gate
    assert gate["core"].st_gid != gate["edge"].st_gid
    for who in ("core", "edge"):
        assert os.stat(p.unix(who)).st_gid == gate[who].st_gid
        assert os.stat(p.unix(who)).st_mode & 0o777 == 0o770
    root = pathlib.Path(f"/proc/{p.role('edge')['pid']}/root/broker")
    assert os.listdir(root) == ["mqtt.sock"]
    r = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "mosquitto_pub",
                        "--unix", p.unix("core"), "-t", "uns/v1/x", "-m", "1"], capture_output=True, timeout=30 * SLOW)
    assert r.returncode != 0, "a stranger of this machine gets to core's socket"


@with_plant(300)
def reload_changes_lists_alone_without_a_new_process(p):
    pid = p.role("broker")["pid"]
    assert not p.pub("more/x")
    p.write = '"dev/#", "more/#"'
    code, text = p.reload()
    assert code == 0, text
    p.wait(lambda: p.pub("more/x"), "the new list holds")
    assert p.role("broker")["pid"] == pid and p.role("broker")["restarts"] == 0
    assert not p.pub("spBv1.0/g/NDATA/n"), "what was taken away is refused"


@with_plant(300)
def reload_moves_adds_and_removes_listeners(p):
    pid, edge = p.role("broker")["pid"], p.role("edge")["pid"]
    old, p.plain = p.plain, free_port()
    code, text = p.reload()
    assert code == 0, text
    p.wait(lambda: p.pub("dev/x"), "the new port answers")
    assert not p.pub("dev/x", port=old)
    now = p.role("broker")
    assert now["pid"] != pid and now["restarts"] == 0, "planned, so neither a death nor a restart"
    assert not any(r["action"] == "role.death" for r in p.records())
    p.conduits = ""
    code, text = p.reload()
    assert code == 0, text
    p.wait(lambda: "broker" not in [r["role"] for r in p.status()["roles"]], "the broker is gone")
    p.wait(lambda: not os.path.exists(f"/proc/{now['pid']}"), "its process is gone")
    assert p.status()["health"] in ("ok", "degraded"), p.status()["findings"]
    p.conduits = PLAIN
    code, text = p.reload()
    assert code == 0, text
    p.wait(lambda: p.role("broker")["status"] == "ready", "a broker again")
    assert p.pub("dev/x") and p.role("edge")["pid"] == edge


@with_plant(200)
def reload_refuses_a_listener_that_cannot_be_policed(p):
    pid = p.role("broker")["pid"]
    for bad in ('"%c/#"', '"dev/%u"', '"spBv1.0/g/NCMD/n"', '"$SYS/#"', '"#"', '"cmd/x"', '"uns/v1/#"', '"umh.v1.x"'):
        p.write = bad
        code, text = p.reload()
        assert code != 0 and "cell-mqtt" in text, (bad, code, text)
        r = subprocess.run([HF, "check", "--conf", str(p.conf)], capture_output=True, text=True)
        assert r.returncode == 1 and re.search(r"plant.yaml:\d+:\d+: conduits.cell-mqtt", r.stdout + r.stderr), r
    assert p.role("broker")["pid"] == pid and p.pub("dev/x")


@with_plant(200)
def new_certificate_is_taken_up_by_reload(p):
    good = p.client("good")
    pid = p.role("broker")["pid"]
    (p.data / "pki/own/broker-cell.crt").unlink()
    subprocess.run([HF, "init", "--conf", str(p.conf), "--data", str(p.data)], check=True, capture_output=True)
    code, text = p.reload()
    assert code == 0, text
    assert "nothing has changed but certificates" in text, text
    assert "broker/cell starts anew with its new certificate" in text, text
    p.wait(lambda: p.role("broker")["pid"] != pid and p.role("broker")["status"] == "ready", "a new process")
    code, text = p.reload()
    assert code == 0 and "nothing has changed:" in text and "anew" not in text, text
    assert p.pub("dev/good/a", *good, port=p.tls)


@with_plant(200)
def certificate_that_ends_soon_is_a_finding_until_init_renews_it(p):
    what = lambda: [f["text"] for f in p.status()["findings"] if f["what"] == "certificates.broker/cell"]
    assert what() == []
    d = p.data / "pki/own"
    key = p.data / "keys/broker/cell.key"
    subprocess.run(f"openssl req -new -key {key} -subj /CN=broker-cell | openssl x509 -req -CA {d}/ca.crt "
                   f"-CAkey {p.data}/keys/ca/ca.key -days 20 -out {d}/soon.crt", shell=True, check=True,
                   capture_output=True)
    os.rename(d / "soon.crt", d / "broker-cell.crt")
    assert p.reload()[0] == 0
    p.wait(what, "the finding")
    assert "holdfast init" in what()[0] and "ends" in what()[0], what()
    subprocess.run([HF, "init", "--conf", str(p.conf), "--data", str(p.data)], check=True, capture_output=True)
    assert p.reload()[0] == 0
    p.wait(lambda: what() == [], "it is gone")


@with_plant(200)
def key_that_the_broker_may_not_read_is_refused_by_name(p):
    confined(p)
    key = p.data / "keys/broker/cell.key"
    os.chown(key, 0, 0)
    p.stop()
    p.main = p.spawn("holdfast", [HF, "run", "--conf", str(p.conf), "--data", str(p.data), "--run", str(p.run)])
    p.wait(lambda: p.role("broker")["status"] == "refused", "refused")
    assert "cell.key" in p.role("broker")["text"] and "holdfast init" in p.role("broker")["text"]
    subprocess.run([HF, "init", "--conf", str(p.conf), "--data", str(p.data)], check=True, capture_output=True)
    assert p.reload()[0] == 0
    p.wait(lambda: p.role("broker")["status"] == "ready", "reload tries again")
    assert p.role("broker")["restarts"] == 0 and p.role("broker")["text"] == "", "a refusal is no death"


def broker_whose_nic_is_missing_says_so_and_comes_with_it():
    p = BrokerPlant(rows(300))
    try:
        p.start_sim()
        p.write_conf()
        file = p.conf / "plant.yaml"
        good = file.read_text()
        nic = good.replace("interface: host-veth", "interface: hfnone0", 1)
        assert nic != good
        file.write_text(nic)
        subprocess.run([HF, "init", "--conf", str(p.conf), "--data", str(p.data)], check=True, capture_output=True)
        p.main = p.spawn("holdfast", [HF, "run", "--conf", str(p.conf), "--data", str(p.data),
                                      "--run", str(p.run), "--insecure"])
        p.wait(lambda: p.role("broker")["status"] == "failing", "failing")
        role = p.role("broker")
        assert "interface hfnone0 does not exist" in role["text"], role
        assert role["restarts"] >= 2, role
        p.wait(lambda: len(p.history("a")) > 50, "the rest runs")
        file.write_text(good)
        code, text = p.reload()
        assert code == 0, text
        p.wait(lambda: p.role("broker")["status"] == "ready", "the right one is taken at once")
    finally:
        p.close()


def missing_program_is_told_and_the_rest_runs():
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        raise Skip("needs root and mount namespaces")
    p = BrokerPlant(rows(300))
    try:
        p.start_sim()
        p.write_conf()
        subprocess.run([HF, "init", "--conf", str(p.conf), "--data", str(p.data)], check=True, capture_output=True)
        p.main = p.spawn("holdfast", [
            "unshare", "-m", "sh", "-c", 'mount --bind /dev/null /usr/sbin/mosquitto && exec "$@"', "sh",
            HF, "run", "--conf", str(p.conf), "--data", str(p.data), "--run", str(p.run)])
        p.wait(lambda: p.role("broker")["status"] == "refused", "refused")
        assert "install the package mosquitto" in p.role("broker")["text"]
        p.wait(lambda: len(p.history("a")) > 50, "the rest runs")
        p.wait(lambda: "runs plant test/bench" in open(p.main.log).read(), "announced all the same")
        assert p.status()["health"] == "failing"
    finally:
        p.close()


def taken_port_makes_the_broker_failing_not_the_plant():
    p = BrokerPlant(rows(300))
    with socket.socket() as s:
        s.bind(("127.0.0.1", p.plain))
        s.listen()
        try:
            p.start_sim()
            p.write_conf()
            subprocess.run([HF, "init", "--conf", str(p.conf), "--data", str(p.data)], check=True, capture_output=True)
            p.main = p.spawn("holdfast", [HF, "run", "--conf", str(p.conf), "--data", str(p.data),
                                          "--run", str(p.run), "--insecure"])
            p.wait(lambda: p.role("broker")["status"] == "failing", "failing")
            assert "broker/log/cell.log" in p.role("broker")["text"], p.role("broker")["text"]
            assert "Address already in use" in (p.run / "broker/log/cell.log").read_text()
            p.wait(lambda: len(p.history("a")) > 50, "the rest runs")
        finally:
            p.close()


@with_plant(300)
def leftover_socket_of_a_killed_plant_is_no_obstacle(p):
    os.kill(p.main.pid, signal.SIGKILL)
    p.main.wait()
    p.wait(lambda: not os.path.exists(f"/proc/{p.main.pid}"), "all is gone")
    assert os.path.exists(p.unix("core"))
    p.start()
    assert p.pub("dev/x")


@with_plant(300)
def broker_ends_with_the_plant(p):
    pid = p.role("broker")["pid"]
    t = time.monotonic()
    assert p.stop() == 0
    assert not os.path.exists(f"/proc/{pid}")
    assert time.monotonic() - t < 2 * SLOW
    assert "was not" not in open(p.main.log).read()
    p.start()
    pid = p.role("broker")["pid"]
    os.kill(p.main.pid, signal.SIGKILL)
    p.main.wait()
    p.wait(lambda: not os.path.exists(f"/proc/{pid}"), "it dies with the parent")


@with_plant(200)
def log_of_the_guest_is_bounded_whatever_clients_call_themselves(p):
    confined(p)
    pid = p.role("broker")["pid"]
    with open(f"/proc/{pid}/limits") as f:
        limit = next(line for line in f if line.startswith("Max file size"))
    assert int(limit.split()[3]) == 1 << 20, limit
    with open(f"/proc/{pid}/status") as f:
        ignored = int(next(line for line in f if line.startswith("SigIgn")).split()[1], 16)
    assert ignored >> (signal.SIGXFSZ - 1) & 1, "a full log must not end it"
    p.pub("dev/x", "-i", "\x1b[2Jevil")
    assert "\x1b" not in open(p.main.log).read()


@with_plant(200, meter=True)
def clients_cannot_take_the_place_of_core_or_edge(p):
    """A broker ends the old connection of a client id when the same one comes again."""
    p.wait(lambda: p.counter("bus.connects") == 1 and p.counter("mqtt.connects") == 1, "core and edge are there")
    names = ["core", "holdfast-edge", "holdfast-cell", "holdfast-meter", "holdfast-test-bench-cell-meter"]
    thieves = [p.sub("-i", name, "-c", "-q", "1", "-t", "#") for name in names]
    assert p.pub("dev/meter", payload="41.5")
    p.wait(lambda: p.history_of("hall/meter") == [41.5], "the value of the device")
    was = p.role("edge")["pid"]
    os.kill(was, signal.SIGKILL)
    for i in range(10):
        assert p.pub("dev/meter", payload=str(i))
    p.wait(lambda: len(p.history_of("hall/meter")) == 11, "edge's session outlives edge")
    assert p.role("edge")["pid"] != was
    assert p.counter("bus.connects") == 1, "core was never thrown out"
    assert all(t.poll() is None for t in thieves)


if __name__ == "__main__":
    run([broker_killed_comes_back_while_ingest_goes_on, broker_killed_in_a_loop_is_failing_and_comes_back,
         commands_and_the_namespace_are_refused_to_devices, will_and_retained_message_obey_the_list,
         client_reads_what_its_conduit_says_and_no_more, core_writes_the_namespace_and_reads_nothing,
         client_needs_a_certificate_of_this_plant_that_has_not_ended,
         broker_listens_where_the_plant_says_and_nowhere_else, guest_sees_its_libraries_and_its_own_files_only,
         folders_of_the_sockets_are_for_core_and_edge_alone, reload_changes_lists_alone_without_a_new_process,
         reload_moves_adds_and_removes_listeners, reload_refuses_a_listener_that_cannot_be_policed,
         new_certificate_is_taken_up_by_reload, certificate_that_ends_soon_is_a_finding_until_init_renews_it,
         key_that_the_broker_may_not_read_is_refused_by_name,
         broker_whose_nic_is_missing_says_so_and_comes_with_it, missing_program_is_told_and_the_rest_runs,
         taken_port_makes_the_broker_failing_not_the_plant, leftover_socket_of_a_killed_plant_is_no_obstacle,
         broker_ends_with_the_plant, log_of_the_guest_is_bounded_whatever_clients_call_themselves,
         clients_cannot_take_the_place_of_core_or_edge])
