#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A plant with devices that lie and cores that sleep; the tests are in plant_more.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_more.py
