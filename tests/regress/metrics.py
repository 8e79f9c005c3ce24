# SPDX-License-Identifier: Apache-2.0
"""/metrics is strict OpenMetrics, and says what `holdfast status` says."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/fault"), str(ROOT / "tests/regress")]
import openmetrics
import plantlib
from plantlib import Plant, rows, run

LOSSES = ("drop", "deny", "retry", "fall", "bad")


def scrape(p, method="GET"):
    conn = plantlib.UnixConnection(str(p.run / "api.sock"))
    conn.request(method, "/metrics")
    a = conn.getresponse()
    text = a.read().decode()
    conn.close()
    return a, text


def name_of(counter):
    what, _, reason = counter.partition(".")
    if what in LOSSES:
        return f"holdfast_{what}_total", {"reason": reason}
    return "holdfast_" + counter.replace(".", "_"), {}


def the_reader_itself_is_strict():
    good = '# TYPE a counter\n# HELP a x\na_total{b="c\\"\\n\\\\"} 1\n# TYPE g gauge\ng 1.5e-3\n# EOF\n'
    assert openmetrics.parse(good)["a"]["samples"][0][1] == {"b": 'c"\n\\'}
    for bad in (good[:-1], good.replace("# EOF\n", ""), good.replace("a_total", "a"), good.replace("\\n", "\n"),
                good.replace("g 1.5e-3", "g 1.5e-3\ng 2"), good.replace('"} 1', '"} -1'),
                good.replace("# TYPE g gauge\n", ""), good.replace('b="c', 'b="c\\x'),
                good.replace("# EOF", "# TYPE a gauge\n# EOF"), good.replace("g 1", "g  1"),
                good.replace("# TYPE g gauge\ng", "# TYPE a_total gauge\na_total")):
        assert bad != good
        try:
            openmetrics.parse(bad)
        except ValueError:
            continue
        raise AssertionError("taken: " + bad)


def exposition_is_valid_and_agrees_with_status():
    p = Plant(rows(200)).start()
    try:
        p.settle()
        a, text = scrape(p)
        assert a.status == 200
        assert a.getheader("Content-Type") == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        fam = openmetrics.parse(text)
        series = {(n, tuple(sorted(l.items()))): v for f in fam.values() for n, l, v in f["samples"]}
        assert all(f["help"] for f in fam.values()), [k for k, f in fam.items() if not f["help"]]
        moving = ("web.", "query.", "log.", "audit.", "record.", "batch.", "fall.", "core.", "sample.", "modbus.")
        status = p.status()
        seen = 0
        for c in status["counters"]:
            name, labels = name_of(c["name"])
            labels = {**labels, "role": c["role"], **({"zone": c["zone"]} if c["zone"] else {})}
            key = [k for k in (name, name + "_total") if (k, tuple(sorted(labels.items()))) in series]
            assert key, f"{c} is not in /metrics"
            v = series[key[0], tuple(sorted(labels.items()))]
            assert v == c["value"] or c["name"].startswith(moving) and v <= c["value"], (c, v)
            seen += 1
        assert seen > 15
        # what is not in the status is zero here
        zero = {(c["role"], c["name"]) for c in status["counters"]}
        for f in ("holdfast_drop", "holdfast_bad"):
            for n, l, v in fam[f]["samples"]:
                what = f.removeprefix("holdfast_") + "." + l["reason"]
                assert (l["role"], what) in zero or v == 0, (n, l, v)
        text_of = (ROOT / "src/model/counters.def").read_text()
        rows_ = re.findall(r'^C\(\w+, "([^"]+)", "([^"]+)"', text_of, re.M)
        assert len(rows_) > 100
        for counter, help_ in rows_:
            name, labels = name_of(counter)
            f = fam[name.removesuffix("_total")]
            assert help_ in f["help"], (counter, f["help"][:200])
    finally:
        p.close()


def gauges_tell_the_state_of_the_node():
    p = Plant(rows(60)).start()
    try:
        p.settle()
        def one(name, **labels):
            fam = openmetrics.parse(scrape(p)[1])
            got = [v for f in fam.values() for n, l, v in f["samples"] if n == name and labels.items() <= l.items()]
            assert len(got) == 1, (name, labels, got)
            return got[0]
        assert one("holdfast_role_up", role="edge") == 1
        assert one("holdfast_device_up", device="dev", zone="cell") == 1
        assert 0 <= one("holdfast_device_last_value_age_seconds", device="dev") < 3600
        assert one("holdfast_tags", quality="good") == 2
        assert one("holdfast_store_up") == 1 and one("holdfast_disk_free_bytes") > 0
        assert one("holdfast_durable_latency_seconds", quantile="0.99") > 0
        assert one("holdfast_build_info", config_hash=p.status()["config_hash"]) == 1
        p.sim.kill()
        p.sim.wait()
        p.wait(lambda: one("holdfast_device_up", device="dev") == 0, "device is down")
        n = p.counter("web.scrapes")
        scrape(p)
        p.wait(lambda: p.counter("web.scrapes") > n, "scrape is counted")
        # no value of a tag, no tag: no data access
        assert "hall/line" not in scrape(p)[1]
        assert not any(r["action"] == "data.access" and "metrics" in r.get("detail", "") for r in p.records())
        a, text = scrape(p, "POST")
        assert a.status == 405, a.status
    finally:
        p.close()


run([the_reader_itself_is_strict, exposition_is_valid_and_agrees_with_status, gauges_tell_the_state_of_the_node])
