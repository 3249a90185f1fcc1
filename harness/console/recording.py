"""A console that was recorded: a bundle's bytes in their original chunks, or any serial log file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.console.types import Chunk
from harness.errors import UsageError
from harness.evidence.journal import Event

_BLOCK = 64 * 1024


def recorded_chunks(serial: Path, events: Iterable[Event]) -> Iterator[Chunk]:
    """The chunks of a bundle as they were received, from its raw log and the `serial` events of its journal.

    Ends early where the raw log is shorter than the journal says (the host died in between).

    :raises OSError: if the log cannot be read.
    """
    with serial.open("rb") as stream:
        for event in events:
            if event.kind != "serial":
                continue
            offset, length = int(event.data["offset"]), int(event.data["len"])
            stream.seek(offset)
            data = stream.read(length)
            if len(data) < length:
                return
            yield Chunk(offset, data, event.host_ns)


def file_chunks(path: Path) -> Iterator[Chunk]:
    """Any file as chunks of 64 KiB, without times.

    :raises OSError: if it cannot be read.
    """
    offset = 0
    with path.open("rb") as stream:
        while data := stream.read(_BLOCK):
            yield Chunk(offset, data, 0)
            offset += len(data)


class RecordingPort:
    """A byte port that plays chunks back as fast as they are taken; `stamp_ns` is the recorded time of the last."""

    def __init__(self, chunks: Iterable[Chunk], name: str = "recording") -> None:
        self.name = name
        self._chunks = iter(chunks)
        self._stamp_ns = 0

    def stamp_ns(self) -> int:
        """Recorded host time of the bytes read last, ns since the start of the recorded run."""
        return self._stamp_ns

    async def read(self) -> bytes:
        """The next chunk's bytes; `b""` after the last one."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return b""
        self._stamp_ns = chunk.host_ns
        return chunk.data

    def unread(self) -> int:
        """Always 0: what comes next has not arrived before it is read."""
        return 0

    async def write(self, data: bytes) -> None:
        """:raises harness.errors.UsageError: always."""
        raise UsageError(f"nothing can be sent to {self.name}: it is a recording")

    async def close(self) -> None:
        """End the recording where it is."""
        self._chunks = iter(())
