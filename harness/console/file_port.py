"""A console in a file that QEMU writes (`-serial file:`), followed by inotify: QEMU never waits for its reader."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from harness.console.readiness import Readiness
from harness.errors import LabError, UsageError

_BLOCK = 64 * 1024


class FilePort:
    """A byte port that reads a growing file. It has no end until `finish` says that the writer is gone.

    :raises harness.errors.LabError: if the file cannot be opened or watched.
    """

    def __init__(self, path: Path) -> None:
        from asyncinotify import Inotify, Mask

        self.name = str(path)
        self._finished = False
        self._closed = False
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._inotify = Inotify()
                os.set_blocking(self._inotify.fd, False)  # a wait that `finish` ended finds no event to read
                self._inotify.add_watch(path, Mask.MODIFY)
            except OSError:
                os.close(self._fd)
                raise
        except OSError as error:
            raise LabError(
                f"cannot follow {path}: {error.strerror}", "if inotify is used up, raise fs.inotify.max_user_instances"
            ) from error
        self._ready = Readiness(self._inotify.fd)

    async def read(self) -> bytes:
        """Next bytes; `b""` at the end of the file after `finish`, or after `close`."""
        while not self._closed:
            # Asked before the read: what the writer wrote before it ended is in the file then.
            finished = self._finished
            data = os.read(self._fd, _BLOCK)
            if data or finished:
                return data
            await self._ready.readable()
            if not self._closed:
                with suppress(BlockingIOError):  # woken by `finish`
                    os.read(self._inotify.fd, _BLOCK)  # which events they are does not matter
        return b""

    def unread(self) -> int:
        """Bytes of the file behind what was read."""
        return 0 if self._closed else os.fstat(self._fd).st_size - os.lseek(self._fd, 0, os.SEEK_CUR)

    def finish(self) -> None:
        """The writer has exited: what is in the file now is all there will be."""
        self._finished = True
        self._ready.wake()

    async def write(self, data: bytes) -> None:
        """:raises harness.errors.UsageError: always."""
        raise UsageError(
            f"nothing can be sent to a console that is a file: {self.name}",
            "use a clock or target whose console takes input",
        )

    async def close(self) -> None:
        """Stop following; a pending read ends with `b""`."""
        if self._closed:
            return
        self._closed = True
        self._ready.close()
        self._inotify.close()
        os.close(self._fd)
