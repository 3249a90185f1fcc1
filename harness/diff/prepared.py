"""A stream ready to be aligned: its forms as numbers, its boots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.diff.align import Ints
from harness.diff.model import Stream
from harness.diff.normal import Form, Normaliser, on_markers
from harness.diff.rules import Rules


class Numbers:
    """Words as small numbers, the same for both streams."""

    def __init__(self) -> None:
        self.words: dict[str | tuple[str, str], int] = {}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is compared of a stream: everything but what a rule ignores; `places` are those in `stream.markers`.

    Two markers with the same number in `keys` are the same, in `near` are the same event of the same thing (its first
    value), in `heads` the same event. `boots` are (first, behind the last) of each boot, `times` guest microseconds
    or -1.
    """

    stream: Stream
    normaliser: Normaliser
    places: Ints
    keys: Ints
    near: Ints
    heads: Ints
    times: Ints
    boots: list[tuple[int, int]]

    def form(self, index: int) -> Form:
        """What is compared as number *index*."""
        form = self.normaliser.form(self.stream.markers[self.place(index)])
        if form is None:
            raise IndexError(index)  # a rule ignores it: it has no number
        return form

    def place(self, index: int) -> int:
        """The place in the stream of what is compared as number *index*, which may be one behind the last."""
        return int(self.places[index]) if index < len(self.places) else len(self.stream.markers)

    def boot_of(self, index: int) -> int:
        """Which boot holds *index*; the last for what is behind it."""
        return max(min(bisect_right(self.boots, index, key=lambda boot: boot[1]), len(self.boots) - 1), 0)


def prepare(stream: Stream, rules: Rules, numbers: Numbers, prefixes: Sequence[str]) -> Prepared:
    """Make it ready. *prefixes* are those of the markers of both streams: a rule may be about one of them.

    :raises harness.errors.UsageError: if a rule's pattern cannot be used.
    """
    normaliser = Normaliser(stream.schema, rules, prefixes)
    begins = on_markers(rules.boot, prefixes) if rules.boot else None
    times = stream.guest_us
    words = numbers.words
    rows: list[tuple[int, int, int]] = []
    places: list[int] = []
    boots: list[tuple[int, int]] = []
    start, epoch = 0, None
    for place, marker in enumerate(stream.markers):
        if epoch != marker.epoch or (begins is not None and begins.match_marker(marker)):
            epoch = marker.epoch
            if len(rows) > start:
                boots.append((start, len(rows)))
                start = len(rows)
        found = normaliser.key(marker)
        if found is not None:
            key, head, first = found
            near = (head, first)
            rows.append(
                (
                    words.setdefault(key, len(words)),
                    words.setdefault(near, len(words)),
                    words.setdefault(head, len(words)),
                )
            )
            places.append(place)
    if len(rows) > start:
        boots.append((start, len(rows)))
    keys, nears, heads = np.array(rows, np.int64).reshape(-1, 3).T.copy()
    known = np.array([-1 if time is None else time for time in times], np.int64)
    where = np.array(places, np.int64)
    at = known[where] if len(known) == len(stream.markers) else np.full(len(where), -1, np.int64)
    return Prepared(stream, normaliser, where, keys, nears, heads, at, boots)
