#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Second opinion on build/eval/nab and build/eval/skab.

    score.py nab  DIR SCORES REPORT.json
    score.py skab DIR SCORES REPORT.json
    score.py --self-test

Reads the labels from DIR and the score files that the evaluation program wrote with
--scores SCORES, computes every figure of REPORT.json (its --json output) again and
compares the printed digits. Exit 0 if all agree, 1 with a line for each that does not.

Written from the published rules (numenta/NAB: sweeper.py, runner.py, profiles.json;
waico/SKAB: metrics.py), not from the C scorer, and in another way: window by window and
threshold by threshold instead of in one sweep over sorted rows. Python's standard library
only.
"""
import bisect
import csv
import datetime
import json
import math
import os
import sys

NAB_PROFILES = {"standard": (1, 0.11, 1), "low_fp": (1, 0.22, 1), "low_fn": (1, 0.11, 2)}
SKAB_PROFILES = [(1, -0.11, -1), (1, -0.22, -1), (1, -0.11, -2)]


# ---- NAB ----

def sigmoid(y):
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


class NabFile:
    """Labels of one file, and for one detector the rows that count."""

    def __init__(self, times, windows):
        self.n = len(times)
        self.windows = [(times.index(a), times.index(b)) for a, b in windows]
        self.first = min(int(0.15 * self.n), 750)

    def false_weight(self, i):
        """Of a detection in no window, before A_fp."""
        ended = [(left, right) for left, right in self.windows if right < i]
        if not ended:
            return -1.0
        left, right = ended[-1]
        return sigmoid((i - right) / (right - left)) if right > left else -1.0

    def take(self, scores):
        """Splits scores into each window's (score, worth) and the false ones."""
        if len(scores) != self.n:
            raise SystemExit("%d scores for %d rows" % (len(scores), self.n))
        inside = set()
        self.hits = []
        for left, right in self.windows:
            width = right - left + 1
            inside.update(range(left, right + 1))
            self.hits.append([(scores[i], sigmoid((i - right - 1) / width) / sigmoid(-1))
                              for i in range(max(left, self.first), right + 1)])
        self.false = [(scores[i], self.false_weight(i))
                      for i in range(self.first, self.n) if i not in inside]


class NabCorpus:
    def __init__(self, files):
        """Prepares look-up by threshold: what is at or above it."""
        self.nwin = sum(len(f.windows) for f in files)
        false = sorted(((s, w) for f in files for s, w in f.false), reverse=True)
        self.false_at = [-s for s, _ in false]
        self.false_sum = [0.0]
        for _, w in false:
            self.false_sum.append(self.false_sum[-1] + w)
        self.windows = []
        for f in files:
            for hits in f.hits:
                steps = []  # (score, best worth of this and higher scores)
                for s, w in sorted(hits, reverse=True):
                    best = max(w, steps[-1][1]) if steps else w
                    steps.append((s, best))
                self.windows.append(([-s for s, _ in steps], [w for _, w in steps]))

    def judge(self, threshold, profile):
        """(normalised score, windows found, false detections)"""
        a_tp, a_fp, a_fn = NAB_PROFILES[profile]
        nfalse = bisect.bisect_right(self.false_at, -threshold)
        total, found = a_fp * self.false_sum[nfalse], 0
        for keys, worth in self.windows:
            k = bisect.bisect_right(keys, -threshold)
            total += a_tp * worth[k - 1] if k else -a_fn
            found += k > 0
        null = -a_fn * self.nwin
        return 100 * (total - null) / (a_tp * self.nwin - null), found, nfalse

    def candidates(self):
        """Thresholds worth trying: where a window's worth changes. Between two of them
        a higher threshold only drops false detections, some of which cost nothing."""
        keys = sorted({-k for ks, _ in self.windows for k in ks})
        return keys

    def best(self, profile):
        best, at = (0.0, 0, 0), math.inf
        for threshold in reversed(self.candidates()):
            got = self.judge(threshold, profile)
            if got[0] > best[0] + 1e-12:
                best, at = got, threshold
        return best, at


def nab_files(directory):
    windows = {}
    with open(os.path.join(directory, "windows.csv"), newline="") as f:
        for row in csv.DictReader(f):
            windows.setdefault(row["file"], []).append(
                (row["window_start"], row["window_end"]))
    files = {}
    with open(os.path.join(directory, "files.csv"), newline="") as f:
        names = [row["file"] for row in csv.DictReader(f)]
    for name in names:
        with open(os.path.join(directory, name), newline="") as f:
            times = [row["timestamp"] for row in csv.DictReader(f)]
        files[name] = NabFile(times, windows.get(name, []))
    return files


def read_scores(directory, detector, name):
    path = os.path.join(directory, detector, name.replace("/", "+"))
    with open(path) as f:
        return [0.0 if line.strip() == "nan" else float(line) for line in f]


def nab_figures(files, is_fixed):
    """Flat: figure name -> text, as the report prints it."""
    out = {}
    whole = NabCorpus(files)
    standard = 1.0
    for profile in NAB_PROFILES:
        got, at = (whole.judge(1.0, profile), 1.0) if is_fixed else whole.best(profile)
        if profile == "standard":
            standard = at
        frozen = whole.judge(standard, profile)[0]
        out[profile + ".score"] = "%.4f" % got[0]
        out[profile + ".found"] = str(got[1])
        out[profile + ".false"] = str(got[2])
        out[profile + ".frozen"] = "%.4f" % frozen
    out["at_1"] = "%.4f" % whole.judge(1.0, "standard")[0]
    out["crossed"] = out["at_1"]
    if not is_fixed:
        halves = [NabCorpus(files[0::2]), NabCorpus(files[1::2])]
        total = sum(h.nwin * h.judge(other.best("standard")[1], "standard")[0]
                    for h, other in (halves, halves[::-1]))
        out["crossed"] = "%.4f" % (total / whole.nwin)
    return out


def flatten(detector):
    out = {}
    for key, value in detector.items():
        if isinstance(value, dict):
            out.update({key + "." + k: str(v) for k, v in value.items()})
        elif isinstance(value, list):
            out.update({"%s.%d" % (key, i): str(v) for i, v in enumerate(value)})
        else:
            out[key] = str(value)
    return out


def compare(name, ours, theirs):
    bad = 0
    for key, value in ours.items():
        got = theirs.get(key)
        if got != value and not (got == "-0.0000" and value == "0.0000"):
            print("%s: %s: report %s, here %s" % (name, key, got, value))
            bad += 1
    return bad


def check_nab(directory, scores, report):
    files = nab_files(directory)
    nwin = sum(len(f.windows) for f in files.values())
    bad = compare("corpus", {"files": str(len(files)), "windows": str(nwin)},
                  {k: str(v) for k, v in report.items()})
    for d in report["detectors"]:
        for name, f in files.items():
            f.take(read_scores(scores, d["name"], name))
        bad += compare(d["name"], nab_figures(list(files.values()), d["is_fixed"]),
                       flatten(d))
    return bad


# ---- SKAB ----

def skab_files(directory):
    files = {}
    for part in ("valve1", "valve2", "other"):
        for base in sorted(os.listdir(os.path.join(directory, part))):
            if base.endswith(".csv"):
                with open(os.path.join(directory, part, base), newline="") as f:
                    rows = list(csv.DictReader(f, delimiter=";"))
                files[part + "/" + base] = [
                    (datetime.datetime.fromisoformat(r["datetime"]).timestamp(),
                     float(r["anomaly"]) != 0, float(r["changepoint"]) != 0)
                    for r in rows]
    return files


def skab_changepoints(rows, found, profile):
    """(sum, changepoints) of the test rows of one file."""
    a_tp, a_fp, a_fn = profile
    test = range(400, len(rows))
    detections = [rows[i][0] for i in test
                  if (found[i] if i == 400 else found[i] != found[i - 1])]
    true = [rows[i][0] for i in test if rows[i][2]]
    total, covered = 0.0, set()
    for k, t in enumerate(true):
        end = true[k + 1] if k + 1 < len(true) else math.inf
        mine = [d for d in detections if t <= d <= t + 60 and d < end]
        covered.update(mine)
        if not mine:
            total += a_fn
            continue
        x = math.pi * ((mine[0] - t) / 60 - 0.5)
        total += (a_tp - a_fp) / 2 * (1 - math.tanh(x) / math.tanh(math.pi / 2)) + a_fp
    total += a_fp * sum(d not in covered for d in detections)
    return total, len(true)


def skab_figures(files, predictions):
    tp = fp = fn = tn = 0
    for name, rows in files.items():
        for (_, is_bad, _), hit in list(zip(rows, predictions[name]))[400:]:
            tp += is_bad and hit
            fn += is_bad and not hit
            fp += hit and not is_bad
            tn += not hit and not is_bad
    ratio = lambda a, b: a / b if b else 0.0
    out = {"f1": "%.4f" % ratio(2 * tp, 2 * tp + fp + fn),
           "far": "%.4f" % (100 * ratio(fp, fp + tn)),
           "mar": "%.4f" % (100 * ratio(fn, fn + tp))}
    for p, profile in enumerate(SKAB_PROFILES):
        parts = [skab_changepoints(rows, predictions[name], profile)
                 for name, rows in files.items()]
        total, n = sum(s for s, _ in parts), sum(k for _, k in parts)
        null = profile[2] * n
        out["changepoint.%d" % p] = "%.4f" % (
            100 * (total - null) / (profile[0] * n - null))
    return out, tp + fp + fn + tn, tp + fn, n


def check_skab(directory, scores, report):
    files = skab_files(directory)
    bad = 0
    for d in report["detectors"]:
        hits = {name: [s >= 1 for s in read_scores(scores, d["name"], name)]
                for name in files}
        for name, rows in files.items():
            if len(hits[name]) != len(rows):
                raise SystemExit("%s: %d scores for %d rows"
                                 % (name, len(hits[name]), len(rows)))
        ours, ntest, nbad, ncp = skab_figures(files, hits)
        clean = read_scores(scores, d["name"], "anomaly-free/anomaly-free.csv")
        ours["clean_rows"] = str(sum(s >= 1 for s in clean[400:]))
        bad += compare(d["name"], ours, flatten(d))
        bad += compare("corpus", {"files": str(len(files)), "test_rows": str(ntest),
                                  "anomalous": str(nbad), "changepoints": str(ncp)},
                       {k: str(v) for k, v in report.items()})
    return bad


# ---- small cases by hand ----

def self_test():
    times = [str(i) for i in range(100)]
    f = NabFile(times, [("40", "49"), ("70", "79")])
    assert f.first == 15 and f.windows == [(40, 49), (70, 79)]

    def judge(rows, profile="standard"):
        f.take([rows.get(i, 0.0) for i in range(100)])
        return NabCorpus([f]).judge(1.0, profile)[0]

    near = lambda a, b: abs(a - b) < 1e-9
    assert near(judge({40: 1, 70: 1}), 100)
    assert near(judge({i: 1 for i in range(40, 50)}), 50)
    assert near(judge({14: 1}), 0) and near(judge({15: 1}), -2.75)
    late = (2 / (1 + math.exp(-0.5)) - 1) / 0.9866142981514303
    assert near(judge({49: 1}), 25 * (late + 1))
    assert near(judge({20: 1, 50: 1}, "low_fp"),
                25 * (-0.22 + 0.22 * (2 / (1 + math.exp(5 / 9)) - 1)))
    f.take([{20: 3.0, 40: 3.0, 70: 2.0, 30: 1.0}.get(i, 0.0) for i in range(100)])
    best, at = NabCorpus([f]).best("standard")
    assert at == 2.0 and near(best[0], 25 * (4 - 0.11)) and best[1:] == (2, 1)
    rows = [(float(i), 450 <= i < 550, i == 450) for i in range(600)]
    run = lambda a, b: skab_changepoints(
        rows, [a <= i < b for i in range(600)], SKAB_PROFILES[0])[0]
    assert near(run(450, 600), 1) and near(run(480, 600), 1.11 / 2 - 0.11)
    assert near(run(0, 0), -1) and near(run(511, 600), -1.11)
    assert near(run(420, 421), -1.22) and near(run(450, 460), 1)
    got = skab_figures({"a": rows}, {"a": [470 <= i < 560 for i in range(600)]})[0]
    assert got["f1"] == "0.8421" and got["far"] == "10.0000" and got["mar"] == "20.0000"


def main(argv):
    if argv[1:] == ["--self-test"]:
        self_test()
        return 0
    if len(argv) != 5 or argv[1] not in ("nab", "skab"):
        print(__doc__, file=sys.stderr)
        return 2
    with open(argv[4]) as f:
        report = json.load(f)
    check = check_nab if argv[1] == "nab" else check_skab
    return 1 if check(argv[2], argv[3], report) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
