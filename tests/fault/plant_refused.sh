#!/bin/bash
# Roles that cannot accept what they are started with; the tests are in plant_refused.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_refused.py
