# SPDX-License-Identifier: Apache-2.0
"""openmetrics.py - a strict reader of OpenMetrics text 1.0, for tests.

Written from the specification's ABNF and its rules on metric families, without a look at the
program. parse(text) gives {family: {"type", "help", "samples": [(name, labels, value)]}} or
raises ValueError with the line.
"""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
VALUE = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[Ii][Nn][Ff](?:inity)?)|NaN"
PAIR = rf'{LABEL}="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({PAIR}(?:,{PAIR})*)?\}})? ({VALUE})(?: ({VALUE}))?$")
META = re.compile(rf"# (TYPE|HELP|UNIT) ({NAME}) (.*)$")
TYPES = {"unknown", "gauge", "counter", "stateset", "info", "histogram", "gaugehistogram", "summary"}
SUFFIXES = {"counter": ("_total", "_created"), "summary": ("", "_count", "_sum", "_created"),
            "histogram": ("_bucket", "_count", "_sum", "_created"),
            "gaugehistogram": ("_bucket", "_gcount", "_gsum"), "info": ("_info",),
            "gauge": ("",), "stateset": ("",), "unknown": ("",)}


def unescape(s):
    return re.sub(r'\\(.)', lambda m: {"n": "\n", "\\": "\\", '"': '"'}[m.group(1)], s)


def parse(text):
    if not text.endswith("# EOF\n"):
        raise ValueError("does not end with # EOF and a line break")
    if "\r" in text or "\0" in text:
        raise ValueError("control characters")
    families, current, series = {}, None, set()
    for n, line in enumerate(text.split("\n")[:-2], 1):
        def bad(why):
            raise ValueError(f"line {n}: {why}: {line[:200]}")
        if line == "":
            bad("empty line")
        if line == "# EOF":
            bad("# EOF before the end")
        if line.startswith("#"):
            m = META.match(line) or bad("no comment is allowed but TYPE, HELP, UNIT, EOF")
            kind, name, rest = m.groups()
            if current is None or name != current:
                if name in families:
                    bad("family comes twice or is interleaved")
                families[name] = {"type": "unknown", "help": None, "samples": []}
                current = name
            f = families[name]
            if f["samples"]:
                bad("metadata behind the samples")
            if kind == "TYPE":
                if rest not in TYPES:
                    bad("unknown type")
                if f["type"] != "unknown":
                    bad("second TYPE")
                f["type"] = rest
            elif kind == "HELP":
                if f["help"] is not None:
                    bad("second HELP")
                if re.search(r'\\(?![n\\"])', rest.replace("\\\\", "")):
                    bad("escape in HELP")
                f["help"] = unescape(rest)
            continue
        m = SAMPLE.match(line) or bad("no sample")
        name, labels, value, _ = m.groups()
        if current is None:
            bad("sample without family")
        f = families[current]
        suffix = name[len(current):] if name.startswith(current) else None
        if suffix not in SUFFIXES[f["type"]]:
            bad(f"name does not belong to {f['type']} {current}")
        pairs = re.findall(rf'({LABEL})="((?:[^"\\\n]|\\["\\n])*)"', labels or "")
        keys = [k for k, _ in pairs]
        if len(keys) != len(set(keys)):
            bad("label twice")
        if any(k.startswith("__") for k in keys):
            bad("reserved label")
        if f["type"] == "summary" and suffix == "" and "quantile" not in keys:
            bad("summary without quantile")
        v = float(value)
        if f["type"] == "counter" and not v >= 0:
            bad("counter below zero or NaN")
        if f["type"] == "summary" and v < 0:
            bad("negative quantile value")
        ident = (name, tuple(sorted(pairs)))
        if ident in series:
            bad("series twice")
        series.add(ident)
        f["samples"].append((name, {k: unescape(x) for k, x in pairs}, v))
    names = {}
    for fam, f in families.items():     # no two families may share a sample's name
        for s in SUFFIXES[f["type"]]:
            if fam + s in names:
                raise ValueError(f"families {fam} and {names[fam + s]} clash at {fam + s}")
            names[fam + s] = fam
    return families
