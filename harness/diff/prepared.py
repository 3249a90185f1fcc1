"""A stream ready to be aligned: its forms as numbers, its boots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.diff.align import Ints
from harness.diff.model import Stream
from harness.diff.normal import Form, Normaliser
from harness.diff.rules import Rules
from harness.markers.match import Pattern


class Numbers:
    """Words as small numbers, the same for both streams."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.near: dict[tuple[str, str], int] = {}
        self.heads: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is compared of a stream: everything but what a rule ignores; `places` are those in `stream.markers`.

    Two markers with the same number in `keys` are the same, in `near` are the same event of the same thing (its first
    value), in `heads` the same event. `boots` are (first, behind the last) of each boot, `times` guest microseconds
    or -1.
    """

    stream: Stream
    forms: list[Form]
    places: Ints
    keys: Ints
    near: Ints
    heads: Ints
    times: Ints
    boots: list[tuple[int, int]]

    def place(self, index: int) -> int:
        """The place in the stream of what is compared as number *index*, which may be one behind the last."""
        return int(self.places[index]) if index < len(self.places) else len(self.stream.markers)

    def boot_of(self, index: int) -> int:
        """Which boot holds *index*; the last for what is behind it."""
        return next((n for n, (_, end) in enumerate(self.boots) if index < end), max(len(self.boots) - 1, 0))


def prepare(stream: Stream, rules: Rules, numbers: Numbers) -> Prepared:
    """Make it ready.

    :raises harness.errors.UsageError: if a rule's pattern cannot be used.
    """
    normaliser = Normaliser(stream.schema, rules)
    begins = Pattern.parse(rules.boot, stream.schema.prefixes) if rules.boot else None
    times = stream.guest_us
    forms: list[Form] = []
    places: list[int] = []
    boots: list[tuple[int, int]] = []
    start, epoch = 0, None
    for place, marker in enumerate(stream.markers):
        boot = begins is not None and begins.match_marker(marker)
        if (boot or (epoch is not None and marker.epoch != epoch)) and len(forms) > start:
            boots.append((start, len(forms)))
            start = len(forms)
        epoch = marker.epoch
        form = normaliser.of(marker)
        if form is not None:
            forms.append(form)
            places.append(place)
    if len(forms) > start:
        boots.append((start, len(forms)))
    keys, near, heads = numbers.keys, numbers.near, numbers.heads
    firsts = ((form.head, form.fields[0][2] if form.fields else "") for form in forms)
    return Prepared(
        stream,
        forms,
        np.array(places, np.int64),
        np.array([keys.setdefault(form.key, len(keys)) for form in forms], np.int64),
        np.array([near.setdefault(first, len(near)) for first in firsts], np.int64),
        np.array([heads.setdefault(form.head, len(heads)) for form in forms], np.int64),
        np.array([_known(times[place]) if place < len(times) else -1 for place in places], np.int64),
        boots,
    )


def _known(time: int | None) -> int:
    return -1 if time is None else time
