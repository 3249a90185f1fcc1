"""Qualifies a serial port against a loop-back or an echoing target: what it does to bytes, how fast it may be fed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from harness.boards.records import LENGTH, Tally, last_whole, make_records, tally
from harness.console.serial_port import SerialPort
from harness.errors import LabError
from harness.timeouts import host

QUIET = 1.0  # seconds without a byte after the last was sent, after which no more is waited for
_PROBE = 1024  # bytes of a probe of one rate: 64 fills of a 16-byte FIFO
_SLOWEST = 100.0  # bytes a second; below that nobody wants to type
_PIECE = 64  # records of one write
_PATIENCE = 10  # times QUIET, after which the wait is over though bytes still come: they are not ours
_KEPT = 64 << 20  # bytes of what came that are looked at

Progress = Callable[[str, float], None]
"""(what is under way, share of it that is done)"""


@dataclass(frozen=True, slots=True)
class Qualification:
    """What was measured. `safe_rate` is bytes a second that came through whole, None where no rate did."""

    tally: Tally
    seconds: float
    safe_rate: float | None
    pacing: float | None  # for the board file; 0: none is needed

    @property
    def clean(self) -> bool:
        return self.tally.clean


class Qualifier:
    """Sends and listens on an open port.

    :param echo: the target echoes lines, and may print things of its own; records are sent as lines.
    """

    def __init__(self, port: SerialPort, *, echo: bool, quiet: float = QUIET, progress: Progress | None = None) -> None:
        self._port = port
        self._end = b"\r" if echo else b""
        self._echo = echo
        self._quiet = quiet
        self._progress = progress or (lambda _what, _share: None)
        self._next = 0
        self._came = bytearray()
        self._moved = asyncio.Event()

    async def measure(self, size: int, *, pace: bool = True) -> Qualification:
        """Send *size* bytes as fast as the port takes them, then look for the highest rate that is safe.

        :param pace: whether to look for it where the first measurement was not clean.
        :raises LabError: if nothing comes back, or the port goes away.
        """
        listening = asyncio.create_task(self._listen())
        try:
            began = time.monotonic()
            found = await self._send(max(size // LENGTH, 1), 0.0, "measuring")
            seconds = time.monotonic() - began
            if not found.received:
                raise LabError(
                    f"nothing of {found.sent} bytes came back from {self._port.name}",
                    "connect its TX and RX, or give --echo for a target that echoes",
                )
            rate = found.sent / seconds
            if found.clean or not pace:
                return Qualification(found, seconds, rate if found.clean else None, 0.0 if found.clean else None)
            while (rate := rate / 2) >= _SLOWEST:
                slow = await self._send(_PROBE // LENGTH, 1 / rate, f"trying {rate:.0f} bytes/s")
                if slow.clean:
                    return Qualification(found, seconds, rate, round(1 / rate, 6))
            return Qualification(found, seconds, None, None)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        while data := await self._port.read():
            self._came += data[: max(_KEPT - len(self._came), 0)]
            self._moved.set()

    async def _send(self, count: int, pacing: float, what: str) -> Tally:
        """Send so many records, with so many seconds from one byte to the next; returns what came of them."""
        records, first = make_records(count, self._next), self._next
        self._next += count
        self._came.clear()
        clock = asyncio.get_running_loop().time
        due = clock()
        for start in range(0, count, _PIECE):
            data = b"".join(record + self._end for record in records[start : start + _PIECE])
            if pacing:
                for index in range(len(data)):
                    await self._port.write(data[index : index + 1])
                    due = max(due + pacing, clock())  # late once is late for good: never two bytes at once
                    await asyncio.sleep(due - clock())
            else:
                await self._port.write(data)
            self._progress(what, min((start + _PIECE) / count, 1.0))
        deadline = clock() + host(self._quiet) * _PATIENCE  # a target that talks all the time is never quiet
        with suppress(TimeoutError):
            while not last_whole(bytes(self._came[-8 * LENGTH :]).translate(None, b"\r\n"), first + count - 1):
                self._moved.clear()
                async with asyncio.timeout_at(min(clock() + host(self._quiet), deadline)):
                    await self._moved.wait()
        return tally(records, bytes(self._came), first, foreign=self._echo)
