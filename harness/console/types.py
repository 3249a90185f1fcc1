"""What the console hands on: chunks of bytes, lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from typing import NamedTuple, Protocol

LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut here and flagged, so that memory stays bounded


class LineFlag(Flag):
    """What is special about a line."""

    NONE = 0
    CUT = auto()  # longer than LINE_LIMIT: this is a piece; the next line goes on
    PARTIAL = auto()  # not ended yet (a prompt): the same bytes come again in the finished line
    INVALID = auto()  # held bytes that are not UTF-8
    ECHO = auto()  # holds text that the harness itself sent; `Line.echo` says where
    UNENDED = auto()  # the stream or the boot epoch ended before the line did


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as they were received. `offset` is from the start of the stream, `host_ns` from that of the run."""

    offset: int
    data: bytes
    host_ns: int


class Line(NamedTuple):
    """One line without its end (CRs and LF). `text` has ANSI sequences removed and control characters made visible.

    `number` counts from 1 over all epochs, `offset` is the stream offset of its first byte, `host_ns` is when its
    last byte came. A named tuple, because a flooded console makes a million of them a second (a frozen dataclass
    takes four times as long to make).
    """

    number: int
    epoch: int
    offset: int
    raw: bytes
    text: str
    host_ns: int
    flags: LineFlag = LineFlag.NONE
    echo: tuple[tuple[int, int], ...] = ()  # spans of `text` that the harness itself sent

    def is_echo(self, start: int, end: int) -> bool:
        """Whether any of `text[start:end]` is what the harness itself sent: then a match there decides nothing."""
        return any(start < stop and begin < end for begin, stop in self.echo)


class BytePort(Protocol):
    """A byte stream with one owner: the console's reader task."""

    async def read(self) -> bytes:
        """Next bytes, at least one; `b""` once the other end is gone for good.

        :raises harness.errors.TargetLost: if the line dropped where it should not have.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send all of *data*.

        :raises harness.errors.UsageError: if this port cannot send (a file, a recording).
        :raises harness.errors.TargetLost: if the other end is gone.
        """
        ...

    def unread(self) -> int:
        """Bytes that have arrived and were not read yet; 0 where the host cannot tell."""
        ...

    async def close(self) -> None:
        """Give the port back. Calling it twice is fine."""
        ...
