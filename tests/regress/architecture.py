# SPDX-License-Identifier: Apache-2.0
"""architecture.py - the tables of ARCHITECTURE.md against a running plant and the code."""
import os
import pathlib
import pwd
import re
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/fault"))
from plantlib import Skip, rows, run
from plant_broker import BrokerPlant

TEXT = (ROOT / "ARCHITECTURE.md").read_text()


def table(heading):
    part = TEXT.split(f"### {heading}\n")[1].split("\n#")[0]
    lines = [l for l in part.splitlines() if l.startswith("|")]
    names = [c.strip() for c in lines[0].strip("|").split("|")]
    return [dict(zip(names, (c.strip() for c in l.strip("|").split("|")))) for l in lines[2:]]


def uid_of(user):
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        number = {"root": 0, "hf-audit": 2, "hf-core": 3, "hf-edge": 4, "hf-web": 5,
                  "hf-broker": 6}[user]
        return 61300 + number if number else 0


def with_plant(f):
    def test():
        if not os.path.exists("/usr/sbin/mosquitto"):
            raise Skip("needs the package mosquitto")
        p = BrokerPlant(rows(100))
        try:
            p.start()
            if p.insecure:
                raise Skip("needs root and namespaces for the sandbox of the roles")
            f(p)
        finally:
            p.close()
    test.__name__ = f.__name__
    return test


def proc_status(pid):
    with open(f"/proc/{pid}/status") as f:
        return {k: v.strip() for k, v in (l.split(":", 1) for l in f)}


@with_plant
def architecture_roles_are_as_the_table_says(p):
    pids = {r["role"]: r["pid"] for r in p.status()["roles"] if r["role"] != "parent"}
    pids["parent"] = p.main.pid
    here = os.readlink("/proc/self/ns/net")
    documented = {r["role"] for r in table("Roles")}
    assert documented == set(pids), documented ^ set(pids)
    for row in table("Roles"):
        pid = pids[row["role"]]
        st = proc_status(pid)
        assert int(st["Uid"].split()[0]) == uid_of(row["user"]), row
        assert int(st["Threads"]) == int(row["threads"]), (row, st["Threads"])
        is_host = os.readlink(f"/proc/{pid}/ns/net") == here
        assert is_host == (row["network"] == "host"), row
        if row["role"] == "parent":
            assert int(st["CapEff"], 16) == 0x80002010e0, st["CapEff"]
            continue
        assert int(st["CapEff"], 16) == 0 and st["NoNewPrivs"] == "1" and st["Seccomp"] == "2", st
        seen = sorted("/" + n for n in os.listdir(f"/proc/{pid}/root"))
        want = [] if row["sees"] == "nothing" else row["sees"].split()
        assert seen == want, (row["role"], seen)


@with_plant
def architecture_paths_are_as_the_table_says(p):
    documented = {r["path"] for r in table("Paths")}
    for row in table("Paths"):
        st = os.stat(p.data / row["path"])
        assert st.st_uid == uid_of(row["owner"]), row
        mode = "0750" if row["path"] == "audit" and st.st_mode & 0o070 else row["mode"]
        assert f"{st.st_mode & 0o7777:04o}" == mode, (row, oct(st.st_mode))
    for base in (p.data, p.data / "keys", p.data / "spool", p.data / "pki"):
        for d in base.iterdir():
            if d.is_dir():
                assert str(d.relative_to(p.data)) in documented, d


@with_plant
def architecture_sockets_are_as_the_table_says(p):
    assert any("api.sock" in r["socket"] for r in table("Sockets"))
    assert sorted(f.name for f in p.run.iterdir()) == ["api.sock", "broker"]
    found = {str(f.relative_to(p.run)).replace("/cell/", "/ZONE/")
             for f in p.run.rglob("*") if f.is_socket()}
    documented = {w for r in table("Sockets") for w in r["socket"].split() if w.endswith(".sock")}
    assert found == documented, (found, documented)


def architecture_messages_are_those_of_the_table():
    code = subprocess.check_output([str(ROOT / "tools/message-table")], text=True)
    page = re.search(r"<!-- messages:begin.*?-->\n(.*?)<!-- messages:end -->", TEXT, re.S)[1]
    assert page == code, "run tools/message-table and put its output into ARCHITECTURE.md"


if __name__ == "__main__":
    run([architecture_roles_are_as_the_table_says, architecture_paths_are_as_the_table_says,
         architecture_sockets_are_as_the_table_says, architecture_messages_are_those_of_the_table])
