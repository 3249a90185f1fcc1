"""The connection to a gdbstub: one question at a time, its answer, and the stops that QEMU tells of unasked.

While a client is connected QEMU tells it of every stop, whoever caused it (a breakpoint, QMP `stop`, a guest that
ended), and of no start. Of what it is sent while the machine runs it drops the first byte and stops: so nothing is
sent then but the interrupt.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from harness.errors import LabError, ProtocolError, TargetLost
from harness.targets.gdbpacket import Acknowledged, Packets, Refused, packet
from harness.timeouts import TIMEOUTS, host

_BACKLOG = 64  # stops that nobody asked about; the oldest go first


class GdbError(LabError):
    """QEMU refused a packet: memory that is not mapped, a breakpoint that cannot be set."""


class GdbLine:
    """Packets to and from the stub. `turn` is held for the length of a question; `stop_told` is set while stops wait
    to be taken, and for good once the line is `lost`.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._answer: asyncio.Future[bytes] | None = None
        self._stops: deque[bytes] = deque(maxlen=_BACKLOG)
        self.turn = asyncio.Lock()
        self.stop_told = asyncio.Event()
        self.running = False
        self.lost: LabError | None = None
        self._follower = asyncio.create_task(self._follow(), name="gdbstub")

    async def ask(self, payload: bytes, what: str = "") -> bytes:
        """Take the turn, send one packet and return its answer; errors as of `exchange`."""
        async with self.turn:
            return await self.exchange(payload, what)

    async def exchange(self, payload: bytes, what: str = "") -> bytes:
        """Send one packet and return its answer. The caller has the turn.

        :param what: for the error: what was asked for; without it a refusal is an answer.
        :raises GdbError: if the stub refused it, or does not know it.
        :raises LabError: if the machine runs, or no answer came in time.
        """
        if self.running:
            raise LabError(
                "the machine runs, and its gdbstub cannot be asked", "wait until it stopped, or interrupt it"
            )
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._send(packet(payload))
            async with asyncio.timeout(host(TIMEOUTS.gdb_command)):
                answer = await self._answer
        except TimeoutError as error:
            name = payload[:20].decode("ascii", "replace")
            raise LabError(f"the gdbstub did not answer {name} within {host(TIMEOUTS.gdb_command):g} s") from error
        finally:
            self._answer = None
        if answer[:1] == b"E" and len(answer) == 3 and what:
            raise GdbError(f"the gdbstub refused {what}", "is that address mapped while the machine stands here?")
        if not answer and payload[:1] not in (b"q", b"Q"):
            raise GdbError(f"the gdbstub does not know {what or payload[:20].decode('ascii', 'replace')}")
        return answer

    async def let_go(self, order: bytes) -> None:
        """Send `c` or `s`; the next stop is its answer."""
        async with self.turn:
            if self.running:
                raise LabError("the machine runs already")
            self.forget_stops()
            self.running = True
            self._send(packet(order))

    def interrupt(self) -> None:
        """Have a running machine stopped, which QEMU will tell."""
        if self.running:
            self._send(b"\x03")

    def next_stop(self) -> bytes:
        """The oldest stop that was not taken yet; there is one once `stop_told` is set.

        :raises TargetLost: if the line was lost instead.
        """
        if not self._stops:
            raise self.lost or TargetLost("the gdbstub is closed")
        text = self._stops.popleft()
        if not self._stops and self.lost is None:
            self.stop_told.clear()
        return text

    def forget_stops(self) -> None:
        """Those that were told are about another time."""
        self._stops.clear()
        if self.lost is None:
            self.stop_told.clear()

    async def close(self) -> None:
        """Hang up; calling it twice is fine."""
        self._follower.cancel()
        self._lose(TargetLost("the connection to the gdbstub is closed"))
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        await asyncio.wait({self._follower})

    def _send(self, data: bytes) -> None:
        if self.lost is not None:
            raise self.lost
        self._writer.write(data)

    async def _follow(self) -> None:
        packets = Packets()
        try:
            while data := await self._reader.read(65536):
                for item in packets.feed(data):
                    self._take(item)
            self._lose(TargetLost("QEMU closed its gdbstub"))
        except LabError as error:
            self._lose(error)
        except OSError as error:
            self._lose(TargetLost(f"the gdbstub is gone: {error.strerror}"))

    def _take(self, item: bytes | Acknowledged | Refused) -> None:
        if isinstance(item, Acknowledged):
            return
        if isinstance(item, Refused):
            raise ProtocolError("the gdbstub could not read a packet: the line between us loses bytes")
        self._writer.write(b"+")
        if item[:1] in (b"T", b"S"):
            self._stops.append(item)
            self.running = False
            self.stop_told.set()
        elif item[:1] in (b"W", b"X") and len(item) <= 3:
            raise TargetLost("QEMU ended, says its gdbstub")
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(item)

    def _lose(self, error: LabError) -> None:
        if self.lost is None:
            self.lost = error
        self.stop_told.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self.lost)
