"""The parts of `serial.bin` that the report shows: both ends, and where the first cause was printed.

Never all of a long one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from harness.console.safe import safe
from harness.console.text import render
from harness.console.types import LINE_LIMIT
from harness.report.journal_scan import Arrival
from harness.report.words import plural, seconds, size

HEAD = 16 * 1024  # bytes from its start: what booted, and how
TAIL = 96 * 1024  # and from its end: some 2,000 lines, which take 0.1 s to write and a browser as long to lay out
_LINES = 3000  # of the tail at most, and half of that of the head, if they are short
_AROUND = 4 * 1024  # bytes before and after the first cause, where it is not in the tail
_LONG = 2000  # characters of one line that are shown
_PAPER = 80  # lines
_ALIGN = 4096  # how far the start of a part may move to begin with a whole line
_BLOCK = LINE_LIMIT  # no longer: then a line over the limit cannot lie within one block, see `_Counter.take`


class SerialRow(NamedTuple):
    """What is shown of one line, or between lines.

    `kind` is `line`, `rest` (of a line that began before), `cause` (the line of the first cause), `mark` (the first
    cause came after what is above), or `gap`.
    """

    kind: str
    number: int
    time: str
    text: str


@dataclass(frozen=True, slots=True)
class SerialView:
    """What is shown of the console's output."""

    size: int = 0  # bytes in serial.bin
    shown: int = 0
    rows: list[SerialRow] = field(default_factory=list)

    @property
    def printed(self) -> frozenset[int]:
        """Indices of the rows that go to paper: the last ones, and those around the first cause."""
        last = len(self.rows) - _PAPER
        causes = [i for i, row in enumerate(self.rows) if row.kind in {"cause", "mark"}]
        near = (i for cause in causes[:1] for i in range(cause - _PAPER // 2, cause + _PAPER // 4))
        return frozenset({*range(max(last, 0), len(self.rows)), *near})

    @property
    def numbers(self) -> frozenset[int]:
        """Of the lines that are shown."""
        return frozenset(row.number for row in self.rows if row.kind in {"line", "cause"})


def serial_view(
    path: Path,
    *,
    epochs: Sequence[int] = (),
    arrivals: Sequence[Arrival] = (),
    cause_at: int | None = None,
    mark_at: int | None = None,
    mark: str = "",
) -> SerialView:
    """The end of a raw log; a missing one is empty.

    :param epochs: stream offsets at which the guest booted again: an unfinished line ends there.
    :param arrivals: when chunks came, ascending by offset.
    :param cause_at: offset of the line to highlight.
    :param mark_at: without such a line: how many bytes had come when the first cause was found; `mark` stands there.
    :raises OSError: if it cannot be read.
    """
    if not path.is_file() or not (length := path.stat().st_size):
        return SerialView()
    place = cause_at if cause_at is not None else mark_at
    with path.open("rb") as stream:
        reader = _Reader(stream, length, sorted(epochs), arrivals)
        tail = reader.last(max(length - TAIL, 0))
        parts = [(tail, length)]
        if tail:
            head = reader.first(min(HEAD, tail))
            parts.insert(0, (0, head))
            if place is not None and head <= place < tail:
                parts.insert(1, (max(place - _AROUND, head), min(place + _AROUND, tail)))
        rows: list[SerialRow] = []
        end = 0
        shown = 0
        for begin, stop in parts:
            start = reader.align(begin, stop) if begin > end else begin
            if start > end:
                rows.append(SerialRow("gap", 0, "", f"{size(start - end)} not shown"))
            rows += reader.rows(start, stop, cause_at)
            end, shown = stop, shown + stop - start
        if cause_at is None and mark_at is not None:
            rows = _marked(rows, reader.ends, mark_at, mark)
    return SerialView(length, shown, rows)


def _marked(rows: list[SerialRow], ends: list[int], mark_at: int, mark: str) -> list[SerialRow]:
    """Put the mark after the last line that had come."""
    lines = [i for i, row in enumerate(rows) if row.kind in {"line", "rest"}]
    before = [i for i, end in zip(lines, ends, strict=True) if end <= mark_at]
    at = before[-1] + 1 if before else 0
    return [*rows[:at], SerialRow("mark", 0, "", mark), *rows[at:]]


class _Reader:
    """Lines of a log, numbered as the console numbers them."""

    def __init__(self, stream: BinaryIO, length: int, epochs: Sequence[int], arrivals: Sequence[Arrival]) -> None:
        self._stream = stream
        self._length = length
        self._epochs = [e for e in epochs if 0 < e < length]
        self._arrivals = arrivals
        self._arrival_ends = [a.end for a in arrivals]
        self._counter = _Counter()
        self.ends: list[int] = []  # stream offset after each line that was made

    def first(self, stop: int) -> int:
        """Where the first lines end, no later than at *stop*."""
        return sum(map(len, islice(_split(self._stream.read(stop)), _LINES // 2)))

    def last(self, start: int) -> int:
        """Where the last lines begin, no earlier than at *start*."""
        self._stream.seek(start)
        content = self._stream.read(self._length - start)
        self._stream.seek(0)
        at = len(content)
        for _ in range(_LINES + 1):
            at = content.rfind(b"\n", 0, at)
            if at < 0:
                return start
        return start + at + 1

    def align(self, start: int, stop: int) -> int:
        """The first line start from *start* > 0 on; if there is none near, the start of a character."""
        self._stream.seek(start - 1)
        piece = self._stream.read(min(_ALIGN, stop - start) + 1)
        newline = piece.find(b"\n")
        if newline >= 0:
            return start + newline
        return start + next((i for i, byte in enumerate(piece[1:5]) if byte & 0xC0 != 0x80), 0)

    def rows(self, start: int, stop: int, cause_at: int | None) -> Iterator[SerialRow]:
        """The lines from *start*, which is no less than where the call before stopped, to *stop*."""
        self._skip_to(start)
        begin = start
        while begin < stop:
            end = next((e for e in self._epochs if begin < e < stop), stop)
            self._stream.seek(begin)
            content = self._stream.read(end - begin)
            for raw in _split(content):
                yield self._row(raw, begin, cause_at)
                begin += len(raw)
            if begin in self._epochs:
                self._counter.cut()

    def _row(self, raw: bytes, offset: int, cause_at: int | None) -> SerialRow:
        number, end = self._counter.number, offset + len(raw)
        text = _shortened(safe(render(raw.removesuffix(b"\n"))[0], TAIL))
        is_rest = self._counter.run > 0
        self._counter.take(raw)
        self.ends.append(end)
        index = bisect_left(self._arrival_ends, end)
        known = index < len(self._arrivals) and self._arrivals[index].start < end
        time = seconds(self._arrivals[index].host_ns) if known else ""
        kind = "cause" if cause_at is not None and offset <= cause_at < end else "rest" if is_rest else "line"
        return SerialRow(kind, number, time, text)

    def _skip_to(self, start: int) -> None:
        for stop in [*(e for e in self._epochs if self._counter.offset < e <= start), start]:
            self._stream.seek(self._counter.offset)
            while self._counter.offset < stop:
                block = self._stream.read(min(_BLOCK, stop - self._counter.offset))
                if not block:
                    return
                self._counter.take(block)
            if stop in self._epochs:
                self._counter.cut()


class _Counter:
    """The number of the line at an offset, as `harness.console.lines` counts.

    One over the limit counts once for each piece.
    """

    def __init__(self) -> None:
        self.offset = 0
        self.number = 1
        self.run = 0  # bytes of the unfinished line

    def take(self, block: bytes) -> None:
        """Go on by *block*, of at most `_BLOCK` bytes."""
        self.offset += len(block)
        first = block.find(b"\n")
        if first < 0:
            self.run += len(block)
            return
        self.run += first
        self.cut(empty=True)
        self.number += block.count(b"\n", first + 1)
        self.run = len(block) - 1 - block.rfind(b"\n")

    def cut(self, *, empty: bool = False) -> None:
        """The line ends here; an *empty* one counts if a newline ends it."""
        if self.run or empty:
            self.number += 1 + max(self.run - 1, 0) // LINE_LIMIT
        self.run = 0


def _shortened(text: str) -> str:
    """A flood without line ends would fill pages; both of its ends tell something."""
    if len(text) <= _LONG:
        return text
    head, tail = text[: _LONG * 3 // 4], text[-_LONG // 4 :]
    return f"{head} … {plural(len(text) - len(head) - len(tail), 'character')} … {tail}"


def _split(content: bytes) -> Iterator[bytes]:
    """Lines with their newlines."""
    begin = 0
    while (newline := content.find(b"\n", begin)) >= 0:
        yield content[begin : newline + 1]
        begin = newline + 1
    if begin < len(content):
        yield content[begin:]


def describe(view: SerialView, received: int, dropped: int) -> str:
    """What of the output is shown, as a sentence."""
    lines = plural(len(view.numbers), "line")
    all_of_it = view.shown >= view.size
    text = f"All {size(view.size)}, {lines}." if all_of_it else f"{lines}, {size(view.shown)} of {size(view.size)}."
    if dropped:
        text += f" {size(dropped)} more came after serial.bin was full."
    elif received > view.size:
        text += f" The journal knows of {size(received)}: serial.bin is cut."
    return text
