"""A recorded connection: the bytes of both sides in the order they came, and where file descriptors were among them."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.framing import Frame, FrameSplitter
from harness.clients.wayland.objects import Side
from harness.clients.wayland.protocol import Interfaces
from harness.clients.wayland.session import Call, Session
from harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read gave: bytes of one side, and how many file descriptors came with them."""

    side: Side
    data: bytes
    fds: int = 0

    def to_json(self) -> str:
        return json.dumps({"side": self.side, "data": base64.b64encode(self.data).decode(), "fds": self.fds})

    @classmethod
    def from_json(cls, line: str) -> Self:
        """:raises UsageError: if *line* is no chunk."""
        try:
            found = json.loads(line)
            return cls(Side(found["side"]), base64.b64decode(found["data"], validate=True), int(found["fds"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"no chunk of a recorded Wayland connection: {error!r}: {line[:80]!r}") from None


@dataclass(frozen=True, slots=True)
class FdMark:
    """The place of a descriptor in a recording: the *number*th of its side, from 0."""

    side: Side
    number: int


class Reader:
    """A connection's chunks, as they come, to its messages.

    :param interfaces: see `Session`.
    """

    def __init__(self, interfaces: Interfaces | None = None) -> None:
        self._session = Session(interfaces)
        self._splitters = {side: FrameSplitter() for side in Side}
        self._fds: dict[Side, deque[FdMark]] = {side: deque() for side in Side}
        self._counted = dict.fromkeys(Side, 0)

    def feed(self, chunk: Chunk) -> Iterator[Call]:
        """The messages that *chunk* completed.

        :raises WireError: at a message that is wrong; nothing after it can be trusted.
        """
        side = chunk.side
        for _ in range(chunk.fds):
            self._fds[side].append(FdMark(side, self._counted[side]))
            self._counted[side] += 1
        for item in self._splitters[side].feed(chunk.data):
            if not isinstance(item, Frame):
                raise item
            yield self._session.read(side, item, self._fds[side])

    def finish(self) -> None:
        """:raises WireError: if a side ended inside a message, or sent a descriptor that no message took."""
        for side in Side:
            self._splitters[side].finish()
            if left := len(self._fds[side]):
                raise WireError(Fault.FD, f"{left} file descriptors of the {side} were left over")


def calls(chunks: list[Chunk], interfaces: Interfaces | None = None) -> Iterator[Call]:
    """All messages of a whole recorded connection.

    :raises WireError: as `Reader` does.
    """
    reader = Reader(interfaces)
    for chunk in chunks:
        yield from reader.feed(chunk)
    reader.finish()


def save(chunks: list[Chunk], path: Path) -> None:
    """One chunk a line, as JSON: `side` (client or server), `data` (base64), `fds`."""
    path.write_text("".join(chunk.to_json() + "\n" for chunk in chunks))


def load(path: Path) -> list[Chunk]:
    """:raises UsageError: if *path* holds no recorded connection."""
    return [Chunk.from_json(line) for line in path.read_text().splitlines()]
