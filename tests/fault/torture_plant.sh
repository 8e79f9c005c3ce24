#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random kill -9 of random roles during ingest; the test is in plant_torture.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_torture.py
