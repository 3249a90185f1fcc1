"""Waiting until a file descriptor can be read or written, in a way that closing it ends the wait."""

from __future__ import annotations

import asyncio


class Readiness:
    """Waits on one descriptor in the running loop. One reader and one writer may wait at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._closed = False

    async def readable(self) -> None:
        """Return once it can be read, or was woken or closed."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        future = self._reader = loop.create_future()
        loop.add_reader(self._fd, _wake, future)
        try:
            await future
        finally:
            self._reader = None
            if not self._closed:
                loop.remove_reader(self._fd)

    async def writable(self) -> None:
        """Return once it can be written, or was closed."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        future = self._writer = loop.create_future()
        loop.add_writer(self._fd, _wake, future)
        try:
            await future
        finally:
            self._writer = None
            if not self._closed:
                loop.remove_writer(self._fd)

    def wake(self) -> None:
        """End a wait for reading although nothing came."""
        if self._reader is not None:
            _wake(self._reader)

    def close(self) -> None:
        """End all waits. To be called before the descriptor is closed: its number may be another file's at once."""
        self._closed = True
        for future, remove in ((self._reader, "remove_reader"), (self._writer, "remove_writer")):
            if future is not None:
                getattr(future.get_loop(), remove)(self._fd)
                _wake(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
