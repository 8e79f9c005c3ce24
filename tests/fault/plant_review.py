#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""plant_review.py - a running plant whose conduit is past its review: a finding and an alarm of the
system, and not one sample less; a new date and a reload clear both."""
from plantlib import Plant, rows, run

ID = "system|conduit/cell-modbus"


class Overdue(Plant):
    day = "2001-02-03"

    def write_conf(self):
        super().write_conf()
        f = self.conf / "plant.yaml"
        f.write_text(f.read_text().replace("review: 2036-01-01", f"review: {self.day}")
                     .replace("ipv6: false", "ipv6: false, deny_expired: true"))

    def alarm(self):
        return next((a for a in self.get("alarms", state="all") if a["id"] == ID), None)

    def has_finding(self):
        return any("the review was due on" in str(f) for f in self.status()["findings"])


def past_review_is_an_alarm_and_stops_no_reading_and_a_new_date_clears_it():
    p = Overdue(rows(1500))
    try:
        p.start()
        p.wait(lambda: p.alarm() is not None, "alarm")
        a = p.alarm()
        assert a["state"] == "unacknowledged" and a["priority"] == 3, a
        assert "2001-02-03" in str(a), a
        assert p.has_finding()
        p.settle()
        assert p.diff() == (0, 0), p.diff()
        p.day = "2036-01-01"
        p.write_conf()
        p.call("POST", "/api/v1/reload", {})
        p.wait(lambda: p.alarm()["state"] == "returned", "the alarm returns")
        assert not p.has_finding()
        assert p.stop() == 0
    finally:
        p.close()


if __name__ == "__main__":
    run([past_review_is_an_alarm_and_stops_no_reading_and_a_new_date_clears_it])
