"""A board behind a serial port: its console on a pyserial URL; power, image and screen by the user's commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.boards.commands import run_command
from harness.boards.loader import LoaderDialogue
from harness.boards.lock import PortLock, command_line, holder_of
from harness.boards.model import Board, Power, read_board
from harness.console.serial_port import SerialPort
from harness.errors import LabError, TargetLost, UsageError
from harness.evidence.journal import Journal
from harness.targets.base import Capability, TargetExit
from harness.targets.profile import Profile
from harness.timeouts import host

__all__ = ["Board", "BoardPort", "Power", "SerialTarget", "load_board"]


def load_board(path: Path, profile: Profile) -> SerialTarget:
    """The target for the board in the TOML file *path*, running the image of *profile*.

    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    return SerialTarget(read_board(path), profile)


class BoardPort:
    """A serial port that may go away and come back within the board's patience; the journal says when it did.

    :param talks: the boot loader's dialogue, on the console.
    """

    def __init__(
        self,
        board: Board,
        url: str,
        journal: Journal,
        on_gone: Callable[[], None],
        talks: LoaderDialogue | None = None,
    ) -> None:
        self.heard = asyncio.Event()  # a byte came since it was last cleared
        self.lost: TargetLost | None = None  # it went away for good
        self._port = SerialPort(url, baud=board.baud, flow=board.flow, pacing_s=board.pacing)
        self._patience = board.reattach
        self._mending = asyncio.Lock()  # reader and writer both see that it went away
        self._lives = 0  # times that it came back
        self._away = self._closed = False
        self._journal = journal
        self._on_gone = on_gone
        self._talks = talks

    async def open(self) -> None:
        await self._port.open()

    async def read(self) -> bytes:
        """Next bytes. What was on the line while the port was away is lost, and the journal tells of the gap.

        :raises TargetLost: if the port went away and did not come back.
        """
        while True:
            life = self._lives
            try:
                data = await self._port.read()
            except TargetLost as error:
                await self._come_back(error, life)
                continue
            if data:
                self.heard.set()
                await self._answer(data)
            return data

    async def _answer(self, data: bytes) -> None:
        for number, exchange in self._talks.feed(data) if self._talks is not None else ():
            self._journal.append("loader", exchange=number, expect=exchange.expect)
            self._journal.append("console.send", text=exchange.send)
            with suppress(TargetLost):  # for good: the next read says so, and what came is not lost with it
                await self.write(exchange.send.encode())

    async def _come_back(self, lost: TargetLost, life: int) -> None:
        """Wait until the port is back, unless it came back since *life*."""
        async with self._mending:
            if self.lost is not None or self._closed:
                raise self.lost or lost
            if life != self._lives:
                return
            if not self._away:
                self._away = True
                self._journal.append("port.lost", port=self._port.name, what=lost.what)
            try:
                if self._patience <= 0:
                    raise lost
                await self._port.reattach(host(self._patience))
            except TargetLost as error:
                self.lost = error
                self._on_gone()
                raise
            if self._closed:  # meanwhile
                await self._port.close()
                raise lost
            self._away = False
            self._lives += 1
            self._journal.append("port.back", port=self._port.name)

    async def write(self, data: bytes) -> None:
        """Send *data*; over a port that went away, once it is back, from its first byte again.

        :raises TargetLost: if the port went away and did not come back.
        """
        while True:
            life = self._lives
            try:
                return await self._port.write(data)
            except TargetLost as error:
                await self._come_back(error, life)

    def unread(self) -> int:
        return self._port.unread()

    async def close(self) -> None:
        self._closed = True
        await self._port.close()


class SerialTarget:
    """One run on a board; see `harness.targets.base.Target`."""

    def __init__(self, board: Board, profile: Profile) -> None:
        self.board = board
        self.profile = profile
        self._journal: Journal | None = None
        self._console: BoardPort | None = None
        self._control: BoardPort | None = None
        self._loader = LoaderDialogue(board.loader)
        self._locks: list[PortLock] = []
        self._over = asyncio.Event()
        self._reviving: asyncio.Task[None] | None = None
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
            Capability.SCREEN: bool(self.board.capture.command),
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
        """No board stands still after a frame."""
        return None

    @property
    def qmp(self) -> None:
        """A board has none."""
        return None

    def addresses(self) -> Mapping[str, str]:
        return {"console": self.board.url}

    async def start(self, journal: Journal) -> None:
        """Lock and open the ports and deploy the image; the board is switched on by `go`. Writes `target.start`.

        :raises UsageError: if a URL or a setting makes no sense, or a deployment wants a file that the image has not.
        :raises LabError: if a port is missing or taken, or a deployment command fails.
        """
        self._journal = journal
        board = self.board
        deployed = self._filled_in()
        try:
            for url in filter(None, (board.url, board.control_url)):
                self._lock(url, journal)
            self._console = BoardPort(board, board.url, journal, self._over.set, self._loader)
            await self._open(self._console, board.url)
            if board.control_url:
                self._control = BoardPort(board, board.control_url, journal, self._over.set)
                await self._open(self._control, board.control_url)
            for number, command in enumerate(deployed, 1):
                await run_command(journal, "deploy", command, board.deploy.timeout, f"{number} of {len(deployed)}")
        except BaseException:
            await self._give_back()
            raise
        journal.append(
            "target.start",
            target="serial",
            url=board.url,
            baud=board.baud,
            control_url=board.control_url,
            lossless=board.lossless,
        )

    async def go(self) -> None:
        """Power the board on, where the harness can.

        :raises LabError: if the command fails.
        """
        self._powered = True  # also if the command fails: nobody knows then what it did
        await self._begin()
        await self._power("on", self.board.power.on)
        self._expect_life()

    async def reset(self) -> None:
        """Reset the board, or power it off and on.

        :raises UsageError: if it has no command for either.
        :raises LabError: if a command fails.
        """
        if self.board.power.reset:
            await self._begin()
            await self._power("reset", self.board.power.reset)
            self._expect_life()
        else:
            await self.relaunch()

    async def relaunch(self, *, cut: bool = False, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """Power the board off and on.

        :raises UsageError: if it has no commands for that.
        :raises LabError: if a command fails.
        """
        if not self.board.power.off:
            raise UsageError(f"the board {self.name} cannot be powered off and on", "give [power] on and off for it")
        await self._begin()
        await self._cycle()
        self._expect_life()

    async def postmortem(self) -> Mapping[str, Any]:
        """Nothing of a board can be seen but its console."""
        return {"loader_waits_for": self._loader.waiting} if self._loader.waiting else {}

    async def wait_exit(self) -> TargetExit:
        """Return once the port is gone for good, or the run was stopped."""
        if self._console is None:
            raise UsageError(f"the board {self.name} has not been started")
        await self._over.wait()
        lost = next((port.lost for port in (self._console, self._control) if port is not None and port.lost), None)
        return TargetExit(None, asked=self._asked, stderr=lost.what if lost is not None else "")

    async def stop(self) -> TargetExit:
        """Power the board off, where the harness powered it on, and give the ports back. Calling it twice is fine."""
        self._asked = self._asked or not self._over.is_set()
        self._over.set()
        if self._reviving is not None:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
        try:
            if self._powered:
                self._powered = False
                await self._power("off", self.board.power.off)
        except LabError as error:
            if self._journal is not None:
                self._journal.append("note", text=f"the board stayed on: {error.what}")
        finally:
            await self._give_back()
        return TargetExit(None, asked=self._asked)

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _filled_in(self) -> list[list[str]]:
        """The deployment commands with the image's files in them."""
        boot = self.profile.boot
        files = {
            "kernel": boot.kernel,
            "initrd": boot.initrd,
            "disk": boot.disk.file if boot.disk is not None else None,
            "cdrom": boot.cdrom,
            "esp": boot.esp,
        }
        words = {name: str(path.absolute()) for name, path in files.items() if path is not None}
        if words:
            words["image"] = next(words[name] for name in ("kernel", "disk", "cdrom", "esp", "initrd") if name in words)
        words["cmdline"] = boot.cmdline
        try:
            return [[word.format(**words) for word in command] for command in self.board.deploy.commands]
        except KeyError as error:
            raise UsageError(
                f"the board {self.name} deploys {{{error.args[0]}}}, and the image {self.profile.name} has none",
                f"it has {', '.join(sorted(words))}",
            ) from error

    def _lock(self, url: str, journal: Journal) -> None:
        lock = PortLock.take(url, command_line())
        self._locks.append(lock)
        if lock.stale is not None:
            journal.append("note", text=f"{lock.stale} ended without giving back {url}")

    async def _open(self, port: BoardPort, url: str) -> None:
        try:
            await port.open()
        except LabError as error:
            holder = holder_of(url) if "lock" in error.what else None
            if holder is None:
                raise
            raise LabError(f"the port {url} is in use by {holder}", "end that program, or take another port") from error

    async def _begin(self) -> None:
        """The board is about to start: its boot loader may be talked to."""
        if self._reviving is not None:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)  # two power commands at once do nobody good
            self._reviving = None
        self._loader.restart()
        if self._console is not None:
            self._console.heard.clear()

    def _expect_life(self) -> None:
        """It is on, and should say something."""
        if self.board.power.dead > 0 and self._console is not None:
            self._reviving = asyncio.create_task(self._revive(self._console.heard), name="revive")

    async def _revive(self, heard: asyncio.Event) -> None:
        """Cycle the power of a board that stays silent. What it costs is a step's time: the step's deadline stands."""
        power = self.board.power
        for attempt in range(1, power.tries + 1):
            try:
                async with asyncio.timeout(host(power.dead)):
                    await heard.wait()
            except TimeoutError:
                if self._journal is not None:
                    self._journal.append("board.dead", seconds=power.dead, attempt=attempt)
                self._loader.restart()
                try:
                    await self._cycle()
                except LabError as error:
                    if self._journal is not None:
                        self._journal.append("lab.error", cause="power", what=error.what)
                    return
            else:
                return

    async def _cycle(self) -> None:
        await self._power("off", self.board.power.off)
        await self._power("on", self.board.power.on)

    async def _give_back(self) -> None:
        for port in (self._console, self._control):
            if port is not None:
                await port.close()
        for lock in self._locks:
            lock.release()
        self._locks.clear()

    async def _power(self, what: str, command: tuple[str, ...]) -> None:
        if command:
            await run_command(self._journal, "power", command, self.board.power.timeout, what)
