#!/bin/bash
# The policy plugin in a plant's broker; the tests are in plant_policy.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_policy.py
