#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pymodbus_rtu.py REGISTERS LINK - a pymodbus RTU station on a pseudo-terminal.

REGISTERS: lines "AREA ADDRESS VALUE" as modbus_table.py prints them. LINK: made,
a symbolic link to the pseudo-terminal. Framing, CRC, decoding and the data store
are pymodbus's; only the descriptor is ours (its serial server needs a package of
its own).
"""
import importlib
import os
import sys
import tty
import types

for name in ("serial", "serial_asyncio"):
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].create_serial_connection = None

from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                ModbusSlaveContext)
from pymodbus.factory import ServerDecoder
from pymodbus.framer.rtu_framer import ModbusRtuFramer

UNIT = 1
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
context = ModbusServerContext(slaves={UNIT: store}, single=False)
framer = ModbusRtuFramer(ServerDecoder())
master, slave = os.openpty()
tty.setraw(slave)
os.symlink(os.ttyname(slave), sys.argv[2])


def answer(request):
    response = request.execute(context[request.unit_id])
    response.transaction_id = request.transaction_id
    response.unit_id = request.unit_id
    os.write(master, framer.buildPacket(response))


while True:
    framer.processIncomingPacket(os.read(master, 256), answer, unit=[UNIT],
                                 single=False)
