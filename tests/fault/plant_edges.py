# SPDX-License-Identifier: Apache-2.0
"""plant_edges.py - what of the host an edge is lent: serial lines and drop folders.

The line is a pseudo-terminal with a Modbus RTU station of a few lines behind it; it has no
parity, since a pseudo-terminal cannot have any.
"""
import os
import pathlib
import struct
import subprocess
import sys
import threading
import time
import tty

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plantlib import HF, Plant, Skip, rows, run


def crc(b):
    r = 0xFFFF
    for x in b:
        r ^= x
        for _ in range(8):
            r = (r >> 1) ^ 0xA001 if r & 1 else r >> 1
    return struct.pack("<H", r)


class Station:
    """Answers every read of holding registers with address + 7."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        os.chmod(self.path, 0o666)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        got = b""
        while True:
            try:
                got += os.read(self.master, 256)
            except OSError:
                return
            while len(got) >= 8:
                q, got = got[:8], got[8:]
                unit, fn, at, n = struct.unpack(">BBHH", q[:6])
                body = struct.pack(">BBB", unit, fn, 2 * n) + b"".join(
                    struct.pack(">H", (at + i + 7) & 0xFFFF) for i in range(n))
                try:
                    os.write(self.master, body + crc(body))
                except OSError:
                    return

    def close(self):
        os.close(self.slave)
        os.close(self.master)


class EdgePlant(Plant):
    devices = ""
    tags = {}

    def write_conf(self):
        super().write_conf()
        y = self.conf / "plant.yaml"
        y.write_text(y.read_text().replace("\nassets:\n", f"\n{self.devices}assets:\n"))
        for name, text in self.tags.items():
            (self.conf / "tags" / name).write_text(text)

    def reload(self):
        self.write_conf()
        r = subprocess.run([HF, "reload", "--run", str(self.run)], capture_output=True, text=True)
        return r.returncode, r.stdout + r.stderr

    def edge(self, zone):
        return next(r for r in self.status()["roles"] if r["role"] == "edge" and r["zone"] == zone)

    def device(self, name):
        return next(d for d in self.status()["devices"] if d["device"] == name)

    def line(self, path):
        self.devices = (f"  pump: {{zone: cell, driver: modbus-rtu, serial: {path}, baud: 115200, parity: none, unit: 1, asset: hall/line/dev,\n"
                        "    tags: tags/pump.csv, time: receive}\n")
        self.tags = {"pump.csv": "device,tag,address,type,access,interval_ms,unit,uns_path\n"
                                 "pump,p,hr:5,uint16,r,50,bar,hall/line/dev/p\n"}

    def folder(self, path, name="files"):
        self.devices += (f"  {name}: {{zone: cell, driver: csv-folder, folder: {path}, poll: 100ms, asset: hall/line/dev,\n"
                         f"    tags: tags/{name}.csv}}\n")
        self.tags = dict(self.tags)
        self.tags[f"{name}.csv"] = ("device,tag,address,type,access,interval_ms,unit,uns_path\n"
                                    f"{name},{name},v,float64,r,1000,bar,hall/line/dev/{name}\n")

    def values(self, path):
        return [x["v"] for x in self.get("history", tag=path, limit=1000)["points"]]


def with_plant(f):
    def test():
        p = EdgePlant(rows(3000))
        try:
            f(p)
        finally:
            p.close()
    test.__name__ = f.__name__
    return test


def confined(p):
    if p.insecure:
        raise Skip("needs root and namespaces for the sandbox of the edges")


def csv_rows(first, n):
    return "time,v\n" + "".join(f"2024-01-01T00:00:{i % 60:02d}Z,{first + i}.5\n" for i in range(n))


def put(folder, name, text):
    """Written beside its place, as a good exporter does."""
    tmp = folder / f".{name}"
    tmp.write_text(text)
    os.chmod(tmp, 0o666)
    os.rename(tmp, folder / name)


@with_plant
def serial_line_has_an_edge_of_its_own(p):
    station = Station()
    p.line(station.path)
    p.start()
    confined(p)
    name = "cell-" + os.path.basename(station.path)
    p.wait(lambda: 12 in p.values("hall/line/dev/p"), "a value of the line")
    mine, other = p.edge(name)["pid"], p.edge("cell")["pid"]
    assert sorted(os.listdir(f"/proc/{mine}/root")) == ["broker", "serial", "spool"]
    assert sorted(os.listdir(f"/proc/{other}/root")) == ["broker", "spool"]
    assert os.stat(f"/proc/{mine}/root/serial").st_rdev == os.stat(station.path).st_rdev
    assert (p.data / "spool" / name).is_dir()
    os.kill(mine, 9)
    p.wait(lambda: p.device("pump")["status"] != "ok", "only its device is down")
    assert p.edge("cell")["pid"] == other and p.device("dev")["status"] == "ok"
    p.wait(lambda: p.device("pump")["status"] == "ok", "it comes back")
    p.wait(lambda: p.is_sim_done() and p.diff() == (0, 0), "the other edge lost nothing", 60)
    assert p.stop() == 0
    station.close()


@with_plant
def line_that_goes_and_comes_is_taken_up_by_itself(p):
    p.line(p.dir / "ttyT")
    p.start()
    confined(p)
    assert p.device("pump")["status"] == "down" and "plug it in" in p.device("pump")["text"], p.device("pump")
    station = Station()
    os.symlink(station.path, p.dir / "ttyT")
    p.wait(lambda: p.device("pump")["status"] == "ok", "plugged in")
    first = p.edge("cell-ttyT")
    assert first["restarts"] == 0, "planned"
    os.unlink(p.dir / "ttyT")
    p.wait(lambda: "plug it in" in p.device("pump")["text"], "unplugged")
    other = Station()
    station.close()
    os.symlink(other.path, p.dir / "ttyT")
    p.wait(lambda: p.device("pump")["status"] == "ok", "another line under the same name")
    assert not any(r["action"] == "role.death" for r in p.records())
    other.close()


@with_plant
def reload_that_adds_a_line_is_refused_with_the_way_out(p):
    p.start()
    pids = {r["pid"] for r in p.status()["roles"]}
    p.line("/dev/ttyNONE")
    code, text = p.reload()
    assert code != 0 and "restart holdfast" in text, (code, text)
    assert {r["pid"] for r in p.status()["roles"]} == pids


@with_plant
def edge_uses_its_drop_folder_and_sees_nothing_beside_it(p):
    drop = p.dir / "drop"
    drop.mkdir()
    os.chmod(drop, 0o777)
    (p.dir / "secret").write_text("x")
    p.folder(drop)
    p.start()
    confined(p)
    put(drop, "a.csv", csv_rows(100, 5))
    p.wait(lambda: 104.5 in p.values("hall/line/dev/files"), "the file's values")
    root = pathlib.Path(f"/proc/{p.edge('cell')['pid']}/root")
    assert sorted(os.listdir(root)) == ["broker", "drop", "spool"]
    assert os.listdir(root / "drop") == ["0"]
    p.wait(lambda: not (drop / "a.csv").exists(), "moved away")
    assert os.stat(drop).st_mode & 0o777 == 0o777, "modes of the owner's folder are his"


@with_plant
def folder_that_is_closed_to_edge_is_told_and_taken_up_when_opened(p):
    drop = p.dir / "drop"
    p.folder(drop)
    p.start()
    confined(p)
    assert p.device("files")["status"] == "down" and "make it" in p.device("files")["text"], p.device("files")
    drop.mkdir(mode=0o700)
    p.wait(lambda: "chmod g+rwx" in p.device("files")["text"], "closed to edge")
    put(drop, "a.csv", csv_rows(200, 3))
    os.chmod(drop, 0o777)
    p.wait(lambda: 202.5 in p.values("hall/line/dev/files"), "opened: taken up")
    assert p.edge("cell")["restarts"] == 0
    p.settle()
    p.lost_at_most_under_way(open(p.main.log).read().count("edge/cell is starting") - 1)


@with_plant
def reload_that_moves_a_folder_renews_that_edge_alone(p):
    one, two = p.dir / "one", p.dir / "two"
    for d in (one, two):
        d.mkdir()
        os.chmod(d, 0o777)
    p.folder(one)
    p.start()
    confined(p)
    core, edge = p.role("core")["pid"], p.edge("cell")["pid"]
    p.devices = ""
    p.folder(two, "second")
    p.folder(one)
    put(one, "x.csv", csv_rows(100, 3))
    put(two, "x.csv", csv_rows(500, 3))
    code, text = p.reload()
    assert code == 0, text
    p.wait(lambda: 502.5 in p.values("hall/line/dev/second") and 102.5 in p.values("hall/line/dev/files"), "both read")
    assert not any(v >= 500 for v in p.values("hall/line/dev/files")), "each device reads its own folder"
    assert p.edge("cell")["pid"] != edge and p.edge("cell")["restarts"] == 0 and p.role("core")["pid"] == core
    assert not any(r["action"] == "role.death" for r in p.records())
    p.settle()
    p.lost_at_most_under_way(open(p.main.log).read().count("edge/cell is starting") - 1)


if __name__ == "__main__":
    run([serial_line_has_an_edge_of_its_own, line_that_goes_and_comes_is_taken_up_by_itself,
         reload_that_adds_a_line_is_refused_with_the_way_out, edge_uses_its_drop_folder_and_sees_nothing_beside_it,
         folder_that_is_closed_to_edge_is_told_and_taken_up_when_opened,
         reload_that_moves_a_folder_renews_that_edge_alone])
