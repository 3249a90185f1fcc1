"""The pace at which a guest that is recorded can be typed to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.errors import TargetLost
from harness.targets.rr import HEARTBEAT_US
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.console.types import BytePort
    from harness.qmp.session import QmpSession


class Pacer:
    """Writes to a UART of a guest that is recorded: a byte, and the next when the guest took it.

    QEMU 7.2 asks whether the UART has room when it reads a byte, but gives it to the guest at the next heartbeat; all
    that came meanwhile comes at once then, and a UART of one byte loses all but the last. Nothing tells when a byte
    arrived. What can be seen is the number of instructions: a guest that stood still has moved, and stands again.

    :param session: gives QEMU's monitor.
    :param shift: 2^shift ns an instruction.
    """

    def __init__(self, session: Callable[[], QmpSession], shift: int) -> None:
        self._session = session
        self._long = 2 * HEARTBEAT_US * 1000 >> shift  # instructions of a busy guest in which the byte did arrive
        self._deaf = False  # a guest that takes no byte: the rest need not wait for it

    async def write(self, port: BytePort, data: bytes) -> None:
        for byte in data:
            before = 0 if self._deaf else await self._instructions()
            await port.write(bytes([byte]))
            if not self._deaf:
                await self._taken(before)

    async def _taken(self, before: int) -> None:
        try:
            async with asyncio.timeout(host(TIMEOUTS.control_repeat)):
                last = before
                while (now := await self._instructions()) - before < self._long and (now == before or now != last):
                    last = now
        except (TimeoutError, TargetLost):  # lost: the byte ended a command that ends the machine; it was taken
            self._deaf = True

    async def _instructions(self) -> int:
        return int((await self._session().execute("query-replay"))["icount"])
