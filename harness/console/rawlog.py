"""The raw log: every console byte as it was received, up to a cap."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import LabError

RAW_CAP = 1 << 30
"""Bytes kept by default. A guest that floods a fast console (300 MB/s were measured) must not fill the disk."""


class RawLog:
    """An append-only file. What it took is with the operating system at once: the death of the harness loses nothing.

    :raises harness.errors.LabError: if the file cannot be made.
    """

    def __init__(self, path: Path, cap: int = RAW_CAP) -> None:
        self.cap = cap
        self.kept = 0
        self.dropped = 0
        self._path = path
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LabError(f"cannot write the serial log {path}: {error.strerror}") from error

    def append(self, data: bytes) -> bytes:
        """Write *data* and return the part that was kept; what is over the cap is only counted.

        :raises harness.errors.LabError: if the disk refuses.
        """
        room = self.cap - self.kept
        keep = data if len(data) <= room else data[:room]
        done = 0
        try:
            while done < len(keep):
                done += os.write(self._fd, keep[done:] if done else keep)
        except OSError as error:
            raise LabError(
                f"cannot write the serial log {self._path}: {error.strerror}",
                "make room there, or choose another --runs-dir",
            ) from error
        self.kept += len(keep)
        self.dropped += len(data) - len(keep)
        return keep

    def close(self) -> None:
        """Sync and close; calling it twice is fine."""
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1
