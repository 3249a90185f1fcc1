"""A board behind a serial port: its console on a pyserial URL, its power by commands of the user's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from harness.console.safe import safe
from harness.console.serial_port import SerialPort
from harness.errors import LabError, TargetLost, UsageError
from harness.evidence.journal import Journal
from harness.targets.base import Capability, TargetExit
from harness.targets.process import ChildProcess
from harness.targets.profile import Profile
from harness.timeouts import host
from harness.toml import Problem, load_toml, refuse, validate

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Commands, as lists of words (no shell runs them), that switch the board; empty: the harness cannot."""

    __pydantic_config__: ClassVar = _STRICT
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    timeout: float = 30.0  # seconds that one of them may take; a network power switch answers in two


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board and how to reach it; the schema of a board's TOML file."""

    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1] = 1
    name: str
    url: str  # /dev/ttyUSB0, rfc2217://host:port, socket://host:port
    control_url: str = ""  # a port of its own for the control channel
    baud: int = 115200
    flow: Literal["none", "rtscts", "xonxoff"] = "none"
    pacing: float = 0.0  # seconds between two bytes sent, for a UART without a FIFO
    reattach: float = 0.0  # seconds to wait for a port that went away; 0: the run is over
    power: Power = field(default_factory=Power)


def load_board(path: Path, profile: Profile) -> SerialTarget:
    """The target for the board in the TOML file *path*, running the image of *profile*.

    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    from pydantic import TypeAdapter

    document = load_toml(path)
    board = validate(TypeAdapter(Board), path, document)
    wrong = [
        Problem(place, f"{'.'.join(map(str, place))}: should be more than 0, not {value}")
        for place, value in ((("baud",), board.baud), (("power", "timeout"), board.power.timeout))
        if value <= 0
    ]
    not_negative = (("pacing", board.pacing), ("reattach", board.reattach))
    wrong += [Problem((key,), f"{key}: should not be less than 0") for key, value in not_negative if value < 0]
    if bool(board.power.on) != bool(board.power.off):
        wrong.append(Problem(("power",), "on and off belong together: give both or none"))
    if wrong:
        raise refuse(path, document.locate, wrong)
    return SerialTarget(board, profile)


class BoardPort:
    """A serial port that may go away and come back within the board's patience; the journal says when it did."""

    def __init__(self, board: Board, url: str, journal: Journal, on_gone: Callable[[], None]) -> None:
        self._port = SerialPort(url, baud=board.baud, flow=board.flow, pacing_s=board.pacing)
        self._patience = board.reattach
        self._journal = journal
        self._on_gone = on_gone

    async def open(self) -> None:
        await self._port.open()

    async def read(self) -> bytes:
        """Next bytes. What was on the line while the port was away is lost, and the journal tells of the gap.

        :raises TargetLost: if the port went away and did not come back.
        """
        while True:
            try:
                return await self._port.read()
            except TargetLost as error:
                await self._come_back(error)

    async def _come_back(self, lost: TargetLost) -> None:
        self._journal.append("port.lost", port=self._port.name, what=lost.what)
        try:
            if self._patience <= 0:
                raise lost
            await self._port.reattach(host(self._patience))
        except TargetLost:
            self._on_gone()
            raise
        self._journal.append("port.back", port=self._port.name)

    async def write(self, data: bytes) -> None:
        """:raises TargetLost: while the port is away."""
        await self._port.write(data)

    def unread(self) -> int:
        return self._port.unread()

    async def close(self) -> None:
        await self._port.close()


class SerialTarget:
    """One run on a board; see `harness.targets.base.Target`."""

    def __init__(self, board: Board, profile: Profile) -> None:
        self.board = board
        self.profile = profile
        self._journal: Journal | None = None
        self._console: BoardPort | None = None
        self._control: BoardPort | None = None
        self._over = asyncio.Event()
        self._powered = False
        self._asked = False

    @property
    def name(self) -> str:
        return self.board.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        power = self.board.power
        wanted = {
            Capability.CONSOLE_INPUT: True,
            Capability.CONTROL: self.profile.guest.control == "inline" or bool(self.board.control_url),
            Capability.POWER: bool(power.reset or power.off),
            Capability.RELAUNCH: bool(power.off),
        }
        return frozenset(capability for capability, there in wanted.items() if there)

    @property
    def console(self) -> BoardPort:
        """:raises UsageError: before `start`."""
        if self._console is None:
            raise UsageError(f"the board {self.name} has not been started")
        return self._console

    @property
    def control(self) -> BoardPort | None:
        return self._control

    @property
    def proof(self) -> None:
        """A board's screen cannot be looked at."""
        return None

    @property
    def qmp(self) -> None:
        """A board has none."""
        return None

    def addresses(self) -> Mapping[str, str]:
        return {"console": self.board.url}

    async def start(self, journal: Journal) -> None:
        """Open the ports; the board stays as it is until `go`. Writes `target.start`.

        :raises UsageError: if a URL or a setting makes no sense.
        :raises LabError: if a port is missing or taken.
        """
        self._journal = journal
        board = self.board
        self._console = BoardPort(board, board.url, journal, self._over.set)
        await self._console.open()
        if board.control_url:
            self._control = BoardPort(board, board.control_url, journal, self._over.set)
            await self._control.open()
        journal.append("target.start", target="serial", url=board.url, baud=board.baud, control_url=board.control_url)

    async def go(self) -> None:
        """Power the board on, where the harness can.

        :raises LabError: if the command fails.
        """
        await self._power("on", self.board.power.on)
        self._powered = True

    async def reset(self) -> None:
        """Reset the board, or power it off and on.

        :raises UsageError: if it has no command for either.
        :raises LabError: if a command fails.
        """
        if self.board.power.reset:
            await self._power("reset", self.board.power.reset)
        else:
            await self.relaunch()

    async def relaunch(self, *, cut: bool = False, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """Power the board off and on.

        :raises UsageError: if it has no commands for that.
        :raises LabError: if a command fails.
        """
        power = self.board.power
        if not power.off:
            raise UsageError(f"the board {self.name} cannot be powered off and on", "give [power] on and off for it")
        await self._power("off", power.off)
        await self._power("on", power.on)

    async def postmortem(self) -> Mapping[str, Any]:
        """Nothing of a board can be seen but its console."""
        return {}

    async def wait_exit(self) -> TargetExit:
        """Return once the port is gone for good, or the run was stopped."""
        if self._console is None:
            raise UsageError(f"the board {self.name} has not been started")
        await self._over.wait()
        return TargetExit(None, asked=self._asked)

    async def stop(self) -> TargetExit:
        """Power the board off, where the harness powered it on, and give the ports back. Calling it twice is fine."""
        self._asked = self._asked or not self._over.is_set()
        self._over.set()
        try:
            if self._powered:
                self._powered = False
                await self._power("off", self.board.power.off)
        except LabError as error:
            if self._journal is not None:
                self._journal.append("note", text=f"the board stayed on: {error.what}")
        finally:
            for port in (self._console, self._control):
                if port is not None:
                    await port.close()
        return TargetExit(None, asked=self._asked)

    async def _power(self, what: str, command: Sequence[str]) -> None:
        if not command:
            return
        if self._journal is not None:
            self._journal.append("power", what=what, argv=list(command))
        child = ChildProcess.spawn(command)
        limit = self.board.power.timeout
        try:
            async with asyncio.timeout(host(limit)):
                code = await child.wait()
        except TimeoutError as error:
            raise LabError(f"the power command {command[0]} ({what}) did not end within {limit:g} s") from error
        finally:
            await child.end()
        if code != 0:
            said = safe(child.output, 2000, newlines=True) or "it said nothing"
            raise LabError(f"the power command {command[0]} ({what}) failed with status {code}: {said}")
