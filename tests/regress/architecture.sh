#!/bin/bash
# The tables of ARCHITECTURE.md; the tests are in architecture.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/regress/architecture.py
