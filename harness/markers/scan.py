"""Markers of a whole log file or stream, fast and in flat memory: what `harness markers` prints.

Only lines that can matter are looked at: those with a marker prefix (or a part of one before an escape sequence),
lines that are cut for their length, and the line after a torn marker. The result is that of the parser fed line by
line; a test holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from harness.console.lines import LineAssembler
from harness.console.text import render
from harness.console.types import LINE_LIMIT, Chunk, Line, LineFlag
from harness.errors import UsageError
from harness.markers.parser import MarkerParser
from harness.markers.rules import RuleSet, Violation
from harness.markers.schema import PLAN, Schema
from harness.markers.types import Marker

_BLOCK = 1 << 20  # bytes read at once: larger ones fall out of the second-level cache and are slower
_SPARSE = (
    256  # bytes for each line that matters, on average, below which taking all lines is faster than looking for those
)


def scan_file(
    source: Path | BinaryIO, schema: Schema = PLAN, prefixes: Iterable[str] | None = None, validate: bool = False
) -> Iterator[Marker | Violation]:
    """The markers of a log, in order; with *validate* also what they break, each right after the marker that breaks it.

    :param source: a file, or an open binary stream (standard input).
    :param prefixes: instead of the schema's.
    :raises harness.errors.UsageError: if it cannot be read.
    """
    markers = scan(source, MarkerParser(schema, prefixes))
    if not validate:
        yield from markers
        return
    rules = RuleSet(schema)
    for marker in markers:
        yield marker
        yield from rules.feed(marker)
    yield from rules.finish()


def scan(source: Path | BinaryIO, parser: MarkerParser) -> Iterator[Marker]:
    """The markers of a log, in order. *parser* tells afterwards how many sealed ones were lost.

    :raises harness.errors.UsageError: if it cannot be read.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb", buffering=0) as stream:
                yield from _Scan(parser).markers(stream)
        else:
            yield from _Scan(parser).markers(source)
    except OSError as error:
        raise UsageError(
            f"cannot read {source if isinstance(source, Path) else 'the input'}: {error.strerror}"
        ) from error


class _Scan:
    """One pass. `_number` and `_offset` are those of the next line."""

    def __init__(self, parser: MarkerParser) -> None:
        self._parser = parser
        prefixes = [prefix.encode() for prefix in parser.grammar.prefixes]
        self._plain = prefixes
        # An escape sequence may stand inside a prefix. Then a part of the prefix stands right before it.
        self._escaped = [
            *prefixes,
            *(prefix[:length] + b"\x1b" for prefix in prefixes for length in range(1, len(prefix))),
        ]
        self._number = 1
        self._offset = 0

    def markers(self, stream: BinaryIO) -> Iterator[Marker]:
        read: Callable[[int], bytes] = getattr(
            stream, "read1", stream.read
        )  # what a pipe has now, not when the block is full
        rest = b""
        while block := read(_BLOCK):
            data = rest + block
            if _has_long_line(data):
                rest = yield from self._cut(data, read)
                continue
            end = data.rfind(b"\n") + 1
            needles = self._escaped if b"\x1b" in data else self._plain
            if sum(map(data.count, needles)) * _SPARSE > end:
                yield from self._assembled(self._assembler(), data[:end])
            else:
                yield from self._block(data, end, needles)
            rest = data[end:]
        yield from self._assembled(self._assembler(), rest, final=True)
        yield from self._parser.finish()

    def _block(self, data: bytes, end: int, needles: list[bytes]) -> Iterator[Marker]:
        """Whole lines, none of them too long, up to *end*."""
        feed = self._parser.feed
        found = [data.find(needle, 0, end) for needle in needles]
        number, counted = self._number, 0
        at = 0
        while True:
            if self._parser.waiting:
                start = at
            else:
                hits = [place for place in found if place >= 0]
                if not hits:
                    break
                start = data.rfind(b"\n", at, min(hits)) + 1 or at
            if start >= end:
                break
            number += data.count(b"\n", counted, start)
            counted = start
            stop = data.find(b"\n", start)
            raw = data[start:stop]
            text, invalid = render(raw)
            flags = LineFlag.INVALID if invalid else LineFlag.NONE
            yield from feed(Line(number, 0, self._offset + start, raw.rstrip(b"\r"), text, 0, flags))
            at = stop + 1
            for index, place in enumerate(found):
                if 0 <= place < at:
                    found[index] = data.find(needles[index], at, end)
        self._number = number + data.count(b"\n", counted, end)
        self._offset += end

    def _cut(self, data: bytes, read: Callable[[int], bytes]) -> Generator[Marker, None, bytes]:
        """Through the assembler, which knows where lines are cut, up to the long line's end. Returns what follows."""
        assembler = self._assembler()
        while data:
            end = data.rfind(b"\n") + 1
            if end and len(data) - end <= LINE_LIMIT:
                yield from self._assembled(assembler, data[:end])
                return data[end:]
            yield from self._assembled(assembler, data)
            data = read(_BLOCK)
        yield from self._assembled(assembler, b"", final=True)
        return b""

    def _assembler(self) -> LineAssembler:
        return LineAssembler(number=self._number, offset=self._offset)

    def _assembled(self, assembler: LineAssembler, data: bytes, *, final: bool = False) -> Iterator[Marker]:
        lines = assembler.feed(Chunk(assembler.offset, data, 0))
        if final:
            lines += assembler.flush()
        for line in lines:
            yield from self._parser.feed(line)
        self._number, self._offset = assembler.number, assembler.offset


def _has_long_line(data: bytes) -> bool:
    """Whether a line in *data*, which starts with one, is longer than the limit: looks at one place every 64 KiB."""
    start = 0
    while len(data) - start > LINE_LIMIT:
        newline = data.rfind(b"\n", start, start + LINE_LIMIT + 1)
        if newline < 0:
            return True
        start = newline + 1
    return False
