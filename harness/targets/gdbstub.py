"""QEMU's gdbstub by the GDB remote serial protocol: memory, registers, breakpoints, and where the machine stopped.

While a client is connected QEMU tells it of every stop, whoever caused it (a breakpoint, QMP `stop`, a guest that
ended), and of no start. Of what it is sent while the machine runs it drops the first byte and stops: so nothing is
sent then but `interrupt`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.errors import LabError, ProtocolError, TargetLost, UsageError
from harness.targets.gdbpacket import Acknowledged, Packets, Refused, packet
from harness.timeouts import TIMEOUTS, host

SIGINT, SIGTRAP = 2, 5
_READ, _WRITE = 1024, 1024  # bytes of memory a packet: QEMU's holds 4096 characters, two a byte
_BACKLOG = 64  # stops that nobody asked about; the oldest go first
_KINDS = {"software": 0, "hardware": 1}  # of breakpoints, Z0 and Z1; for TCG they are the same

_X86_64 = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip"
_X86_32 = "eflags cs ss ds es fs gs"
_LAYOUT: dict[str, tuple[tuple[str, int], ...]] = {  # registers in the order of the `g` packet, with their bytes
    "x86_64": (
        *((name, 8) for name in _X86_64.split()),
        *((name, 4) for name in _X86_32.split()),
    ),
    "aarch64": (*((f"x{number}", 8) for number in range(31)), ("sp", 8), ("pc", 8), ("cpsr", 4)),
}
_ROLES = {"x86_64": ("rip", "rsp", "rbp"), "aarch64": ("pc", "sp", "x29")}  # program counter, stack, frame pointer


class GdbError(LabError):
    """QEMU refused a packet: memory that is not mapped, a breakpoint that cannot be set."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The machine stopped. `signal` is 5 at a breakpoint, watchpoint or step, 2 by request; `address` is the pc."""

    signal: int
    address: int
    watched: int | None = None  # the address that was written, at a watchpoint


@dataclass(frozen=True, slots=True)
class GuestRegisters:
    """Registers of the CPU that stopped last, by the names of its architecture; `pc`, `sp` and `fp` on each."""

    values: Mapping[str, int]
    pc: int
    sp: int
    fp: int

    def __getitem__(self, name: str) -> int:
        return self.values[name]


class GdbStub:
    """One client of the gdbstub of a machine; QEMU serves one at a time.

    All methods raise TargetLost once QEMU is gone, ProtocolError if what answers is no gdbstub, LabError if it does
    not answer in time.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arch: str) -> None:
        self._reader, self._writer = reader, writer
        self._layout, self._roles = _LAYOUT[arch], _ROLES[arch]
        self._answer: asyncio.Future[bytes] | None = None
        self._turn = asyncio.Lock()
        self._stops: deque[bytes] = deque(maxlen=_BACKLOG)
        self._stopped = asyncio.Event()
        self._running = False
        self._lost: LabError | None = None
        self._breakpoints: dict[int, int] = {}  # kind by address
        self._features: dict[str, str] = {}
        self._follower = asyncio.create_task(self._follow(), name="gdbstub")

    @classmethod
    async def connect(cls, path: Path, arch: str = "x86_64") -> Self:
        """Connect to the stub's socket. The machine is stopped from then on, until `resume` or `detach`.

        :param arch: `x86_64` or `aarch64`.
        :raises LabError: if nobody listens there, or somebody else is served.
        """
        if arch not in _LAYOUT:
            raise UsageError(f"the registers of {arch} are not known", f"known are {', '.join(_LAYOUT)}")
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
        except OSError as error:
            raise TargetLost(f"no gdbstub listens on {path}: {error.strerror}") from error
        stub = cls(reader, writer, arch)
        try:
            offered = (await stub._ask(b"qSupported")).decode("ascii", "replace")
            stub._features = {key: value for key, _, value in (item.partition("=") for item in offered.split(";"))}
        except BaseException:
            await stub.close()
            raise
        stub._forget_stops()  # a machine that ran was stopped for us, and QEMU tells of it unasked
        return stub

    @property
    def running(self) -> bool:
        """Whether the machine runs, as far as this client was told."""
        return self._running

    @property
    def connected(self) -> bool:
        """Whether QEMU is there and serves this client."""
        return self._lost is None

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
        raw = _bytes(await self._ask(b"g"))
        values, at = {}, 0
        for name, size in self._layout:
            if at + size > len(raw):
                raise ProtocolError(f"the gdbstub shows {len(raw)} bytes of registers, and {name} is not among them")
            values[name] = int.from_bytes(raw[at : at + size], "little")
            at += size
        pc, sp, fp = (values[name] for name in self._roles)
        return GuestRegisters(values, pc, sp, fp)

    async def read(self, address: int, length: int, *, physical: bool = False) -> bytes:
        """*length* bytes from a virtual address, as the stopped CPU maps it, or a physical one.

        :raises GdbError: if something of it is not mapped.
        """
        out = bytearray()
        async with self._turn:
            await self._space(physical)
            while len(out) < length:
                at, size = address + len(out), min(_READ, length - len(out))
                piece = _bytes(await self._exchange(b"m%x,%x" % (at, size), f"reading {size} bytes at {at:#x}"))
                if len(piece) != size:
                    raise GdbError(f"only {len(piece)} of {size} bytes at {at:#x} can be read")
                out += piece
        return bytes(out)

    async def write(self, address: int, data: bytes, *, physical: bool = False) -> None:
        """Write *data*; read-only pages are written too.

        :raises GdbError: if something of it is not mapped.
        """
        async with self._turn:
            await self._space(physical)
            for start in range(0, len(data), _WRITE):
                at, piece = address + start, data[start : start + _WRITE]
                order = b"M%x,%x:%s" % (at, len(piece), piece.hex().encode())
                await self._exchange(order, f"writing {len(piece)} bytes at {at:#x}")

    # ---- stopping and going on -----------------------------------------------------------------------------------

    async def set_breakpoint(self, address: int, *, kind: str = "software") -> None:
        """Stop before the instruction at *address*; *kind* is `software` (Z0) or `hardware` (Z1). Memory is not
        changed by either."""
        number = _KINDS[kind]
        await self._ask(b"Z%d,%x,1" % (number, address), f"a breakpoint at {address:#x}")
        self._breakpoints[address] = number

    async def clear_breakpoint(self, address: int) -> None:
        """:raises UsageError: if there is none."""
        if address not in self._breakpoints:
            raise UsageError(f"there is no breakpoint at {address:#x}")
        number = self._breakpoints.pop(address)
        await self._ask(b"z%d,%x,1" % (number, address), f"the breakpoint at {address:#x}")

    async def clear_all(self) -> None:
        """No breakpoint stays."""
        for address in list(self._breakpoints):
            await self.clear_breakpoint(address)

    async def watch(self, address: int, length: int) -> None:
        """Stop after a write to any of *length* bytes (Z2)."""
        await self._ask(b"Z2,%x,%x" % (address, length), f"a watchpoint at {address:#x}")

    async def unwatch(self, address: int, length: int) -> None:
        await self._ask(b"z2,%x,%x" % (address, length), f"the watchpoint at {address:#x}")

    async def resume(self) -> None:
        """Let the machine run. One that stands at a breakpoint first steps over it: it would not get away otherwise."""
        if (await self.registers()).pc in self._breakpoints:
            await self.step()
        await self._let_go(b"c")

    async def step(self) -> Stop:
        """One instruction, no interrupt before it."""
        await self._let_go(b"s")
        return await self.stopped(TIMEOUTS.gdb_command)

    async def interrupt(self) -> Stop:
        """Stop a running machine; where it stood if it had stopped by itself meanwhile."""
        if self._running:
            self._send(b"\x03")
        return await self.stopped(TIMEOUTS.gdb_command)

    async def stopped(self, within: float | None = None) -> Stop:
        """Wait until the machine stops, or has since it was last let go; each stop is told once.

        :param within: deadline in seconds, before the slowdown factor; None: for ever.
        :raises LabError: if the deadline passed.
        """
        try:
            async with asyncio.timeout(None if within is None else host(within)):
                await self._stopped.wait()
        except TimeoutError as error:
            raise LabError(f"the machine did not stop within {within:g} s") from error
        return await self._seen(self._next_stop())

    async def trapped(self) -> Stop:
        """Wait for a breakpoint, a watchpoint or a step. Of other stops nothing is asked: whoever caused one (QMP
        `stop`) may let the machine go again at any time.
        """
        while True:
            await self._stopped.wait()
            text = self._next_stop()
            if _stop_fields(text)[0] == SIGTRAP:
                return await self._seen(text)

    async def halted(self) -> None:
        """Wait until QEMU has told that the machine stopped, which it did by QMP `stop`; that stop is still to be told.

        :raises LabError: if nothing of the kind comes.
        """
        if not self._running:
            return
        try:
            async with asyncio.timeout(host(TIMEOUTS.gdb_command)):
                await self._stopped.wait()
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
            if own and not self._running and self._lost is None:
                await self.clear_breakpoint(address)

    def resumed_elsewhere(self) -> None:
        """Say that QMP `cont` let the machine go; QEMU tells a gdb client nothing of it."""
        self._forget_stops()
        self._running = True

    async def detach(self) -> None:
        """Take all breakpoints away and let the machine run. Without it, it stays stopped when the client goes."""
        if self._running:
            await self.interrupt()
        await self._ask(b"D")
        self._breakpoints.clear()
        self._running = True

    async def close(self) -> None:
        """Hang up. The machine stays as it is; calling it twice is fine."""
        self._follower.cancel()
        self._lose(TargetLost("the connection to the gdbstub is closed"))
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        await asyncio.wait({self._follower})

    # ---- inside --------------------------------------------------------------------------------------------------

    def _next_stop(self) -> bytes:
        if not self._stops:
            raise self._lost or TargetLost("the gdbstub is closed")
        text = self._stops.popleft()
        if not self._stops and self._lost is None:
            self._stopped.clear()
        return text

    async def _seen(self, text: bytes) -> Stop:
        signal, fields = _stop_fields(text)
        watched = next((int(fields[kind], 16) for kind in ("watch", "rwatch", "awatch") if kind in fields), None)
        return Stop(signal, (await self.registers()).pc, watched)

    async def _space(self, physical: bool) -> None:
        answer = await self._exchange(b"Qqemu.PhyMemMode:%d" % physical, "physical addresses")
        if answer != b"OK" and physical:
            raise GdbError("this QEMU's gdbstub reads no physical addresses")

    async def _ask(self, payload: bytes, what: str = "") -> bytes:
        async with self._turn:
            return await self._exchange(payload, what)

    async def _exchange(self, payload: bytes, what: str = "") -> bytes:
        """Send one packet and take its answer. The caller has the turn."""
        if self._running:
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

    async def _let_go(self, order: bytes) -> None:
        async with self._turn:
            if self._running:
                raise LabError("the machine runs already")
            self._forget_stops()
            self._running = True
            self._send(packet(order))  # the next stop is its answer

    def _send(self, data: bytes) -> None:
        if self._lost is not None:
            raise self._lost
        self._writer.write(data)

    def _forget_stops(self) -> None:
        self._stops.clear()
        if self._lost is None:
            self._stopped.clear()

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
            self._running = False
            self._stopped.set()
        elif item[:1] in (b"W", b"X") and len(item) <= 3:
            raise TargetLost("QEMU ended, says its gdbstub")
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(item)

    def _lose(self, error: LabError) -> None:
        if self._lost is None:
            self._lost = error
        self._stopped.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)


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
