#!/bin/bash
# The plant under faults; the tests are in plant_faults.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_faults.py
