#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The namespace in a broker beside a plant that is broken; the tests are in plant_mirror.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_mirror.py
