#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GET /metrics of a running plant; the tests are in metrics.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/regress/metrics.py
