#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""audit_verify.py - verify an audit log of Holdfast with Python alone.

    audit_verify.py [--key FILE] [--witness FILE] [--live] DIR

For auditors who trust neither the machine nor our C: one file, the standard
library, Ed25519 written out below from RFC 8032. It was written from the
description of the format in holdfast-audit(7) and shares nothing with the
other two verifiers. Slow (some 10,000 records and 300 signatures a second),
and it keeps the leaf hashes in memory.

Exit code 0: nothing wrong; 1: findings, one line each; 2: no log, or usage.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import struct
import sys
from datetime import datetime, timezone

# ---------------------------------------------------------------- Ed25519
P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    """RFC 8032, 5.1.4: extended homogeneous coordinates."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    k, m, n, o = f - e, h - g, h + g, f + e
    return k * m % P, n * o % P, m * n % P, k * o % P


def point_mul(s, a):
    out = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            out = point_add(out, a)
        a = point_add(a, a)
        s >>= 1
    return out


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and \
        (a[1] * b[2] - b[1] * a[2]) % P == 0


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def point_decode(raw):
    y = int.from_bytes(raw, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_verify(public, message, signature):
    a, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message)
                       .digest(), "little") % L
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# ---------------------------------------------------------------- formats
def crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ 0x82F63B78 if i & 1 else i >> 1
        table.append(i)
    return table


CRC = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def unbase64(text, n):
    """Bytes, or None if text is not exactly what an encoder writes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if len(raw) == n and base64.b64encode(raw) == text else None


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def subtree(hashes):
    """Root of 256^k hashes: halve until one is left."""
    while len(hashes) > 1:
        hashes = [node(hashes[i], hashes[i + 1])
                  for i in range(0, len(hashes), 2)]
    return hashes[0]


class Key:
    """Verifier key: name+hash+base64(1 || public)."""

    def __init__(self, text):
        m = re.fullmatch(rb"([^+\s]{1,199})\+([0-9a-f]{8})\+(\S{44})", text)
        raw = unbase64(m.group(3), 33) if m else None
        if raw is None or raw[0] != 1:
            raise ValueError("not a verifier key")
        self.text, self.name, self.public = text, m.group(1), raw[1:]
        self.id = hashlib.sha256(self.name + b"\n" + raw).digest()[:4]
        if self.id.hex().encode() != m.group(2):
            raise ValueError("key hash does not fit the key")


class Note:
    """One signed checkpoint. raises ValueError."""
    FORM = re.compile(
        rb"(([^\n]{1,199})\n(0|[1-9][0-9]{0,18})\n([^\n]{44})\n)\n"
        rb"((?:\xe2\x80\x94 [^\n ]+ [^\n]+\n)+)")

    def __init__(self, data, at=0):
        m = self.FORM.match(data, at)
        if m is None:
            raise ValueError("malformed checkpoint")
        self.end = m.end()
        self.whole, self.text, self.origin = m.group(0), m.group(1), m.group(2)
        self.size = int(m.group(3))
        self.root = unbase64(m.group(4), 32)
        if self.root is None:
            raise ValueError("root is not base64")
        self.hash = hashlib.sha256(self.text).hexdigest()
        self.lines = m.group(5).split(b"\n")[:-1]

    def signed_by(self, key):
        if key is None:
            return False
        start = b"\xe2\x80\x94 " + key.name + b" "
        for line in self.lines:
            raw = unbase64(line[len(start):], 68) \
                if line.startswith(start) else None
            if raw is not None and raw[:4] == key.id:
                return ed25519_verify(key.public, self.text, raw[4:])
        return False


def canonical(body):
    """The object if body is canonical JSON of text and integers, else None."""
    try:
        pairs = json.loads(body.decode("utf-8"), object_pairs_hook=list)
        if not isinstance(pairs, list):
            return None
        obj = dict(pairs)
        for key, value in pairs:
            if not re.fullmatch("[a-z_]+", key) or \
                    type(value) not in (str, int) or value == "":
                return None
            if type(value) is int and not 0 <= value < 2 ** 53:
                return None
            if type(value) is str and re.search("[\0-\x1f]", value):
                return None
    except (ValueError, TypeError, RecursionError):
        return None
    again = json.dumps(obj, sort_keys=True, ensure_ascii=False,
                       separators=(",", ":")).encode("utf-8", "replace")
    return obj if again == body and len(pairs) == len(obj) else None


NEED = {"action": str, "boot": str, "mono_us": int, "role": str, "seq": int,
        "v": int, "wall": str}


def wall_us(text):
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", text):
        raise ValueError("time is not canonical")
    t = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return int(t.replace(tzinfo=timezone.utc).timestamp()) * 1000000 + \
        int(text[20:26])


def tile_name(level, index, width=0):
    name = "%03d" % (index % 1000)
    index //= 1000
    while index > 0:
        name = "x%03d/%s" % (index % 1000, name)
        index //= 1000
    return "tile/%s/%s%s" % (level, name, ".p/%d" % width if width else "")


# ---------------------------------------------------------------- verifier
class Verifier:
    def __init__(self, folder, key, witness, live):
        self.folder, self.live = folder, live
        self.findings = []
        self.leaves, self.edge = [], {}
        self.bundle = b""
        self.key = self.next_key = None
        self.next_seq = 0
        self.given, self.given_signed = key, False
        self.last, self.origin = None, None
        self.prev, self.boots = None, set()
        self.tomb = None
        self.starts = {}        # first record of a segment -> root before
        self.broken = False
        self.witness = witness
        self.promised = 0

    def found(self, seq, text):
        self.findings.append((seq, text))

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), "rb") as f:
                return f.read()
        except OSError:
            return None

    def root(self):
        out = None
        for bit in range(64):
            if len(self.leaves) >> bit & 1:
                out = self.edge[bit] if out is None \
                    else node(self.edge[bit], out)
        return hashlib.sha256(b"").digest() if out is None else out

    def add(self, leaf):
        n, bit, x = len(self.leaves), 0, leaf
        while n >> bit & 1:
            x = node(self.edge[bit], x)
            bit += 1
        self.edge[bit] = x
        self.leaves.append(leaf)

    # -------------------------------------------------- one record
    def clock(self, n, b):
        audit = b["role"] == "audit"
        jump = audit and b["action"] == "clock.audit_jump"
        try:
            wall = wall_us(b["wall"])
        except ValueError:
            self.found(n, "time is not canonical")
            return
        mono, boot, off = b["mono_us"], b["boot"], 0
        if self.prev and self.prev[2] == boot:
            if mono < self.prev[1]:
                self.found(n, "the monotonic clock runs backward")
            off = wall - self.prev[0] - (mono - self.prev[1])
        else:
            if boot in self.boots:
                self.found(n, "a boot id returns that was left before")
            self.boots.add(boot)
            if self.prev:
                off = min(0, wall - self.prev[0])
                if not (audit and (jump or b["action"] == "log.open")):
                    self.found(n, "a new boot begins without log.open")
        if abs(off) > 2000000 and not jump:
            self.found(n, "the wall clock moved by %d ms and no record says so"
                       % (off // 1000))
        self.prev = (wall, mono, boot)

    def binding(self, n, b, first):
        due = self.last is not None and self.last.size == n
        if n == first and n > 0:
            return
        if ("note" in b) != due:
            self.found(n, "checkpoint %d was dropped or is not named" % n)
        elif due and b["note"] != self.last.hash:
            self.found(n, "the record names another checkpoint")

    def take_key(self, n, b):
        try:
            key = Key(str(b.get("object", "")).encode())
        except ValueError:
            key = None
        if key is None or b["role"] != "audit":
            self.found(n, "log.key without a key")
            return
        old = str(b.get("detail", "")).encode()
        if not old.startswith(b"follows "):
            self.key = self.key or key
            if self.key.text != key.text:
                self.found(n, "a key change that follows no key")
            return
        old = old[8:]
        if self.key is None:
            try:
                self.key = Key(old)
            except ValueError:
                pass
        if self.key is None or old not in (
                self.key.text, self.next_key.text if self.next_key else b""):
            self.found(n, "a key change that does not follow the key in force")
            return
        self.next_key, self.next_seq = key, n

    def record(self, body, first):
        n = len(self.leaves)
        b = canonical(body)
        if b is None or any(type(b.get(k)) is not t for k, t in NEED.items()):
            self.found(n, "record is not canonical or not complete")
        else:
            if b["seq"] != n:
                self.found(n, "record %d stands where %d is due" %
                           (b["seq"], n))
            self.clock(n, b)
            self.binding(n, b, first)
            if b["action"] == "log.key":
                self.take_key(n, b)
            if b["action"] == "log.tombstone" and b["role"] == "audit":
                m = re.fullmatch(r"0-(\d{1,18})", str(b.get("object", "")))
                self.tomb = (int(m.group(1)) if m else 0, b.get("input_hash"))
        self.bundle += struct.pack(">H", len(body)) + body
        self.add(hashlib.sha256(b"\0" + body).digest())
        if len(self.leaves) % 256 == 0:
            self.expect(tile_name("entries", n // 256), self.bundle, n + 1)
            self.bundle = b""

    # -------------------------------------------------- notes
    def check_note(self, note):
        if note.origin != self.origin:
            self.found(note.size, "checkpoint of another log")
        if note.root != self.root():
            self.found(note.size, "checkpoint with another root than the "
                       "records have")
        if not note.signed_by(self.key):
            if self.next_key and self.last and \
                    self.next_seq < self.last.size and \
                    note.signed_by(self.next_key):
                self.key, self.next_key = self.next_key, None
            else:
                self.found(note.size, "checkpoint is not signed by its key")
        if self.given and self.key and self.given.text == self.key.text:
            self.given_signed = True
        self.last = note

    def notes(self, first):
        """Yields the notes of one segment in order."""
        data = self.read("%016d.notes" % first) or b""
        at = 0
        while at < len(data):
            try:
                note = Note(data, at)
                if data[note.end:note.end + 1] != b"\n":
                    raise ValueError("no empty line behind a checkpoint")
            except ValueError as e:
                if not self.live:
                    self.found(len(self.leaves), str(e))
                return
            at = note.end + 1
            yield note

    # -------------------------------------------------- segments
    def head(self, data, first):
        """Length of the header; 0 if it cannot be read."""
        if len(data) < 29 or data[:8] != b"HFAUDIT1":
            self.found(first, "segment without a header")
            return 0
        size, alg, norigin, start = struct.unpack_from("<IHHQ", data, 8)
        if not 29 <= size <= len(data) or alg != 1 or start != first or \
                struct.unpack_from("<I", data, size - 4)[0] != \
                crc32c(data[:size - 4]):
            self.found(first, "segment with a damaged header")
            return 0
        origin = data[24:24 + norigin]
        self.origin = self.origin or origin
        if origin != self.origin:
            self.found(first, "segment of another log")
        rows, level = [], 1
        while first >> 8 * level:
            span = 256 ** level
            n, base = first // span % 256, first // span // 256 * 256
            rows.append(struct.pack("<H", n) + b"".join(
                subtree(self.leaves[(base + i) * span:(base + i + 1) * span])
                for i in range(n)))
            level += 1
        want = data[:24] + origin + bytes([len(rows)]) + b"".join(rows)
        if want != data[:size - 4]:
            self.found(first, "segment header does not fit the records")
        return size

    def segment(self, first, oldest):
        data = self.read("%016d.seg" % first)
        self.starts[first] = self.root()
        at = self.head(data, first) if data is not None else 0
        if at == 0:
            self.broken = True
            return
        notes = self.notes(first)
        note = next(notes, None)
        while at < len(data):
            size, crc = struct.unpack_from("<II", data.ljust(at + 8, b"\0"), at)
            body = data[at + 8:at + 8 + size]
            if not 1 <= size <= 4096 or len(body) != size or \
                    crc32c(data[at:at + 4] + body) != crc:
                if self.live and len(self.leaves) >= self.promised:
                    break
                self.found(len(self.leaves), "record cannot be read")
                self.broken = True
                break
            self.record(body, oldest)
            at += 8 + size
            n = len(self.leaves)
            while note is not None and note.size <= n:
                if note.size < n or (self.last and self.last.size == n):
                    self.found(note.size, "checkpoints are out of order")
                else:
                    self.check_note(note)
                note = next(notes, None)
            if self.witness and self.witness.size == n and \
                    self.witness.root != self.root():
                self.found(n, "the witness saw another root: rewritten")
        while note is not None:
            if not self.live or note.size <= self.promised:
                self.found(len(self.leaves), "%d records were signed: some "
                           "are missing" % note.size)
            note = next(notes, None)

    def load_pruned(self, segs):
        for seg in segs:        # the first key that is still named
            data = self.read("%016d.seg" % seg) or b""
            at = data.find(b'{"action":"log.key",')
            if at >= 8:
                size = struct.unpack_from("<I", data, at - 8)[0]
                b = canonical(data[at:at + size])
                if b is not None:
                    self.take_key(0, b)
                break
        self.key, self.next_key = self.key or self.given, None
        for i in range(segs[0] // 256):
            data = self.read(tile_name(0, i))
            if data is None or len(data) != 8192:
                self.found(i * 256, "%s is missing" % tile_name(0, i))
                self.broken = True
                return
            for k in range(256):
                self.add(data[32 * k:32 * k + 32])

    # -------------------------------------------------- tiles
    def expect(self, name, want, end):
        have = self.read(name)
        if have is None:
            if not self.live or end <= self.promised:
                self.found(end, "%s is missing" % name)
        elif have != want:
            self.found(end, "%s differs from the records" % name)

    def tiles(self, oldest):
        rows, size = [self.leaves], self.last.size if self.last else 0
        while len(rows[-1]) >= 256:
            r = rows[-1]
            rows.append([subtree(r[i:i + 256])
                         for i in range(0, len(r) // 256 * 256, 256)])
        for level, r in enumerate(rows):
            span = 256 ** level
            for i in range(len(r) // 256):
                self.expect(tile_name(level, i),
                            b"".join(r[256 * i:256 * i + 256]),
                            (i + 1) * 256 * span)
            n = size // span
            if n % 256 and n // 256 == len(r) // 256:
                self.expect(tile_name(level, n // 256, n % 256),
                            b"".join(r[n // 256 * 256:n]), size)
                if level == 0:
                    self.expect(tile_name("entries", n // 256, n % 256),
                                self.prefix(self.bundle, n % 256), size)
        for folder, _, files in os.walk(os.path.join(self.folder, "tile")):
            for f in files:
                name = os.path.relpath(os.path.join(folder, f), self.folder)
                self.tile_file(name, rows, oldest)

    @staticmethod
    def prefix(bundle, n):
        at = 0
        for _ in range(n):
            at += 2 + int.from_bytes(bundle[at:at + 2], "big")
        return bundle[:at]

    def tile_file(self, name, rows, oldest):
        if name == "tile/new.tmp":
            return
        m = re.fullmatch(r"tile/(entries|\d)/((?:x\d{3}/)*)(\d{3})"
                         r"(?:\.p/(\d{1,3}))?", name)
        index = int(re.sub("[x/]", "", m.group(2)) + m.group(3)) if m else 0
        width = int(m.group(4) or 0) if m else 0
        if not m or tile_name(m.group(1), index, width) != name or width > 255:
            self.found(0, "%s is no tile" % name)
            return
        is_entries = m.group(1) == "entries"
        level = 0 if is_entries else int(m.group(1))
        n = len(rows[level]) if level < len(rows) else 0
        if is_entries and (index + 1) * 256 <= oldest:
            self.found(0, "%s should have been removed" % name)
        if index * 256 + (width or 256) > n:
            if not self.live:
                self.found(0, "%s is beyond the end of the log" % name)
            return
        if width == 0:
            return              # compared already
        if not is_entries:
            want = b"".join(rows[level][index * 256:index * 256 + width])
        elif index == n // 256:
            want = self.prefix(self.bundle, width)
        else:
            want = self.prefix(self.read(tile_name("entries", index)) or b"",
                               width)
        if self.read(name) != want:
            self.found(0, "%s differs from the records" % name)

    # -------------------------------------------------- all
    def end(self, segs):
        n, signed = len(self.leaves), self.last.size if self.last else 0
        now = self.read("checkpoint")
        if n > signed and not self.live:
            self.found(signed, "%d records that nobody signed" % (n - signed))
        if now is None or self.last is None or (
                self.promised > signed if self.live
                else now != self.last.whole):
            self.found(signed, "file checkpoint is not the last checkpoint")
        text = self.read("key.pub") or b""
        keys = [k.text + b"\n" for k in (self.key, self.next_key) if k]
        if text not in keys:
            self.found(n, "key.pub is not the key of this log")
        if not self.given_signed:
            self.found(n, "no checkpoint is signed by the given key")
        if segs[0] > 0:
            to, root = self.tomb or (0, None)
            have = self.starts.get(to, self.starts.get(segs[0]))
            if to < segs[0] or have is None or have.hex() != root:
                self.found(0, "records are gone without a signed tombstone")
        w = self.witness
        if w is None:
            return
        if w.origin != self.origin:
            self.found(0, "the witness is of another log")
        if w.size > n:
            self.found(n, "the witness saw %d records: the log was cut"
                       % w.size)
        if self.findings and not w.signed_by(self.key) and \
                not w.signed_by(self.given):
            self.found(w.size, "the witness has no good signature")

    def run(self):
        names = sorted(os.listdir(self.folder))
        segs = [int(s[:16]) for s in names if re.fullmatch(r"\d{16}\.seg", s)]
        if not segs:
            print("audit_verify.py: no audit log in %s" % self.folder,
                  file=sys.stderr)
            return 2
        for s in names:
            if s not in ("checkpoint", "key.pub", "tile") and \
                    not s.endswith(".tmp") and \
                    not re.fullmatch(r"\d{16}\.(seg|notes)", s):
                self.found(0, "%s should not be here" % ascii(s))
        if self.given is None:
            print("warning: the key comes from the log itself; a log cannot "
                  "vouch for its own key")
            try:
                self.given = Key((self.read("key.pub") or b"").rstrip(b"\n"))
            except ValueError:
                self.found(0, "key.pub is no verifier key")
        try:
            self.promised = Note(self.read("checkpoint") or b"").size
        except ValueError:
            pass
        if segs[0] > 0:
            self.load_pruned(segs)
        for seg in segs:
            if self.broken:
                break
            if seg != len(self.leaves):
                self.found(len(self.leaves), "a segment is missing")
                self.broken = True
                break
            self.segment(seg, segs[0])
        self.end(segs)
        if not self.broken:
            self.tiles(segs[0])
        for seq, text in self.findings[:50]:
            print("finding at %d: %s" % (seq, text))
        print("%s: %d records, signed to %d: %s" % (
            (self.origin or b"?").decode("utf-8", "replace"),
            len(self.leaves), self.last.size if self.last else 0,
            "NOT TO BE TRUSTED" if self.findings else "nothing wrong"))
        return 1 if self.findings else 0


def main():
    ap = argparse.ArgumentParser(description="verify an audit log of Holdfast")
    ap.add_argument("--key", help="file with the verifier key you kept")
    ap.add_argument("--witness", help="file with a checkpoint somebody kept")
    ap.add_argument("--live", action="store_true",
                    help="the log is being written: accept an unsigned end")
    ap.add_argument("dir")
    a = ap.parse_args()
    key = witness = None
    try:
        if a.key:
            with open(a.key, "rb") as f:
                key = Key(f.read().rstrip(b"\n"))
        if a.witness:
            with open(a.witness, "rb") as f:
                data = f.read()
            witness = Note(data)
            if witness.end != len(data):
                raise ValueError("bytes behind the checkpoint")
        if not os.path.isdir(a.dir):
            raise ValueError("no such folder: " + a.dir)
    except (OSError, ValueError) as e:
        print("audit_verify.py: %s" % e, file=sys.stderr)
        return 2
    return Verifier(a.dir, key, witness, a.live).run()


if __name__ == "__main__":
    sys.exit(main())
