#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 20 random kills for every check; `make torture` does 200.
cd "$(dirname "$0")/../.." || exit 2
unset TORTURE
exec /usr/bin/python3 tests/fault/plant_torture.py
