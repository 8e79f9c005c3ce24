#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mqtt_npm.sh - a whole plant's broker against MQTT clients that others wrote: the npm package mqtt
# and, where it is installed, python3-paho-mqtt (mqtt_npm.py). Installs the npm peers if it can; what
# needs them is skipped without.
cd "$(dirname "$0")/../.." || exit 2
tools/npm-install >/dev/null 2>&1
exec /usr/bin/python3 tests/interop/mqtt_npm.py
