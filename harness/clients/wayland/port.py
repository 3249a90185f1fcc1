"""The way to a stock compositor in a guest: its socket, carried over a port of the machine (docs/weston.md)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any, Self

from harness.clients.wayland.codec import Fd
from harness.clients.wayland.errors import ConnectionEnded, Refused
from harness.clients.wayland.transport import Received, Runs, check_range, pixel_bytes
from harness.console.socket_port import SocketPort
from harness.errors import HarnessError, LabError, ProtocolError, TargetLost, UsageError
from harness.timeouts import TIMEOUTS, host

NAME = "org.rayos.wayland"  # of the virtserialport
CONNECTIONS = 8  # at once
READ_MOST = 64 << 20  # bytes that a read to the end gives, of a file or pipe that may have none
_BODY_MOST = 1 << 16  # bytes
_PIECE = 60_000  # bytes that one message writes or reads, so that its body has room for where
_HEAD = struct.Struct("<III")  # kind, connection, bytes of the body
_TAKEN = 16 << 10  # bytes after which the guest hears that they were: with 64 KiB untaken it lets the compositor wait
_SEND_BUFFER = 1 << 20  # bytes: a picture goes in few system calls


class WaylandPort:
    """The port of one machine, and every connection over it. The machine's launch has to have it, as a `GuestPort`
    of this `NAME` and our `plug`. An async context manager, to be entered once the machine was started.
    """

    def __init__(self) -> None:
        self._end: socket.socket | None = None
        self._port: SocketPort | None = None
        self._reader: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()
        self._tokens = itertools.count(1)
        self._open: dict[int, PortTransport] = {}

    def plug(self) -> socket.socket:
        """QEMU's end."""
        self._end, far = socket.socketpair()
        self._end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return far

    async def __aenter__(self) -> Self:
        if self._end is None:
            raise UsageError(
                "no machine has this Wayland port", f"Launch(ports=(GuestPort(name={NAME!r}, plug=wayland.plug),))"
            )
        self._port = SocketPort(self._end, "the Wayland port")
        self._reader = asyncio.create_task(self._run(self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._port is not None:
            await self._port.close()
        await asyncio.gather(*self._writes, return_exceptions=True)
        if self._reader is not None:
            await self._reader

    async def open(self, timeout: float | None = None) -> PortTransport:
        """A new connection to the compositor.

        :param timeout: seconds; by default those of a control command.
        :raises Refused: if nothing answers at the compositor's socket.
        :raises UsageError: if `CONNECTIONS` are open.
        :raises LabError: if the guest does not answer: it has no tunnel, or is not up yet.
        """
        number = next((n for n in range(1, CONNECTIONS + 1) if n not in self._open), None)
        if number is None:
            raise UsageError(f"{CONNECTIONS} connections are open", "close one")
        limit = host(TIMEOUTS.control_reply) if timeout is None else timeout
        transport = self._open[number] = PortTransport(self, number, next(self._tokens) & 0xFFFFFFFF)
        try:
            async with asyncio.timeout(limit):
                await transport.begin()
        except BaseException as error:
            await transport.close()
            if isinstance(error, TimeoutError):
                raise LabError(
                    f"the guest did not answer on its Wayland port within {limit:g} s",
                    "the image `weston` does, once its desktop is there",
                ) from None
            raise
        return transport

    async def say(self, kind: str, connection: int, *parts: bytes) -> None:
        """One message to the guest. It goes whole or not at all, also if the caller is cancelled meanwhile."""
        if self._port is None:
            raise TargetLost("no machine has this Wayland port")
        body = b"".join(parts)
        write = asyncio.create_task(self._write(self._port, _HEAD.pack(ord(kind), connection, len(body)) + body))
        self._writes.add(write)
        write.add_done_callback(self._written)
        await asyncio.shield(write)

    def forget(self, connection: int) -> None:
        """A connection was closed by us: its number is free."""
        self._open.pop(connection, None)

    async def _write(self, port: SocketPort, message: bytes) -> None:
        async with self._turn:
            await port.write(message)

    def _written(self, write: asyncio.Task[None]) -> None:
        self._writes.discard(write)
        if not write.cancelled():
            write.exception()  # its caller has it, unless he was cancelled

    async def _run(self, port: SocketPort) -> None:
        lost: HarnessError = TargetLost("the machine with the Wayland port is gone")
        waiting = bytearray()
        try:
            while data := await port.read():
                waiting += data
                self._take_messages(waiting)
        except (ProtocolError, struct.error) as error:
            lost = ProtocolError(f"what the guest says on its Wayland port is not what a tunnel says: {error}")
        for transport in self._open.values():
            transport.lose(lost)

    def _take_messages(self, waiting: bytearray) -> None:
        while len(waiting) >= _HEAD.size:
            kind, number, size = _HEAD.unpack_from(waiting)
            if size > _BODY_MOST:
                raise ProtocolError(f"a message of {size} bytes")
            if len(waiting) < _HEAD.size + size:
                return
            body = bytes(waiting[_HEAD.size : _HEAD.size + size])
            del waiting[: _HEAD.size + size]
            if transport := self._open.get(number):
                transport.take(kind, body)


class PortFile:
    """A `File` in the guest: shared memory, one end of a pipe, or what the compositor sent."""

    def __init__(self, transport: PortTransport, handle: int, size: int | None = None) -> None:
        self.transport = transport
        self._size = size
        self.handle = handle

    async def read(self, at: int = 0, length: int | None = None) -> bytes:
        """See `File.read`; a pipe is read to its end, which comes when nobody has its other end any more.

        :raises LabError: if there is no end within `READ_MOST` bytes, and no *length* was given.
        :raises Refused: if the guest cannot read it.
        """
        found = bytearray()
        while length is None or len(found) < length:
            want = _PIECE if length is None else min(_PIECE, length - len(found))
            piece = await self.transport.content(self.handle, at + len(found), want)
            if not piece:
                break
            found += piece
            if length is None and len(found) > READ_MOST:
                raise LabError(f"file {self.handle} goes on after {READ_MOST} bytes", "read(at, length) reads a part")
        return bytes(found)

    async def put(self, at: int, data: bytes) -> None:
        """See `File.put`. A pipe takes what fits (64 KiB), or is `Refused` by the next wait."""
        if self._size is not None:
            check_range(self._size, at, len(data))
        for start in range(0, len(data), _PIECE):
            where = struct.pack("<IQ", self.handle, at + start)
            await self.transport.say("W", where, data[start : start + _PIECE])

    async def fill(self, at: int, runs: Runs) -> None:
        await self.put(at, pixel_bytes(runs))

    async def close(self) -> None:
        """Close it in the guest: so a pipe that was written to ends."""
        await self.transport.say("F", struct.pack("<I", self.handle))


class PortTransport:
    """A `Transport` to a compositor that goes on by itself: `recv` waits, as on a socket. As there, a compositor whose
    client does not take what it says cannot go on writing, and disconnects it.

    :param token: of this connection among all that have its number.
    """

    def __init__(self, port: WaylandPort, number: int, token: int) -> None:
        self._port = port
        self._number = number
        self._token = token
        self._handles = 0
        self._taken = 0  # bytes, since the guest heard of it
        self._lost: HarnessError | None = None
        self._came: asyncio.Queue[Received | HarnessError] = asyncio.Queue()
        self._contents: dict[int, asyncio.Future[bytes]] = {}
        self._opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._closed = False  # by the compositor
        self._done = False  # by us

    async def begin(self) -> None:
        """Connect; see `WaylandPort.open`."""
        await self.say("O", struct.pack("<I", self._token))
        await self._opened

    async def send(self, data: bytes, fds: Sequence[Fd]) -> None:
        handles = []
        for file in fds:
            if not isinstance(file, PortFile):
                raise UsageError(f"{file!r} cannot go through the port: send what memory() or pipe() gives")
            if file.transport is not self:
                raise UsageError(f"file {file.handle} is of another connection", "read it, and put it into memory()")
            handles.append(file.handle)
        for start in range(0, len(data), _PIECE):
            if not self._closed:
                await self.say("S", struct.pack(f"<{len(handles) + 1}I", len(handles), *handles), data[start:][:_PIECE])
                handles = []

    async def recv(self) -> Received:
        """:raises Refused: if the guest could not do what it was told before.
        :raises TargetLost: if the machine is gone.
        """
        if self._came.empty():
            if self._lost:
                raise self._lost
            if self._closed:
                return Received(closed=True)
        if self._taken >= _TAKEN:
            words, self._taken = struct.pack("<I", self._taken), 0
            with contextlib.suppress(TargetLost):  # what it said before it went is there all the same
                await self.say("A", words)
        item = await self._came.get()
        if isinstance(item, HarnessError):
            raise item
        self._taken += len(item.data)
        return Received(item.data, item.fds, more=not self._came.empty(), closed=item.closed)

    async def memory(self, size: int) -> PortFile:
        return await self._make("M", size)

    async def pipe(self) -> PortFile:
        """A pipe: what is sent is its end to write to, `read` reads what comes out of the other, until it ends."""
        return await self._make("P", 0)

    async def close(self) -> None:
        if not self._done:
            self._done = self._closed = True
            for future in self._contents.values():
                _settle(future, ConnectionEnded("the connection was closed while a file was read"))
            try:
                with contextlib.suppress(TargetLost):  # with the machine went its connections
                    await self.say("X")
            finally:
                self._port.forget(self._number)

    async def say(self, kind: str, *parts: bytes) -> None:
        """One message about this connection."""
        await self._port.say(kind, self._number, *parts)

    async def content(self, handle: int, at: int, length: int) -> bytes:
        """Up to *length* bytes of a file; none at its end. One at a time asks for the same file.

        :raises Refused: if the guest cannot read it.
        """
        if handle in self._contents:
            raise UsageError(f"file {handle} is being read")
        self._contents[handle] = asyncio.get_running_loop().create_future()
        try:
            await self.say("R", struct.pack("<IQI", handle, at, length))
            answer: bytes = await self._contents[handle]
            return answer
        finally:
            del self._contents[handle]

    def take(self, kind: int, body: bytes) -> None:
        """A message of the guest about this connection, or one that had its number before.

        :raises ProtocolError: if it is none; `struct.error` likewise.
        """
        if kind == ord("O"):
            token, error = struct.unpack("<II", body)
            if token == self._token:
                _settle(self._opened, _refused("the connection", error) if error else None)
        elif not self._opened.done():
            return
        elif kind == ord("D"):
            (count,) = struct.unpack_from("<I", body)
            handles = struct.unpack_from(f"<{count}I", body, 4)
            files = tuple(PortFile(self, handle) for handle in handles)
            self._came.put_nowait(Received(body[4 + 4 * count :], files))
        elif kind == ord("C"):
            (handle,) = struct.unpack_from("<I", body)
            if handle in self._contents:
                _settle(self._contents[handle], body[4:])
        elif kind == ord("E"):
            self._refuse(*struct.unpack("<II", body))
        elif kind == ord("X"):
            self._end()
        else:
            raise ProtocolError(f"kind {kind:#x}, {body[:40]!r}")

    def lose(self, error: HarnessError) -> None:
        """The machine is gone, or cannot be understood any more."""
        self._lost = error
        for future in (self._opened, *self._contents.values()):
            _settle(future, error)
        self._came.put_nowait(error)

    async def _make(self, kind: str, size: int) -> PortFile:
        self._handles += 1
        await self.say(kind, struct.pack("<IQ", self._handles, size))
        return PortFile(self, self._handles, size if kind == "M" else None)

    def _end(self) -> None:
        self._closed = True
        self._came.put_nowait(Received(closed=True))

    def _refuse(self, handle: int, number: int) -> None:
        error = _refused(f"file {handle}" if handle else "what was sent", number)
        if handle in self._contents:
            _settle(self._contents[handle], error)
        else:
            self._came.put_nowait(error)


def _refused(what: str, number: int) -> Refused:
    """*number*: Linux's, as here."""
    return Refused(what, f"{errno.errorcode.get(number, number)} ({os.strerror(number)})")


def _settle(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_exception(value) if isinstance(value, Exception) else future.set_result(value)
