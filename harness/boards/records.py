"""Numbered records, sent through a port and read back: what was lost, changed, added, repeated, put out of order.

A record is `#`, six hex digits of number, letters that differ from record to record, and eight hex digits of CRC-32
over all before. A shell and a boot loader take a line of it for a comment.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

LENGTH = 32  # bytes; at 1 % loss three records in four come whole, and what lies between two of them is short
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WHOLE = re.compile(rb"#([0-9A-F]{6})[a-z]{17}([0-9A-F]{8})")
_ALIGNED = 250_000  # products of lengths; of a longer piece only the difference in length is counted
_LOST, _CHANGED, _EXTRA = (1 << 60) + (1 << 40), (1 << 60) + (1 << 20), (1 << 60) + 1
_Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Rate:
    """*count* of *of*, with the 95 % interval of the rate behind it (Wilson's score)."""

    count: int
    of: int

    @property
    def rate(self) -> float:
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.rate
        middle, spread = p + _Z * _Z / (2 * n), _Z * sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
        whole = 1 + _Z * _Z / n
        return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)

    def to_json(self) -> dict[str, float | int | list[float]]:
        return {"count": self.count, "of": self.of, "rate": self.rate, "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of *records* records. Bytes are those of records, without separators."""

    records: int
    whole: int
    repeated: int  # records that came whole more than once
    reordered: int  # records that came whole behind a later one
    lost: int  # bytes
    changed: int
    extra: int  # bytes that nobody sent
    received: int
    foreign: bool = field(default=False)  # what the target prints itself is not told from extra bytes

    @property
    def sent(self) -> int:
        return self.records * LENGTH

    @property
    def clean(self) -> bool:
        """Whether all came as it was sent."""
        odd = self.lost or self.changed or self.repeated or self.reordered or (self.extra and not self.foreign)
        return not odd and self.whole == self.records

    def rates(self) -> dict[str, Rate]:
        """Of loss, corruption and addition by byte, of repetition and reordering by record."""
        return {
            "loss": Rate(self.lost, self.sent),
            "corruption": Rate(self.changed, self.sent),
            "duplication": Rate(min(self.extra, self.sent) if not self.foreign else 0, self.sent),
            "repeated records": Rate(min(self.repeated, self.records), self.records),
            "reordering": Rate(self.reordered, self.records),
        }


def make_records(count: int, first: int = 0) -> list[bytes]:
    """*count* records from number *first* on; the same every time."""
    made = []
    for number in range(first, first + count):
        letters = "".join(random.Random(number).choices(_LETTERS, k=17))
        body = f"#{number:06X}{letters}".encode()
        made.append(body + f"{zlib.crc32(body):08X}".encode())
    return made


def last_whole(data: bytes, number: int) -> bool:
    """Whether record *number* is in *data*, whole."""
    return any(found == number for _, _, found in _found(data))


def tally(records: Sequence[bytes], received: bytes, first: int = 0, *, foreign: bool = False) -> Tally:
    """What came of *records* (numbers from *first* on) in *received*, whose line ends do not count.

    :param foreign: the target prints things of its own in between.
    """
    data = received.translate(None, b"\r\n")
    seen: set[int] = set()
    repeated = reordered = 0
    highest = first - 1
    pieces: list[tuple[int, int, bytes]] = []  # (number before, number behind, bytes between)
    at = 0
    whole = [one for one in _found(data) if first <= one[2] < first + len(records)]
    for start, end, number in whole:
        between, at = data[at:start], end
        if number in seen:
            repeated += 1
        elif number < highest:
            reordered += 1
        new = number > highest
        pieces.append((highest, number if new else highest, between))
        seen.add(number)
        highest = max(highest, number)
    pieces.append((highest, first + len(records), data[at:]))
    lost = changed = extra = 0
    for before, behind, between in pieces:
        missing = b"".join(records[n - first] for n in range(before + 1, behind) if n not in seen)
        gone, other, more = _compared(missing, between)
        lost, changed, extra = lost + gone, changed + other, extra + more
    return Tally(len(records), len(seen), repeated, reordered, lost, changed, extra, len(data), foreign)


def _found(data: bytes) -> list[tuple[int, int, int]]:
    """(start, end, number) of each whole record, in the order they came."""
    out, at = [], 0
    while (match := _WHOLE.search(data, at)) is not None:
        if zlib.crc32(match[0][:-8]) == int(match[2], 16):
            out.append((match.start(), match.end(), int(match[1], 16)))
            at = match.end()
        else:
            at = match.start() + 1
    return out


def _compared(sent: bytes, came: bytes) -> tuple[int, int, int]:
    """Lost, changed and extra bytes on the shortest way from *sent* to *came*."""
    start, most = 0, min(len(sent), len(came))
    while start < most and sent[start] == came[start]:
        start += 1
    end, most = 0, most - start
    while end < most and sent[-1 - end] == came[-1 - end]:
        end += 1
    sent, came = sent[start : len(sent) - end], came[start : len(came) - end]
    if not sent or not came or len(sent) * len(came) > _ALIGNED:
        return max(len(sent) - len(came), 0), min(len(sent), len(came)), max(len(came) - len(sent), 0)
    # One whole number holds edits, lost, changed and extra bytes, the edits in front: the least is one comparison.
    row = [n * _EXTRA for n in range(len(came) + 1)]
    for byte in sent:
        new = [left := row[0] + _LOST]
        for index, got in enumerate(came):
            left = row[index] if byte == got else min(row[index + 1] + _LOST, left + _EXTRA, row[index] + _CHANGED)
            new.append(left)
        row = new
    least = row[-1]
    return least >> 40 & 0xFFFFF, least >> 20 & 0xFFFFF, least & 0xFFFFF
