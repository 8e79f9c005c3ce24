#!/bin/bash
# Edges with a serial line or drop folders; the tests are in plant_edges.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/fault/plant_edges.py
