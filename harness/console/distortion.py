"""What a bad line does to the bytes on their way from the guest to us. Nothing here depends on how they are cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of a piece. Offsets are those of the raw log, which holds what we received.

    `changed`: offset, the byte that was sent, the byte that came. `lost`: offset before which it is missing, the byte.
    """

    data: bytes
    changed: list[tuple[int, int, int]] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)


class Distortion(Protocol):
    """A line that does not do what it should."""

    def take(self, data: bytes, offset: int) -> Passed:
        """What comes of *data* that was sent; the first of it would stand at *offset* of the raw log."""
        ...

    def release(self) -> bytes:
        """The line is good again: what it held back."""
        ...


class Damage:
    """Of the bytes that are sent, on average one in *every* is another one, or (*lose*) is lost; *most* in all.

    :param below: `below(n)` is a random number from 0 to n-1. Each victim is drawn by its distance from the one before.
    """

    def __init__(self, below: Callable[[int], int], most: int, every: int, *, lose: bool) -> None:
        self._below = below
        self._left = most
        self._every = every
        self._lose = lose
        self._gap = self._distance()  # bytes that pass before the next victim

    def take(self, data: bytes, offset: int) -> Passed:
        out, at, passed = bytearray(), 0, Passed(b"")
        while self._left and at + self._gap < len(data):
            spot = at + self._gap
            out += data[at:spot]
            if self._lose:
                passed.lost.append((offset + len(out), data[spot]))
            else:
                other = data[spot] ^ (1 + self._below(255))
                passed.changed.append((offset + len(out), data[spot], other))
                out.append(other)
            at = spot + 1
            self._left -= 1
            self._gap = self._distance()
        self._gap -= len(data) - at
        return Passed(bytes(out + data[at:]), passed.changed, passed.lost)

    def release(self) -> bytes:
        return b""

    def _distance(self) -> int:
        return self._below(2 * self._every - 1)


HELD = 64 << 20  # bytes that a stalled line holds back before it holds up the guest: floods of 300 MB/s were measured


class Stall:
    """Nothing comes through until it is over; then all of it does. `full`: it should not be given more."""

    def __init__(self, most: int = HELD) -> None:
        self._held = bytearray()
        self._most = most

    @property
    def full(self) -> bool:
        return len(self._held) >= self._most

    def take(self, data: bytes, offset: int) -> Passed:
        self._held += data
        return Passed(b"")

    def release(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held
