#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A plant whose conduit is past its review; the test is in plant_review.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_review.py
