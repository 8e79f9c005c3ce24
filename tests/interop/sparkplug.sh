#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sparkplug.sh - a whole plant against Sparkplug programs that others wrote, in both roles
# (sparkplug_plant.py). Installs the npm peers if it can; what needs them is skipped without.
cd "$(dirname "$0")/../.." || exit 2
tools/npm-install >/dev/null 2>&1
exec /usr/bin/python3 tests/interop/sparkplug_plant.py
