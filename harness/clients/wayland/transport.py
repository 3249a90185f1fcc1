"""What carries a connection's bytes and file descriptors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from harness.clients.wayland.codec import Fd
from harness.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Runs: TypeAlias = Sequence[tuple[int, int]]
"""Pixels in a row: how many, and their value (32 bits, little-endian in memory)."""


FDS_LIMIT = 16
"""Descriptors in one `send`: the reference guest holds so many for a connection, libwayland 28 (`MAX_FDS_OUT`)."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came. Nothing at all, and not `closed`: the compositor is idle and has nothing to say.

    `more`: the next `recv` will give something at once. `closed`: nothing will come any more.
    """

    data: bytes = b""
    fds: tuple[Fd, ...] = ()
    more: bool = False
    closed: bool = False


class File(Protocol):
    """The content behind a file descriptor: shared memory that we made, or what the compositor sent."""

    async def read(self, at: int = 0, length: int | None = None) -> bytes:
        """*length* bytes from offset *at*, fewer at the end; all that follow if None."""

    async def put(self, at: int, data: bytes) -> None:
        """Write *data* at offset *at*, in bytes.

        :raises UsageError: if it does not lie inside the file.
        """

    async def fill(self, at: int, runs: Runs) -> None:
        """Write pixels at offset *at*, in bytes.

        :raises UsageError: as `put` does.
        """


class Transport(Protocol):
    """One connection to a compositor."""

    async def send(self, data: bytes, fds: Sequence[Fd]) -> None:
        """Send all of *data*, with *fds* no later than its first byte. Does nothing if the other side is gone.

        Each fd is a `File` of this transport, or what else it says it takes.
        """

    async def recv(self) -> Received:
        """What comes next; waits for it if something may still come without our doing."""

    async def memory(self, size: int) -> File:
        """Shared memory of *size* bytes, all zero, that can be sent as a file descriptor once."""

    async def close(self) -> None:
        """End the connection and what it holds open. Can be called again."""


def check_range(size: int, at: int, length: int) -> None:
    """:raises UsageError: unless `at` to `at + length` lie inside of *size* bytes."""
    if at < 0 or at + length > size:
        raise UsageError(f"bytes {at} to {at + length} are not inside a file of {size}")


def pixel_bytes(runs: Runs) -> bytes:
    """*runs* written out."""
    return b"".join(pixel.to_bytes(4, "little") * count for count, pixel in runs)


def pixel_runs(pixels: NDArray[np.uint32]) -> list[tuple[int, int]]:
    """An array of pixels, row by row, as runs of equal ones."""
    import numpy as np

    flat: NDArray[Any] = np.ascontiguousarray(pixels, dtype=np.uint32).reshape(-1)
    if not len(flat):
        return []
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    counts = np.diff(starts, append=len(flat))
    return list(zip(counts.tolist(), flat[starts].tolist(), strict=True))


def split_runs(runs: Runs, limit: int) -> Iterable[Runs]:
    """*runs* in pieces of at most *limit*."""
    return (runs[n : n + limit] for n in range(0, len(runs), limit))


def run_words(runs: Runs) -> bytes:
    """*runs* as pairs of 32-bit little-endian words: count, pixel."""
    return b"".join(word.to_bytes(4, "little") for word in chain.from_iterable(runs))
