"""A console on a connected socket: an end of a socketpair that QEMU has the other end of, or TCP."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
from contextlib import suppress

from harness.console.readiness import Readiness
from harness.errors import TargetLost

_BLOCK = 64 * 1024


class SocketPort:
    """A byte port over a stream socket, which it owns from now on.

    :param name: what to call it in errors.
    """

    def __init__(self, sock: socket.socket, name: str = "console socket") -> None:
        sock.setblocking(False)
        self.name = name
        self._sock = sock
        self._ready = Readiness(sock.fileno())
        self._closed = False

    async def read(self) -> bytes:
        """Next bytes; `b""` once the peer (or this side) has closed."""
        while not self._closed:
            try:
                return self._sock.recv(_BLOCK)
            except BlockingIOError:
                await self._ready.readable()
            except ConnectionResetError:
                return b""  # QEMU was killed with bytes of ours unread: that end is as gone as after a close
        return b""

    def unread(self) -> int:
        """Bytes in the receive buffer."""
        if self._closed:
            return 0
        return int.from_bytes(fcntl.ioctl(self._sock, termios.FIONREAD, bytes(4)), sys.byteorder)

    async def write(self, data: bytes) -> None:
        """Send all of *data*.

        :raises harness.errors.TargetLost: if the peer is gone.
        """
        rest = memoryview(data)
        while rest:
            if self._closed:
                raise TargetLost(f"{self.name} is closed")
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                await self._ready.writable()
            except ConnectionError as error:
                raise TargetLost(f"{self.name}: the other end is gone") from error

    async def close(self) -> None:
        """Shut down and close; a pending read ends with `b""`."""
        if self._closed:
            return
        self._closed = True
        self._ready.close()
        with suppress(OSError):  # not connected any more
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
