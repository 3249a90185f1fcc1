"""What is behind a serial URL: a tty (its descriptor, no thread), or another pyserial port (in a worker thread)."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.console.readiness import Readiness
from harness.errors import TargetLost

if TYPE_CHECKING:
    from serial import Serial

_BLOCK = 64 * 1024


class TtyLink:
    """An open POSIX tty."""

    def __init__(self, port: Serial, name: str) -> None:
        self._port = port
        self._name = name
        self._fd = port.fileno()
        self._ready = Readiness(self._fd)
        self._closed = False

    async def read(self) -> bytes:
        """Next bytes; `b""` once the device is gone or this side has closed."""
        while not self._closed:
            # Wait first: pyserial sets VMIN=0, with which an empty read means "nothing there" and "hung up" alike.
            await self._ready.readable()
            if self._closed:
                break
            try:
                return os.read(self._fd, _BLOCK)
            except BlockingIOError:
                continue
            except OSError:  # EIO, ENXIO: unplugged, or the other end of a pty closed
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """:raises harness.errors.TargetLost: if the device is gone."""
        rest = memoryview(data)
        while rest:
            if self._closed:
                raise TargetLost(f"{self._name} is closed")
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                await self._ready.writable()
            except OSError as error:
                raise TargetLost(f"{self._name} went away: {error.strerror}") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._ready.close()
        await asyncio.to_thread(self._port.close)  # the driver may wait for what was not sent yet


class ThreadLink:
    """An open pyserial port that can only block: rfc2217, loop and whatever else has a URL handler."""

    def __init__(self, port: Serial, name: str) -> None:
        self._port = port
        self._name = name
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="serial")  # one reads, one writes
        self._reading: asyncio.Future[bytes] | None = None
        self._closed = False

    async def read(self) -> bytes:
        """Next bytes; `b""` once the port is gone or this side has closed. A cancelled read loses nothing."""
        if self._closed:
            return b""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().run_in_executor(self._pool, self._read_some)
        data = await asyncio.shield(self._reading)
        self._reading = None
        return data

    async def write(self, data: bytes) -> None:
        """:raises harness.errors.TargetLost: if the port is gone."""
        from serial import SerialException

        if self._closed:
            raise TargetLost(f"{self._name} is closed")
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._port.write, data)
        except (SerialException, OSError) as error:
            raise TargetLost(f"{self._name} went away: {error}") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        cancel = getattr(self._port, "cancel_read", None)
        if cancel is not None and self._reading is not None:
            cancel()
        await asyncio.to_thread(self._port.close)
        if self._reading is not None:
            await self._reading
        self._pool.shutdown(wait=False)

    def _read_some(self) -> bytes:
        from serial import SerialException

        data = b""
        with suppress(SerialException, OSError):
            data = self._port.read(1)
            if data:
                data += self._port.read(self._port.in_waiting)
        return data
