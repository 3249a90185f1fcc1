"""Ports of a started QEMU: a console in files, one that outlives a relaunch, and one that people can join."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.console.file_port import FilePort
from harness.console.readiness import Readiness
from harness.console.types import BytePort
from harness.errors import TargetLost

if TYPE_CHECKING:
    from harness.targets.pace import Pacer

_BACKLOG = 1 << 20  # bytes a person's terminal may lag behind before it is left out


class FilePair:
    """The console of a `pipe` chardev at *path*: output in the plain file `path.out`, input by the FIFO `path.in`.

    Both have to be there: `harness.targets.birth.make_file_pair`.

    :raises LabError: if the output cannot be followed.
    """

    def __init__(self, path: Path) -> None:
        fifo, file = path.with_name(path.name + ".in"), path.with_name(path.name + ".out")
        self._output = FilePort(file)
        # Open for reading as well: so that opening it waits for nobody, and QEMU's going does not raise SIGPIPE.
        self._fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._ready = Readiness(self._fifo)

    async def read(self) -> bytes:
        return await self._output.read()

    def unread(self) -> int:
        return self._output.unread()

    async def write(self, data: bytes) -> None:
        """:raises TargetLost: once this is closed."""
        rest = memoryview(data)
        while rest:
            if self._fifo < 0:
                raise TargetLost("the console is closed")
            try:
                rest = rest[os.write(self._fifo, rest) :]
            except BlockingIOError:
                await self._ready.writable()

    def finish(self) -> None:
        """QEMU has exited: what is in the file is all there will be."""
        self._output.finish()

    async def close(self) -> None:
        if self._fifo >= 0:
            self._ready.close()
            os.close(self._fifo)
            self._fifo = -1
            await self._output.close()


class LifePort:
    """One port over all lives of a machine: after the end of one it goes on with the next, where one was announced.

    At the end of the last life it closes itself.
    """

    def __init__(self) -> None:
        self._port: BytePort | None = None
        self._next: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._taps: list[Callable[[bytes], None]] = []
        self._used = False
        self._reading = False
        self._rest = b""
        self.pacer: Pacer | None = None  # for a machine that takes input only at its own pace

    def attach(self, port: BytePort, before: bytes = b"") -> None:
        """The machine's new life begins with *port*.

        :param before: what is read first: bytes that the machine sent before it was saved, which is why they do not
            come by *port*.
        """
        self._port = port
        self._rest += before
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    async def announce(self) -> asyncio.Future[None]:
        """The current port's end is not the last word. The future is done once all of it was read."""
        loop = asyncio.get_running_loop()
        self._next = loop.create_future()
        self._drained = loop.create_future()
        if not self._used:  # nobody will read it to its end
            self._drained.set_result(None)
            if self._port is not None:
                await self._port.close()
        return self._drained

    def tap(self, listener: Callable[[bytes], None]) -> None:
        """Let *listener* see all that is read."""
        self._taps.append(listener)

    async def read(self) -> bytes:
        """Next bytes of this life or a later one; `b""` once the last is over."""
        self._used = self._reading = True
        try:
            data = await self._next_bytes()
        finally:
            self._reading = False
        for listener in self._taps:
            listener(data)
        return data

    async def _next_bytes(self) -> bytes:
        while self._port is not None and not self._rest:
            data = await self._port.read()
            if data:
                return data
            await self._port.close()
            if self._next is None:
                return b""
            if self._drained is not None and not self._drained.done():
                self._drained.set_result(None)
            await asyncio.shield(self._next)  # shielded: the next life comes, even if this reader goes
        rest, self._rest = self._rest, b""
        return rest

    def unread(self) -> int:
        return len(self._rest) + (0 if self._port is None else self._port.unread())

    async def write(self, data: bytes) -> None:
        """:raises TargetLost: if no life is there to take it."""
        if self._port is None:
            raise TargetLost("the machine has not been started")
        if self.pacer is not None:
            await self.pacer.write(self._port, data)
        else:
            await self._port.write(data)

    async def abandon(self) -> None:
        """The machine is gone for good. What it left to be read is kept; its descriptors are not."""
        self._no_more()
        if self._port is None or self._reading:
            return  # who waits there reads to the end, which closes it
        if isinstance(self._port, FilePair) and self._used:
            return  # as long as its file is; its reader comes back for it
        while data := await self._port.read():  # a socket holds some 200 KB at most
            self._rest += data
        await self._port.close()

    async def close(self) -> None:
        self._no_more()
        if self._port is not None:
            await self._port.close()

    def _no_more(self) -> None:
        if self._next is not None:
            self._next.set_result(None)
            self._next = None


class SharedConsole:
    """Lets people join a console on a unix socket (`socat -,raw,echo=0 UNIX-CONNECT:path`), to see it and to type."""

    def __init__(self, port: LifePort, path: Path) -> None:
        self._port = port
        self._path = path
        self._server: asyncio.Server | None = None
        self._guests: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._port.tap(self._show)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._guests:
            writer.transport.abort()

    def _show(self, data: bytes) -> None:
        for writer in self._guests:
            # A terminal that does not read must stall neither the run nor fill the memory.
            if writer.transport.get_write_buffer_size() < _BACKLOG:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._guests.add(writer)
        try:
            with suppress(TargetLost, ConnectionError):
                while data := await reader.read(4096):
                    await self._port.write(data)
        finally:
            self._guests.discard(writer)
            writer.close()
