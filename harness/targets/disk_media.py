"""The contents of a disk: bytes in a file, and where writes are thrown away, those in another that has no name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import LabError

_BLOCK = 4096


@dataclass(eq=False, slots=True)
class Media:
    """Descriptors of the file and, where writes are thrown away, of the nameless one; `size` in bytes.

    Reading and writing raise LabError for what the host cannot do.
    """

    base: int
    size: int
    delta: int | None = None
    written: set[int] = field(default_factory=set)  # numbers of blocks that are in `delta`

    @classmethod
    def open(cls, file: Path, *, throw_away: bool) -> Media:
        with ExitStack() as on_failure:
            try:
                base = os.open(file, (os.O_RDONLY if throw_away else os.O_RDWR) | os.O_CLOEXEC)
                on_failure.callback(os.close, base)
                size = os.lseek(base, 0, os.SEEK_END)
                delta = None
                if throw_away:
                    with tempfile.TemporaryFile(dir="/var/tmp") as unnamed:  # where QEMU has such files: on a disk
                        delta = os.dup(unnamed.fileno())
            except OSError as error:
                raise LabError(f"cannot serve the disk {file}: {error.strerror}") from error
            on_failure.pop_all()
        return cls(base, size, delta)

    def read(self, offset: int, length: int) -> bytes:
        if self.delta is None:
            return self._pread(self.base, offset, length)
        return b"".join(
            self._pread(self.delta if block in self.written else self.base, at, n)
            for block, at, n in _blocks(offset, length)
        )

    def write(self, offset: int, data: bytes) -> None:
        try:
            if self.delta is None:
                pwrite(self.base, offset, data)
                return
            for block, at, n in _blocks(offset, len(data)):
                if block not in self.written and n < _BLOCK:
                    start = block * _BLOCK
                    pwrite(self.delta, start, self._pread(self.base, start, min(_BLOCK, self.size - start)))
                pwrite(self.delta, at, data[at - offset : at - offset + n])
                self.written.add(block)
        except OSError as error:
            raise LabError(f"the host cannot write it: {error.strerror}") from error

    def close(self) -> None:
        for descriptor in (self.base, self.delta):
            if descriptor is not None:
                os.close(descriptor)

    def _pread(self, descriptor: int, offset: int, length: int) -> bytes:
        parts = []
        try:
            while length and (part := os.pread(descriptor, length, offset)):
                parts.append(part)
                offset, length = offset + len(part), length - len(part)
        except OSError as error:
            raise LabError(f"the host cannot read it: {error.strerror}") from error
        return b"".join(parts) + bytes(length)


def _blocks(offset: int, length: int) -> Iterable[tuple[int, int, int]]:
    """The parts of *length* bytes at *offset*, one for each block that they touch: its number, where, how many."""
    end = offset + length
    while offset < end:
        block = offset // _BLOCK
        n = min(end, (block + 1) * _BLOCK) - offset
        yield block, offset, n
        offset += n


def pwrite(descriptor: int, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        n = os.pwrite(descriptor, view, offset)
        view, offset = view[n:], offset + n
