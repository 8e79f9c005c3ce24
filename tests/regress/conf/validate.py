#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""validate.py SCHEMA DOCUMENT - JSON Schema 2020-12, the keywords that we write.

An unknown keyword is an error, so that the schema cannot outgrow this checker.
"""
import json
import re
import sys

KNOWN = {"$schema", "$id", "title", "description", "type", "properties", "required",
         "patternProperties", "additionalProperties", "unevaluatedProperties", "allOf",
         "if", "then", "enum", "const", "pattern", "minimum", "maximum", "maxLength",
         "maxItems", "items"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def is_type(v, name):
    number = isinstance(v, (int, float)) and not isinstance(v, bool)
    if name == "number":
        return number
    if name == "integer":
        return number and v == int(v)
    return isinstance(v, TYPES[name])


def scalar_errors(s, v, at):
    if "type" in s and not is_type(v, s["type"]):
        yield f"{at}: is no {s['type']}"
        return
    if "enum" in s and v not in s["enum"]:
        yield f"{at}: {v!r} is not in {s['enum']}"
    if "const" in s and v != s["const"]:
        yield f"{at}: {v!r} is not {s['const']!r}"
    if isinstance(v, str) and "pattern" in s and not re.search(s["pattern"], v):
        yield f"{at}: {v!r} does not match {s['pattern']}"
    if isinstance(v, str) and len(v) > s.get("maxLength", len(v)):
        yield f"{at}: too long"
    if "minimum" in s and v < s["minimum"] or "maximum" in s and v > s["maximum"]:
        yield f"{at}: {v} is out of range"


def check(s, v, at, seen):
    """Errors of v under schema s; seen collects the keys that were evaluated."""
    unknown = set(s) - KNOWN
    if unknown:
        yield f"{at}: keyword {unknown} is unknown to this checker"
    yield from scalar_errors(s, v, at)
    if isinstance(v, list):
        if len(v) > s.get("maxItems", len(v)):
            yield f"{at}: too many items"
        for i, x in enumerate(v):
            yield from check(s.get("items", {}), x, f"{at}[{i}]", set())
    if not isinstance(v, dict):
        return
    mine = set()
    for k in s.get("required", []):
        if k not in v:
            yield f"{at}: {k} is missing"
    for k, x in v.items():
        subs = [s["properties"][k]] if k in s.get("properties", {}) else []
        subs += [p for r, p in s.get("patternProperties", {}).items() if re.search(r, k)]
        for sub in subs:
            mine.add(k)
            yield from check(sub, x, f"{at}.{k}", set())
    for sub in s.get("allOf", []):
        yield from check(sub, v, at, mine)
    if "if" in s and not list(check(s["if"], v, at, set())):
        yield from check(s.get("then", {}), v, at, mine)
    for rule in ("additionalProperties", "unevaluatedProperties"):
        if s.get(rule) is False:
            for k in set(v) - mine:
                yield f"{at}: {k} is not allowed"
    seen |= mine


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    with open(sys.argv[2], encoding="utf-8") as f:
        doc = json.load(f)
    errors = list(check(schema, doc, "plant", set()))
    print("\n".join(errors))
    return 1 if errors else 0


try:
    sys.exit(main())
except (OSError, ValueError) as e:
    print(e)
    sys.exit(2)
