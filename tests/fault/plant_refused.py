# SPDX-License-Identifier: Apache-2.0
"""plant_refused.py - a plant that starts with what one of its roles cannot accept, and the way back.

`holdfast check` sees files alone. What was promised before is known to the roles: core knows which
text a contract had, audit how the plant was called. Whoever changes that while the plant is
stopped gets a role that stays down, nothing lost, and a reload that brings it back.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plantlib import HF, Plant, rows, run

SCHEMA = '{"type": "object", "properties": {"a": {"type": "number", "maximum": %d}, "b": {}}}'


class RefusedPlant(Plant):
    maximum, site = 100, "bench"

    def write_conf(self):
        super().write_conf()
        y = self.conf / "plant.yaml"
        y.write_text(y.read_text().replace("site: bench", f"site: {self.site}")
                     .replace("\nassets:\n", "\ncontracts:\n  _press_v1: {schema: contracts/press.json}\nassets:\n")
                     .replace("{kind: press, ", "{kind: press, contract: _press_v1, "))
        (self.conf / "contracts").mkdir(exist_ok=True)
        (self.conf / "contracts/press.json").write_text(SCHEMA % self.maximum)

    def start_refused(self, words):
        self.write_conf()
        subprocess.run([HF, "check", "--conf", str(self.conf)], check=True, capture_output=True)
        self.main = self.spawn("holdfast", [HF, "run", "--conf", str(self.conf), "--data", str(self.data),
                                            "--run", str(self.run), *self.insecure])
        self.wait(lambda: words in open(self.main.log).read(), words)
        self.wait((self.run / "api.sock").exists, "the others go on")
        assert self.main.poll() is None

    def reload(self):
        """The front door may be there before whoever opens it."""
        self.write_conf()
        argv = [HF, "reload", "--run", str(self.run)]
        self.wait(lambda: subprocess.run(argv, capture_output=True).returncode == 0, "reload is applied")

    def all_ready(self):
        return all(r["status"] == "ready" for r in self.status()["roles"])


def with_plant(f):
    def test():
        p = RefusedPlant(rows(1500))
        try:
            p.start()
            p.wait(lambda: len(p.history("a")) > 20, "samples")
            assert p.stop() == 0
            f(p)
        finally:
            p.close()
    test.__name__ = f.__name__
    return test


@with_plant
def contract_changed_while_stopped_keeps_core_down_until_a_reload_brings_it_back(p):
    p.maximum = 1000
    p.start_refused("core is refused")
    p.maximum = 100
    p.reload()
    p.wait(p.all_ready, "core works again")
    p.settle()
    p.lost_at_most_under_way(1)
    assert p.stop() == 0


@with_plant
def plant_that_got_another_name_keeps_its_audit_log_and_starts_no_other(p):
    log = p.data / "audit"
    before = {f.name: f.read_bytes() for f in log.iterdir() if f.is_file()}
    p.site = "other"
    p.start_refused("audit is refused")
    assert {f.name: f.read_bytes() for f in log.iterdir() if f.is_file()} == before
    assert not list(log.glob("damaged-*")), "a log of another name is not a damaged one"
    assert "test/bench" in open(p.main.log).read(), "the old name is said"
    p.site = "bench"
    p.reload()
    p.wait(p.all_ready, "audit works again")
    assert p.stop() == 0
    v = p.verify()
    assert v.returncode == 0, v.stdout


if __name__ == "__main__":
    run([contract_changed_while_stopped_keeps_core_down_until_a_reload_brings_it_back,
         plant_that_got_another_name_keeps_its_audit_log_and_starts_no_other])
