#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Events and audit records at a syslog collector that others wrote; see syslog_export.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/interop/syslog_export.py
