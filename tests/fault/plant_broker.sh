#!/bin/bash
# A zone's broker as a guest of the plant; the tests are in plant_broker.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_broker.py
