#!/bin/bash
# MQTT devices of a real plant against mosquitto and its clients; the tests are in mqtt_in.py.
cd "$(dirname "$0")/../.." || exit 2
exec /usr/bin/python3 tests/interop/mqtt_in.py
