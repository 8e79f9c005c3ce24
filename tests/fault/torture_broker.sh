#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The broker killed at random times, KILLS times (200), during ingest: nothing acknowledged is
# lost, and the mirror is equal to history's last values afterwards. SEED repeats a run.
cd "$(dirname "$0")/../.." || exit 2
export KILLS=${KILLS:-200} SEED=${SEED:-$RANDOM} TEST=broker_killed_in_a_loop
echo "# seed $SEED"
exec /usr/bin/python3 tests/fault/plant_mirror.py
