"""Unix sockets that carry file descriptors: to a real compositor, or between one and its client."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from harness.clients.wayland.codec import Fd
from harness.clients.wayland.transport import Received, Runs, check_range, pixel_bytes
from harness.errors import LabError

_READ = 4096  # what libwayland takes at once, so what senders are used to
_FDS_READ = 253  # SCM_MAX_FD of Linux: more cannot come in one message


async def recv_fds(sock: socket.socket) -> tuple[bytes, list[int]]:
    """Bytes and the descriptors that came with them; `b""` at the end of the stream. *sock* does not block."""
    space = socket.CMSG_SPACE(_FDS_READ * array.array("i").itemsize)
    while True:
        try:
            data, ancillary, _, _ = sock.recvmsg(_READ, space, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            await _ready(sock, writing=False)
            continue
        except ConnectionResetError:  # the peer closed without reading all that we sent
            return b"", []
        fds = array.array("i")
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        return data, fds.tolist()


async def send_fds(sock: socket.socket, data: bytes, fds: Sequence[int]) -> None:
    """All of *data*, the descriptors with its first byte. *sock* does not block.

    :raises OSError: BrokenPipeError if the peer is gone.
    """
    rest, left = memoryview(data), list(fds)
    while rest:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", left))] if left else []
        try:
            sent = sock.sendmsg([rest], rights)
        except BlockingIOError:
            await _ready(sock, writing=True)
            continue
        rest, left = rest[sent:], []


async def _ready(sock: socket.socket, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    woken = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(sock, lambda: None if woken.done() else woken.set_result(None))
    try:
        await woken
    finally:
        remove(sock)


class FdFile:
    """A `File` behind a file descriptor of this process, which it owns."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    async def read(self, at: int = 0, length: int | None = None) -> bytes:
        return os.pread(self._fd, os.fstat(self._fd).st_size - at if length is None else length, at)

    async def put(self, at: int, data: bytes) -> None:
        check_range(os.fstat(self._fd).st_size, at, len(data))
        os.pwrite(self._fd, data, at)

    async def fill(self, at: int, runs: Runs) -> None:
        await self.put(at, pixel_bytes(runs))

    def close(self) -> None:
        """Close the descriptor. Can be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SocketTransport:
    """A `Transport` over a unix socket. Takes as fd whatever `os` does: a `FdFile`, a number, an open file."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._files: list[FdFile] = []

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """:raises harness.errors.LabError: if no compositor answers at *path*."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, str(path))
        except OSError as error:
            sock.close()
            raise LabError(f"no compositor at {path}: {error.strerror or error}") from None
        return cls(sock)

    async def send(self, data: bytes, fds: Sequence[Fd]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # why it went, recv may still tell
            await send_fds(self._socket, data, [fd if isinstance(fd, int) else fd.fileno() for fd in fds])

    async def recv(self) -> Received:
        data, fds = await recv_fds(self._socket)
        files = [FdFile(fd) for fd in fds]
        self._files += files
        return Received(data, tuple(files), closed=not data)

    async def memory(self, size: int) -> FdFile:
        file = FdFile(os.memfd_create("wl_shm", os.MFD_CLOEXEC))
        self._files.append(file)
        os.ftruncate(file.fileno(), size)
        return file

    async def close(self) -> None:
        self._socket.close()
        for file in self._files:
            file.close()
