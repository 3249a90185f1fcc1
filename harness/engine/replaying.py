"""Plays a recorded run again, to its end or to one instruction of it, and says what is there.

A place that is not known as an instruction (a marker, a frame) is looked for: the run is played in pieces, and the
piece in which the place lies again, in smaller ones. QEMU cannot go back for it: a snapshot does not hold the timer of
the heartbeat that a recording needs (`harness.targets.rr`), and a replay that starts from one stands still.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engine.recording import Recording
from harness.engine.until import AtConsole, AtFrame, AtInstruction, AtSymbol, Until
from harness.errors import LabError, TargetLost, UsageError
from harness.evidence.journal import Journal
from harness.qmp.session import QmpSession
from harness.targets.argv import Launch
from harness.targets.gdbstub import GdbStub
from harness.targets.qemu import QemuTarget
from harness.targets.rr import Log
from harness.targets.runtime import RunDirectory
from harness.targets.symbols import Symbols
from harness.timeouts import host

if TYPE_CHECKING:
    from harness.frames.types import Frame

_PIECES = 256  # stops of one pass: 3 passes find one of 16 million instructions. A stop and a start take 3 ms
_PATIENCE, _SLOWER = 30.0, 10.0  # s for one stretch, and for each second of recording: it was seen to take 1 to 3


class NotReachedError(UsageError):
    """The run was over before the place at which it should stop."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A replay that stands still, and what can be seen of it. `place` is a symbol with offset, if one is known."""

    icount: int
    ended: bool  # the recording is over
    registers: dict[str, int]
    pc: int
    place: str | None
    console: bytes
    frame: Frame | None = field(repr=False)


class Playback:
    """One QEMU that follows a log; see `playback`."""

    def __init__(self, target: QemuTarget, directory: Path, limit: float) -> None:
        self.target = target
        self.directory = directory
        self._limit = limit
        self.ended = False
        self.icount = 0

    @property
    def qmp(self) -> QmpSession:
        if self.target.qmp is None:
            raise LabError("the replay is not running")
        return self.target.qmp

    @property
    def written(self) -> int:
        """Bytes that the guest has written to its console. It is a file: none is on its way."""
        return self.target.console.unread()

    async def go_on(self, icount: int | None = None) -> None:
        """Play on, to the instruction *icount* or to the end; `ended` tells which came first.

        :raises LabError: if the replay does not get there.
        """
        if icount is not None:
            if icount <= self.icount:
                return
            await self.qmp.execute("replay-break", icount=icount)
        stopped = self.qmp.next_event("STOP")
        await self.qmp.execute("cont")
        await self._until(stopped)
        self.icount = await self.instructions()
        self.ended = icount is None or self.icount < icount

    async def instructions(self) -> int:
        return int((await self.qmp.execute("query-replay"))["icount"])

    async def picture(self) -> Frame | None:
        """The screen; None if the machine has none."""
        if not self.target.profile.guest.display:
            return None
        from harness.frames.capture import Capture

        return await Capture(self.qmp, self.directory).grab(exact=False)

    async def run_to_symbol(self, address: int, hits: int) -> bool:
        """Play to the *hits*-th time at *address*; whether it came."""
        gdb = await self.stub()
        try:
            stop = await gdb.run_to(address, hits, self._limit)
        except TargetLost:
            await self._refuse_failure()
            raise
        finally:
            await gdb.close()
        self.icount = await self.instructions()
        self.ended = stop.address != address
        return not self.ended

    async def stub(self) -> GdbStub:
        """:raises LabError: if the gdbstub does not answer."""
        if self.target.gdb_socket is None:
            raise LabError("the replay is not running")
        return await GdbStub.connect(self.target.gdb_socket, self.target.profile.machine.arch)

    async def standing(self, symbols: Symbols | None) -> Standing:
        """What there is to be seen now."""
        gdb = await self.stub()
        try:
            registers = await gdb.registers()
        finally:
            await gdb.close()
        at = symbols.place(registers.pc) if symbols is not None else None
        frame = await self.picture()
        left, console = self.written, b""
        while len(console) < left:
            console += await self.target.console.read()
        return Standing(
            self.icount, self.ended, dict(registers.values), registers.pc, str(at) if at else None, console, frame
        )

    async def _until(self, stopped: asyncio.Future[Any]) -> None:
        try:
            async with asyncio.timeout(self._limit):
                await stopped
        except TimeoutError:
            at = await self.instructions()
            raise LabError(
                f"the replay does not get on: it has stood at instruction {at} for up to {self._limit:g} s",
                "what QEMU is given differs from the recording, or it lost its way in the log (a defect of QEMU's)",
            ) from None
        except TargetLost:
            await self._refuse_failure()
            raise

    async def _refuse_failure(self) -> None:
        """QEMU went. :raises LabError: if it could not follow the log; else it was the guest that ended it."""
        said = (await self.target.stop()).stderr.splitlines()
        if complaints := [line for line in said if ": warning: " not in line]:
            raise LabError(
                f"QEMU gave the replay up: {complaints[-1]}", "the log is damaged, or QEMU lost its way in it"
            )


@asynccontextmanager
async def playback(recording: Recording) -> AsyncIterator[Playback]:
    """A QEMU at the start of the recorded run, stopped; ended with the context."""
    from harness.console.pump import Console

    directory = RunDirectory()
    journal = Journal(directory.path / "journal.jsonl")
    launch = Launch(clock="record", seed=recording.seed, gdb=True, log=Log("replay", recording.log))
    target = QemuTarget(recording.profile, launch)
    drain: asyncio.Task[None] | None = None
    try:
        await target.start(journal)
        _same_qemu(recording, target)
        if target.control is not None:  # it has to be read, or the guest's replies would fill it
            drain = asyncio.create_task(Console(target.control, journal, Path(os.devnull)).run(), name="control")
        yield Playback(target, directory.path, host(_PATIENCE + _SLOWER * recording.host_s))
    finally:
        await target.stop()
        if drain is not None:
            drain.cancel()
            await asyncio.gather(drain, return_exceptions=True)
        journal.close()
        directory.remove()


def _same_qemu(recording: Recording, target: QemuTarget) -> None:
    now = target.qmp.version if target.qmp is not None else ""
    if now.split()[:1] != recording.qemu.split()[:1]:
        raise UsageError(
            f"the run was recorded by QEMU {recording.qemu}, and this is {now}", "a log is for one version: use that"
        )


@asynccontextmanager
async def play_to(recording: Recording, until: Until | None, symbols: Symbols | None) -> AsyncIterator[Playback]:
    """Play *recording* to *until* (None: its end); the machine stands there while the context lasts.

    :raises NotReachedError: if the run ends before.
    """
    if isinstance(until, (AtConsole, AtFrame)):
        there = _said(until.count) if isinstance(until, AtConsole) else _shown(until.number)
        end = recording.instructions or await _last(recording)
        async with _first(recording, there, end) as found:
            yield found
        return
    last = await _last(recording) if until is None and recording.instructions is None else None
    async with playback(recording) as play:
        if until is None:
            await play.go_on(last)
            play.ended = True
        elif not await _reaches(play, until, symbols):
            raise NotReachedError(f"the run was over before it came to {_words(until)}")
        yield play


async def _reaches(play: Playback, until: AtInstruction | AtSymbol, symbols: Symbols | None) -> bool:
    try:
        if isinstance(until, AtInstruction):
            await play.go_on(until.number)
            return not play.ended
        if symbols is None:
            raise UsageError("there are no symbols to look it up in")
        return await play.run_to_symbol(symbols.address(until.name), until.hit)
    except TargetLost:  # the guest ended QEMU
        return False


def _words(until: AtInstruction | AtSymbol) -> str:
    if isinstance(until, AtInstruction):
        return f"instruction {until.number}"
    return f"{until.name}, time {until.hit}"


async def _last(recording: Recording) -> int:
    """The last instruction of a run whose guest ended QEMU (isa-debug-exit): there a replay can stand no more."""
    low, piece = 0, 1 << 22
    while True:
        async with playback(recording) as play:
            with suppress(TargetLost):
                await play.go_on(low)
                while not play.ended:
                    await play.go_on(low + piece)
                    low = play.icount
                return low
        if piece == 1:
            return low
        piece = max(1, piece // _PIECES)


Condition = Callable[[Playback], Awaitable[bool]]


def _said(count: int) -> Condition:
    async def said(play: Playback) -> bool:
        return play.written >= count

    return said


def _shown(number: int) -> Condition:
    async def shown(play: Playback) -> bool:
        from harness.frames.identity import decode_strip

        frame = await play.picture()
        if frame is None:
            raise UsageError("this machine has no screen, so no frame is ever shown")
        identity = decode_strip(frame.pixels)
        return identity.whole and (identity.number or 0) >= number

    return shown


@asynccontextmanager
async def _first(recording: Recording, there: Condition, end: int) -> AsyncIterator[Playback]:
    """A playback at the first instruction where *there* holds, of *end*."""
    low, high = 0, end
    while True:
        piece = max(1, -(-(high - low) // _PIECES))
        async with playback(recording) as play:
            found = await _walk(play, there, low, high, piece)
            if piece == 1:
                yield play
                return
        low, high = found - piece, found


async def _walk(play: Playback, there: Condition, low: int, high: int, piece: int) -> int:
    at = low
    while at < high:
        at += piece
        await play.go_on(at)
        if await there(play):
            return at
        if play.ended:
            break
    raise NotReachedError("the replay was over before that was seen")
