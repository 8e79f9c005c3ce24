#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Events of a running plant computed again from its history; the tests are in plant_replay.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_replay.py
