"""QEMU's gdbstub by the GDB remote serial protocol: memory, registers, breakpoints, and where the machine stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.errors import LabError, ProtocolError, TargetLost, UsageError
from harness.targets.gdbline import GdbError, GdbLine
from harness.targets.gdbregisters import ARCHITECTURES, GuestRegisters, unpack_registers
from harness.timeouts import TIMEOUTS, host

SIGINT, SIGTRAP = 2, 5
_READ, _WRITE = 1024, 1024  # bytes of memory a packet: QEMU's holds 4096 characters, two a byte
_KINDS = {"software": 0, "hardware": 1}  # of breakpoints, Z0 and Z1; for TCG they are the same


@dataclass(frozen=True, slots=True)
class Stop:
    """The machine stopped. `signal` is 5 at a breakpoint, watchpoint or step, 2 by request; `address` is the pc."""

    signal: int
    address: int
    watched: int | None = None  # the address that was written, at a watchpoint


class GdbStub:
    """One client of the gdbstub of a machine; QEMU serves one at a time.

    All methods raise TargetLost once QEMU is gone, ProtocolError if what answers is no gdbstub, LabError if it does
    not answer in time.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arch: str) -> None:
        self._line, self._arch = GdbLine(reader, writer), arch
        self._breakpoints: dict[int, int] = {}  # kind by address
        self._features: dict[str, str] = {}

    @classmethod
    async def connect(cls, path: Path, arch: str = "x86_64") -> Self:
        """Connect to the stub's socket. The machine is stopped from then on, until `resume` or `detach`.

        :param arch: `x86_64` or `aarch64`.
        :raises LabError: if nobody listens there, or somebody else is served.
        """
        if arch not in ARCHITECTURES:
            raise UsageError(f"the registers of {arch} are not known", f"known are {', '.join(ARCHITECTURES)}")
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
        except OSError as error:
            raise TargetLost(f"no gdbstub listens on {path}: {error.strerror}") from error
        stub = cls(reader, writer, arch)
        try:
            offered = (await stub._line.ask(b"qSupported")).decode("ascii", "replace")
            stub._features = {key: value for key, _, value in (item.partition("=") for item in offered.split(";"))}
        except BaseException:
            await stub.close()
            raise
        stub._line.forget_stops()  # a machine that ran was stopped for us, and QEMU tells of it unasked
        return stub

    @property
    def running(self) -> bool:
        """Whether the machine runs, as far as this client was told."""
        return self._line.running

    @property
    def connected(self) -> bool:
        """Whether QEMU is there and serves this client."""
        return self._line.lost is None

    @property
    def breakpoints(self) -> frozenset[int]:
        """Addresses of those that are set."""
        return frozenset(self._breakpoints)

    @property
    def reverse(self) -> bool:
        """Whether QEMU offers to go backwards (only in a replay)."""
        return "ReverseStep+" in self._features

    # ---- looking and writing -------------------------------------------------------------------------------------

    async def registers(self) -> GuestRegisters:
        """The general registers of the CPU that stopped last."""
        return unpack_registers(_bytes(await self._line.ask(b"g")), self._arch)

    async def read(self, address: int, length: int, *, physical: bool = False) -> bytes:
        """*length* bytes from a virtual address, as the stopped CPU maps it, or a physical one.

        :raises GdbError: if something of it is not mapped.
        """
        out = bytearray()
        async with self._line.turn:
            await self._space(physical)
            while len(out) < length:
                at, size = address + len(out), min(_READ, length - len(out))
                piece = _bytes(await self._line.exchange(b"m%x,%x" % (at, size), f"reading {size} bytes at {at:#x}"))
                if len(piece) != size:
                    raise GdbError(f"only {len(piece)} of {size} bytes at {at:#x} can be read")
                out += piece
        return bytes(out)

    async def write(self, address: int, data: bytes, *, physical: bool = False) -> None:
        """Write *data*; read-only pages are written too.

        :raises GdbError: if something of it is not mapped.
        """
        async with self._line.turn:
            await self._space(physical)
            for start in range(0, len(data), _WRITE):
                at, piece = address + start, data[start : start + _WRITE]
                order = b"M%x,%x:%s" % (at, len(piece), piece.hex().encode())
                await self._line.exchange(order, f"writing {len(piece)} bytes at {at:#x}")

    # ---- stopping and going on -----------------------------------------------------------------------------------

    async def set_breakpoint(self, address: int, *, kind: str = "software") -> None:
        """Stop before the instruction at *address*; *kind* is `software` (Z0) or `hardware` (Z1). Memory is not
        changed by either."""
        number = _KINDS[kind]
        await self._line.ask(b"Z%d,%x,1" % (number, address), f"a breakpoint at {address:#x}")
        self._breakpoints[address] = number

    async def clear_breakpoint(self, address: int) -> None:
        """:raises UsageError: if there is none."""
        if address not in self._breakpoints:
            raise UsageError(f"there is no breakpoint at {address:#x}")
        number = self._breakpoints.pop(address)
        await self._line.ask(b"z%d,%x,1" % (number, address), f"the breakpoint at {address:#x}")

    async def clear_all(self) -> None:
        """No breakpoint stays."""
        for address in list(self._breakpoints):
            await self.clear_breakpoint(address)

    async def watch(self, address: int, length: int) -> None:
        """Stop after a write to any of *length* bytes (Z2)."""
        await self._line.ask(b"Z2,%x,%x" % (address, length), f"a watchpoint at {address:#x}")

    async def unwatch(self, address: int, length: int) -> None:
        await self._line.ask(b"z2,%x,%x" % (address, length), f"the watchpoint at {address:#x}")

    async def resume(self) -> None:
        """Let the machine run. One that stands at a breakpoint first steps over it: it would not get away otherwise."""
        if (await self.registers()).pc in self._breakpoints:
            await self.step()
        await self._line.let_go(b"c")

    async def step(self) -> Stop:
        """One instruction, no interrupt before it."""
        await self._line.let_go(b"s")
        return await self.stopped(TIMEOUTS.gdb_command)

    async def interrupt(self) -> Stop:
        """Stop a running machine; where it stood if it had stopped by itself meanwhile."""
        self._line.interrupt()
        return await self.stopped(TIMEOUTS.gdb_command)

    async def stopped(self, within: float | None = None) -> Stop:
        """Wait until the machine stops, or has since it was last let go; each stop is told once.

        :param within: deadline in seconds, before the slowdown factor; None: for ever.
        :raises LabError: if the deadline passed.
        """
        try:
            async with asyncio.timeout(None if within is None else host(within)):
                await self._line.stop_told.wait()
        except TimeoutError as error:
            raise LabError(f"the machine did not stop within {within:g} s") from error
        return await self._seen(self._line.next_stop())

    async def trapped(self) -> Stop:
        """Wait for a breakpoint, a watchpoint or a step. Of other stops nothing is asked: whoever caused one (QMP
        `stop`) may let the machine go again at any time.
        """
        while True:
            await self._line.stop_told.wait()
            text = self._line.next_stop()
            if _stop_fields(text)[0] == SIGTRAP:
                return await self._seen(text)

    async def halted(self) -> None:
        """Wait until QEMU has told that the machine stopped, which it did by QMP `stop`; that stop is still to be told.

        :raises LabError: if nothing of the kind comes.
        """
        if not self._line.running:
            return
        try:
            async with asyncio.timeout(host(TIMEOUTS.gdb_command)):
                await self._line.stop_told.wait()
        except TimeoutError as error:
            raise LabError("the gdbstub does not tell that the machine stopped") from error

    async def run_to(self, address: int, hits: int = 1, within: float | None = None) -> Stop:
        """Let the machine run to the *hits*-th time that it comes to *address* from here on, and no breakpoint stays.

        It ends sooner at a stop that has another reason: compare its `address`.

        :param within: deadline in seconds for each hit, before the slowdown factor.
        """
        own = address not in self._breakpoints
        if own:
            await self.set_breakpoint(address)
        try:
            for _ in range(hits - 1):
                await self.resume()
                stop = await self.stopped(within)
                if stop.address != address or stop.signal != SIGTRAP:
                    return stop
            await self.resume()
            return await self.stopped(within)
        finally:
            if own and not self._line.running and self._line.lost is None:
                await self.clear_breakpoint(address)

    def resumed_elsewhere(self) -> None:
        """Say that QMP `cont` let the machine go; QEMU tells a gdb client nothing of it."""
        self._line.forget_stops()
        self._line.running = True

    async def detach(self) -> None:
        """Take all breakpoints away and let the machine run. Without it, it stays stopped when the client goes."""
        if self._line.running:
            await self.interrupt()
        await self._line.ask(b"D")
        self._breakpoints.clear()
        self._line.running = True

    async def close(self) -> None:
        """Hang up. The machine stays as it is; calling it twice is fine."""
        await self._line.close()

    # ---- inside --------------------------------------------------------------------------------------------------

    async def _seen(self, text: bytes) -> Stop:
        signal, fields = _stop_fields(text)
        watched = next((int(fields[kind], 16) for kind in ("watch", "rwatch", "awatch") if kind in fields), None)
        return Stop(signal, (await self.registers()).pc, watched)

    async def _space(self, physical: bool) -> None:
        answer = await self._line.exchange(b"Qqemu.PhyMemMode:%d" % physical, "physical addresses")
        if answer != b"OK" and physical:
            raise GdbError("this QEMU's gdbstub reads no physical addresses")


def _bytes(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise ProtocolError(f"the gdbstub answered no hex digits: {text[:40]!r}") from error


def _stop_fields(text: bytes) -> tuple[int, dict[str, str]]:
    """Signal and fields of `T05thread:p01.01;watch:1000;`."""
    try:
        signal = int(text[1:3], 16)
    except ValueError as error:
        raise ProtocolError(f"the gdbstub told of a stop that cannot be read: {text[:40]!r}") from error
    pairs = (item.partition(":") for item in text[3:].decode("ascii", "replace").split(";") if item)
    return signal, {key: value for key, _, value in pairs}
