#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pymodbus_server.py REGISTERS PORT - a pymodbus server on 127.0.0.1.

REGISTERS: lines "AREA ADDRESS VALUE" as modbus_table.py prints them.
"""
import importlib
import sys
import types

for name in ("serial", "serial_asyncio"):
    try:
        importlib.import_module(name)
    except ImportError:  # packages of their own; TCP needs no serial port
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].create_serial_connection = None

from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                ModbusSlaveContext)
from pymodbus.server import StartTcpServer

blocks = {"co": {}, "di": {}, "hr": {}, "ir": {}}
with open(sys.argv[1], encoding="ascii") as f:
    for line in f:
        area, address, value = line.split()
        blocks[area][int(address)] = int(value)


def block(area):
    last = max(blocks[area], default=0)
    return ModbusSequentialDataBlock(
        0, [blocks[area].get(i, 0) for i in range(last + 1)])


store = ModbusSlaveContext(co=block("co"), di=block("di"), hr=block("hr"),
                           ir=block("ir"), zero_mode=True)
StartTcpServer(context=ModbusServerContext(slaves=store, single=True),
               address=("127.0.0.1", int(sys.argv[2])))
