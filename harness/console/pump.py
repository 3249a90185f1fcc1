"""The pump, the one owner of the console's port: every byte goes to the raw log, the journal and the listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness.console.distortion import Distortion, Stall
from harness.console.rawlog import RAW_CAP, RawLog
from harness.console.types import BytePort, Chunk
from harness.errors import LabError
from harness.evidence.journal import Journal

_SEND_PIECE = 4096  # bytes of one `console.send` event
_RATE = 4000  # chunks a second that get a journal event of their own, over time
_BURST = 256  # ... and at once
_PIECE = 1 << 20  # bytes of what a line held back that listeners get at once
_UNFINISHED = 4096  # bytes of the line that has not ended which a new dialogue gets to see
# once a guest that dribbles single bytes (570,000 a second were measured) has used that up, wait this long for more
_GATHER_S = 0.001


class Console:
    """Reads the port until its end; sends to it.

    Writes `serial` (`offset`, `len`), `serial.cap` (`kept`: once, when the raw log is full), `serial.end` (`kept`,
    `dropped`) and `console.send` (`text`) events. A listener is called synchronously, after its chunk's `serial`
    event: what a slow one holds up is the guest, not memory. Listeners get exactly the bytes that are in the raw log,
    so that what they decide can be decided again offline.

    :param serial: path of the raw log.
    :param cap: bytes that the raw log takes.
    :param stamp: host time of the bytes just read, ns; default: the journal's clock (a recording brings its own).
    """

    def __init__(
        self,
        port: BytePort,
        journal: Journal,
        serial: Path,
        *,
        cap: int = RAW_CAP,
        stamp: Callable[[], int] | None = None,
    ) -> None:
        self.on_chunk: list[Callable[[Chunk], None]] = []
        self.on_end: list[Callable[[], None]] = []
        self.ended = False
        self._port = port
        self._journal = journal
        self._log = RawLog(serial, cap)
        self._stamp = stamp or journal.now_ns
        self._sending = asyncio.Lock()
        self._moved = asyncio.Event()
        self._mended = asyncio.Event()
        self._unfinished = b""
        self._distortion: Distortion | None = None

    @property
    def received(self) -> int:
        """Bytes in the raw log."""
        return self._log.kept

    @property
    def unfinished(self) -> bytes:
        """The last 4 KiB since the line end or the last send: a prompt that waits to be answered."""
        return self._unfinished

    async def run(self) -> None:
        """Read until the port's end.

        :raises harness.errors.TargetLost: if the line dropped where it should not have. Calling it again goes on with
            the stream.
        :raises harness.errors.LabError: if the evidence cannot be written.
        """
        loop = asyncio.get_running_loop()
        credit, refilled = float(_BURST), loop.time()
        while data := await self._port.read():
            self._take(data)
            if isinstance(self._distortion, Stall) and self._distortion.full:
                await self._mended.wait()  # like a line with flow control: the guest waits, and memory does not grow
            now = loop.time()
            credit, refilled = min(credit + (now - refilled) * _RATE, _BURST) - 1, now
            await asyncio.sleep(_GATHER_S if credit < 0 else 0)  # 0: the port may always have more, others must run too
        self.mend()
        self._journal.append("serial.end", kept=self._log.kept, dropped=self._log.dropped)
        self.ended = True
        self._moved.set()
        for listener in list(self.on_end):
            listener()

    async def write(self, data: bytes, pacing_s: float = 0.0) -> None:
        """Send *data*; whole writes of several callers never mix.

        :param pacing_s: seconds between two bytes, for a guest whose UART has no FIFO.
        :raises harness.errors.UsageError: if the port cannot send.
        :raises harness.errors.TargetLost: if the other end is gone.
        """
        async with self._sending:
            for start in range(0, len(data), _SEND_PIECE):
                piece = data[start : start + _SEND_PIECE]
                # Before the write: the echo may come before the write returns.
                self._journal.append("console.send", text=piece.decode("utf-8", "replace"))
                self._unfinished = b""
                await write_paced(self._port.write, piece, pacing_s)

    async def drained(self) -> None:
        """Return once every byte that has arrived so far was handed to the listeners."""
        while not self.ended and (self._port.unread() or self._stalled):
            self._moved.clear()
            await self._moved.wait()

    def distort(self, distortion: Distortion) -> None:
        """From now on the line is a bad one: *distortion* decides what comes of each byte.

        Writes `line.bad` {offset}, and then `line.damage` {changed, lost} (`harness.console.distortion.Passed`) before
        the `serial` event of what is left of a piece.

        :raises harness.errors.LabError: if it is a bad one already.
        """
        if self._distortion is not None:
            raise LabError("the serial line is a bad one already", "let one fault of the line come after the other")
        self._distortion = distortion
        self._mended.clear()
        self._journal.append("line.bad", offset=self._log.kept)

    def mend(self) -> None:
        """The line is good again; what it held back comes now. Writes `line.good` {offset} if it was a bad one."""
        distortion, self._distortion = self._distortion, None
        if distortion is not None:
            self._journal.append("line.good", offset=self._log.kept)
            held = distortion.release()
            for start in range(0, len(held), _PIECE):
                self._take(held[start : start + _PIECE])
            self._mended.set()
            self._moved.set()

    @property
    def _stalled(self) -> bool:
        return isinstance(self._distortion, Stall)

    def close(self) -> None:
        """Close the raw log (the port belongs to the target); calling it twice is fine."""
        self._log.close()

    def _take(self, data: bytes) -> None:
        full = self._log.dropped > 0
        offset = self._log.kept
        if self._distortion is not None:
            passed = self._distortion.take(data, offset)
            data = passed.data
            if passed.changed or passed.lost:
                self._journal.append("line.damage", changed=passed.changed, lost=passed.lost)
        kept = self._log.append(data)
        host_ns = self._stamp()
        if kept:
            self._journal.append("serial", host_ns=host_ns, offset=offset, len=len(kept))
            chunk = Chunk(offset, kept, host_ns)
            self._unfinished = (self._unfinished + kept)[-_UNFINISHED:].rpartition(b"\n")[2]
            for listener in list(self.on_chunk):
                listener(chunk)
        self._moved.set()
        if self._log.dropped and not full:
            self._journal.append("serial.cap", kept=self._log.kept)


async def write_paced(write: Callable[[bytes], Awaitable[None]], data: bytes, pacing_s: float) -> None:
    """Hand *data* to *write*: at once, or byte by byte with *pacing_s* seconds between two."""
    if pacing_s <= 0:
        await write(data)
        return
    for index in range(len(data)):
        if index:
            await asyncio.sleep(pacing_s)
        await write(data[index : index + 1])
