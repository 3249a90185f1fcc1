"""Line assembly: chunks of bytes become lines, whatever the chunks are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, count, repeat
from operator import add
from typing import cast

from harness.console.text import render, render_unfinished
from harness.console.types import LINE_LIMIT, Chunk, Line, LineFlag

PARTIAL_LIMIT = 4096  # bytes of an unfinished line that are looked at again with each chunk
_SLICE = 1024 * 1024  # a larger chunk is taken in pieces, so that memory does not follow its size
_PLAIN = bytes([0x09, 0x0A, *range(0x20, 0x7F)])
_PLAIN_CR = _PLAIN + b"\r"


class LineAssembler:
    """Splits a byte stream into lines. A pure function of its chunks: how the bytes were cut changes only time stamps.

    Plain ASCII takes no Python step per line (64-byte lines: 130 MB/s measured on a loaded two-core host, of which
    the split is a tenth); only lines with escapes, control characters or other alphabets are handled one by one.
    """

    def __init__(self, epoch: int = 0, *, number: int = 1, offset: int = 0) -> None:
        self.epoch = epoch
        self.number = number  # of the next line
        self.offset = offset  # where it starts
        self._pending = bytearray()
        self._cut_bytes = 0  # of the unfinished line, already handed out in pieces
        self._host_ns = 0

    @property
    def pending(self) -> int:
        """Bytes of the line that has no end yet, pieces that were handed out included."""
        return self._cut_bytes + len(self._pending)

    def feed(self, chunk: Chunk) -> list[Line]:
        """Lines that *chunk* completes, in order."""
        data, self._host_ns = chunk.data, chunk.host_ns
        if not self._pending and not self._cut_bytes:
            self.offset = chunk.offset
        if len(data) <= _SLICE:
            return self._feed(data)
        lines: list[Line] = []
        for start in range(0, len(data), _SLICE):
            lines += self._feed(data[start : start + _SLICE])
        return lines

    def flush(self) -> list[Line]:
        """The unfinished line as it stands, flagged UNENDED: the stream or the epoch is over."""
        if not self._pending:
            self._cut_bytes = 0
            return []
        return list(self._end(LineFlag.UNENDED))

    def partial(self) -> Line | None:
        """The unfinished line, flagged PARTIAL (of a long one the last 4 KiB); None at the start of a line."""
        if not self._pending:
            return None
        raw = bytes(self._pending[-PARTIAL_LIMIT:])
        text, invalid = render_unfinished(raw)
        flags = LineFlag.PARTIAL | LineFlag.INVALID if invalid else LineFlag.PARTIAL
        return Line(
            self.number, self.epoch, self.offset + len(self._pending) - len(raw), raw, text, self._host_ns, flags
        )

    def _feed(self, data: bytes) -> list[Line]:
        last = data.rfind(b"\n")
        if last < 0:
            self._pending += data
            return list(self._cut()) if len(self._pending) > LINE_LIMIT else []
        lines: list[Line] = []
        start = 0
        if self._pending or self._cut_bytes:
            start = data.find(b"\n") + 1
            self._pending += data[: start - 1]
            lines.extend(self._end(LineFlag.NONE))
            self.offset += 1
        if start <= last:
            lines += self._block(data[start:last])
        self._pending += data[last + 1 :]
        if len(self._pending) > LINE_LIMIT:
            lines.extend(self._cut())
        return lines

    def _block(self, body: bytes) -> list[Line]:
        """Whole lines, the last one without its newline. Nothing is pending."""
        if not body.translate(None, _PLAIN):
            raws, texts, step = body.split(b"\n"), body.decode("ascii").split("\n"), 1
        elif (
            not body.translate(None, _PLAIN_CR)
            and body.count(b"\r") == body.count(b"\r\n") + body.endswith(b"\r") == body.count(b"\n") + 1
        ):
            raws, texts, step = body[:-1].split(b"\r\n"), body[:-1].decode("ascii").split("\r\n"), 2
        else:
            return [line for content in body.split(b"\n") for line in self._whole(content)]
        if len(body) > LINE_LIMIT and max(map(len, raws)) + step - 1 > LINE_LIMIT:
            return [line for content in body.split(b"\n") for line in self._whole(content)]
        offsets = map(add, accumulate(map(len, raws), initial=self.offset), count(0, step))
        # tuple.__new__ instead of Line(): the same tuple without a Python call for each.
        fields = zip(
            count(self.number),
            repeat(self.epoch),
            offsets,
            raws,
            texts,
            repeat(self._host_ns),
            repeat(LineFlag.NONE),
            repeat(()),
        )
        lines = cast("list[Line]", list(map(tuple.__new__, repeat(Line, len(raws)), fields)))
        self.number += len(raws)
        self.offset += len(body) + 1
        return lines

    def _whole(self, content: bytes) -> Iterator[Line]:
        """One line and its newline."""
        self._pending += content
        yield from self._end(LineFlag.NONE)
        self.offset += 1

    def _end(self, flag: LineFlag) -> Iterator[Line]:
        """The pending bytes as a line, in pieces if they are too many."""
        yield from self._cut()
        raw = bytes(self._pending)
        self._pending.clear()
        self._cut_bytes = 0
        yield self._line(raw, flag)

    def _cut(self) -> Iterator[Line]:
        pending = self._pending
        while len(pending) > LINE_LIMIT:
            end = LINE_LIMIT
            while end > LINE_LIMIT - 3 and pending[end] & 0xC0 == 0x80:  # not inside a UTF-8 character
                end -= 1
            raw = bytes(pending[:end])
            del pending[:end]
            self._cut_bytes += end
            yield self._line(raw, LineFlag.CUT)

    def _line(self, raw: bytes, flag: LineFlag) -> Line:
        text, invalid = render(raw)
        line = Line(
            self.number,
            self.epoch,
            self.offset,
            raw.rstrip(b"\r"),
            text,
            self._host_ns,
            flag | LineFlag.INVALID if invalid else flag,
        )
        self.number += 1
        self.offset += len(raw)
        return line
