"""The harness's own place at the gdbstub of a QEMU, over all its lives: breakpoints that are there before the guest's
first instruction, and its memory while it stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import LabError, TargetLost
from harness.targets.gdbstub import GdbStub

if TYPE_CHECKING:
    from harness.targets.qemu import QemuTarget

Hit = Callable[[int], Awaitable[None]]
"""Called with the address of a breakpoint that the machine came to. It stands there until this returns."""


class Debugger:
    """Connected from `attach` on where there are breakpoints, else only while somebody looks.

    :param breakpoints: addresses, as the CPU fetches them.
    """

    def __init__(self, target: QemuTarget, breakpoints: Iterable[int] = ()) -> None:
        self._target = target
        self._breakpoints = set(breakpoints)
        self._stub: GdbStub | None = None
        self._path: Path | None = None  # of the life that it is connected to
        self._followers: list[asyncio.Task[None]] = []
        self._trapped = False
        self._turn = asyncio.Lock()
        self._hit: Hit | None = None
        self._heard = asyncio.Event()

    def listen(self, hit: Hit) -> None:
        """Who is told of breakpoints; a machine that came to one before waits there."""
        self._hit = hit
        self._heard.set()

    async def attach(self) -> None:
        """A machine that stands still is about to be let go. Done by the target before each `cont`.

        :raises LabError: if its gdbstub cannot be reached, or refuses a breakpoint.
        """
        path = self._target.gdb_socket
        if not self._breakpoints or path is None:
            return
        if self._stub is not None and self._path == path:
            self._stub.resumed_elsewhere()
            return
        stub = await self._connect()
        # A page that the guest has not loaded yet can hold no trap instruction; TCG needs none.
        kind = "software" if self._target.launch.accel == "tcg" else "hardware"
        for address in sorted(self._breakpoints):
            await stub.set_breakpoint(address, kind=kind)
        stub.resumed_elsewhere()
        before, self._stub, self._path, self._trapped = self._stub, stub, path, False
        if before is not None:
            await before.close()
        self._followers.append(asyncio.create_task(self._follow(stub), name="breakpoints"))

    async def clear(self, address: int) -> None:
        """Nothing stops at *address* any more; if the machine does not stand at a breakpoint, nothing is told of it."""
        self._breakpoints.discard(address)
        if self._trapped and self._stub is not None and address in self._stub.breakpoints:
            await self._stub.clear_breakpoint(address)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[GdbStub]:
        """Stop the machine, if it runs, for as long as the context lasts: its memory can be read and written.

        :raises LabError: if it cannot be stopped, or its gdbstub not be reached.
        """
        qmp = self._target.qmp
        if qmp is None:
            raise TargetLost(f"the target {self._target.name} is not running")
        async with self._turn:
            if self._trapped and self._stub is not None:
                yield self._stub
                return
            ours = False
            if (await qmp.execute("query-status"))["running"]:
                await qmp.execute("stop")
                ours = (await qmp.execute("query-status"))["status"] == "paused"  # else a breakpoint was faster
            held = self._stub if self._stub is not None and self._stub.connected else None
            stub = held or await self._connect()
            try:
                await stub.halted()
                yield stub
            finally:
                if held is None:
                    await stub.close()
                elif ours:
                    held.resumed_elsewhere()
                if ours and qmp.alive:
                    await qmp.execute("cont")

    async def close(self) -> None:
        """Hang up; a machine that stands at a breakpoint stays there, any other runs on."""
        for follower in self._followers:
            follower.cancel()
        results = await asyncio.gather(*self._followers, return_exceptions=True)
        self._followers.clear()
        if self._stub is not None:
            await self._stub.close()
            self._stub = None
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def disarm(self, *, go: bool = True) -> None:
        """Take all breakpoints away and hang up; a machine that stands at one goes on, if *go*."""
        self._breakpoints.clear()
        for follower in self._followers:
            follower.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        stub, qmp = self._stub, self._target.qmp
        with suppress(LabError):  # one that does not answer any more is about to be ended
            if stub is not None and stub.connected and qmp is not None and qmp.alive:
                async with self.still() as seen:
                    await seen.clear_all()
                if go and (await qmp.execute("query-status"))["status"] == "debug":
                    stub.resumed_elsewhere()
                    await qmp.execute("cont")
        await self.close()

    # ---- inside --------------------------------------------------------------------------------------------------

    async def _connect(self) -> GdbStub:
        path = self._target.gdb_socket
        if path is None:
            raise LabError(f"the target {self._target.name} was started without a gdbstub")
        return await GdbStub.connect(path, self._target.profile.machine.arch)

    async def _follow(self, stub: GdbStub) -> None:
        """Tell of each breakpoint, and let the machine go on; until its end, or that of this life of it."""
        try:
            while True:
                stop = await stub.trapped()
                if stop.address in self._breakpoints:
                    await self._tell(stub, stop.address)
                elif stop.address in stub.breakpoints:
                    await stub.clear_breakpoint(stop.address)
                if stub is not self._stub or not stub.connected:
                    return  # this life is over
                await stub.resume()
        except TargetLost:
            return
        except LabError as error:
            if self._target.qmp is not None:
                self._target.qmp.journal.append("lab.error", cause="gdbstub", what=f"{error.what}. {error.hint}")

    async def _tell(self, stub: GdbStub, address: int) -> None:
        self._trapped = True
        try:
            await self._heard.wait()
            if self._hit is not None:
                await self._hit(address)
        finally:
            if stub is self._stub:
                self._trapped = False
