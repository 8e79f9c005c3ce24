#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""modbus_table.py - one table of values for the Modbus interop tests.

  modbus_table.py tags            CSV of tags for modbus_read
  modbus_table.py registers       "AREA ADDRESS VALUE" per line, for the servers
  modbus_table.py compare FILE    TAP: the preview in FILE against the table

The registers are made with Python's struct, not with the product's code: every
type in every order, bits, strings, BCD, coils, discrete inputs, input registers.
"""
import json
import struct
import sys

ORDERS = ["ABCD", "CDAB", "BADC", "DCBA"]
VALUES = [  # type, struct format, values
    ("int16", ">h", [-12345, 0x1234]),
    ("uint16", ">H", [54321]),
    ("int32", ">i", [-123456789, 0x01020304]),
    ("uint32", ">I", [4023456789]),
    ("int64", ">q", [-1234567890123456789, 0x0102030405060708]),
    ("uint64", ">Q", [8234567890123456789]),
    ("float32", ">f", [-73.5, 1.0000001192092896]),
    ("float64", ">d", [73.96732207, -2.5e-300]),
]
BCD = [("bcd16", 4, 9042), ("bcd32", 8, 90420017)]


def arrange(raw, order):
    """Registers of a big-endian value in the given order."""
    words = [raw[i:i + 2] for i in range(0, len(raw), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return [struct.unpack(">H", w)[0] for w in words]


def table():
    """(tag, address, type, order, expected, area, first, registers)"""
    rows, at = [], 0

    def add(kind, order, expect, regs, area="hr", suffix=""):
        nonlocal at
        rows.append(("t%d" % len(rows), "%s:%d%s" % (area, at, suffix), kind,
                     order, expect, area, at, regs))
        at += len(regs)

    for kind, fmt, values in VALUES:
        for value in values:
            for order in ORDERS:
                add(kind, order, value, arrange(struct.pack(fmt, value), order))
    for kind, digits, value in BCD:
        for order in ORDERS:
            raw = bytes.fromhex(str(value).rjust(digits, "0"))
            add(kind, order, value, arrange(raw, order))
    add("string", "ABCD", "PUMP-7", [0x5055, 0x4D50, 0x2D37], suffix=".6H")
    add("string", "ABCD", "PUMP-7", [0x5550, 0x504D, 0x372D], suffix=".6L")
    for bit in (0, 9, 15):
        add("bool", "ABCD", True, [1 << bit], suffix=".%d" % bit)
        add("bool", "ABCD", False, [0xFFFF & ~(1 << bit)], suffix=".%d" % bit)
    at = 0
    add("int16", "ABCD", -7, [0xFFF9], area="ir")
    add("float32", "CDAB", 0.5, arrange(struct.pack(">f", 0.5), "CDAB"), "ir")
    for area, bits in (("co", "10110000111"), ("di", "0110000000001")):
        at = 0
        for bit in bits:
            add("bool", "ABCD", bit == "1", [int(bit)], area=area)
    return rows


def compare(path):
    with open(path, encoding="utf-8") as f:
        shown = json.load(f)
    got = {t["tag"]: t for t in shown["tags"]}
    groups = {}
    for tag, address, kind, order, expect, *_ in table():
        t = got.get(tag, {})
        ok = t.get("value") == expect and t.get("quality") == "Good"
        key = "%s_%s_%s" % (address[:2], kind, order)
        groups.setdefault(key, []).append(
            None if ok else "%s %s: %r, expected %r" % (
                tag, address, t.get("value"), expect))
    return groups


def main():
    if sys.argv[1] == "tags":
        print("tag,address,type,order")
        for tag, address, kind, order, *_ in table():
            print(",".join((tag, address, kind, order)))
    elif sys.argv[1] == "registers":
        for *_, area, first, regs in table():
            for i, r in enumerate(regs):
                print(area, first + i, r)
    else:
        for name, faults in compare(sys.argv[2]).items():
            bad = [f for f in faults if f]
            print("%s %s" % ("bad" if bad else "good", name))
            for f in bad:
                print("#", f)


main()
