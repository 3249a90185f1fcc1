"""What is compared, and what comes out: streams of markers, differences, the first of them, its signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from harness.markers.schema import PLAN, Schema
from harness.markers.types import Marker


class Kind(StrEnum):
    """How one run differs from the other; A is the run that is held to be right, B the one in question."""

    MISSING = "missing"  # in A, not in B
    EXTRA = "extra"  # in B, not in A
    MOVED = "moved"  # in both, in another place
    CHANGED = "changed"  # the same event with another value
    REPEATED = "repeated"  # once more in B than in A, right behind the first time
    SLOWER = "slower"  # the guest took longer to come here than in A
    PICTURE = "picture"  # a frame of the same name with other pixels
    ENDED = "ended"  # the same markers, but one run crashed, hung or left, and the other did not (or otherwise)


class Picture(NamedTuple):
    """A frame that the run took; `offset` is the serial byte before which it was taken, `file` None if not kept."""

    name: str
    digest: str
    file: Path | None
    offset: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended badly.

    `kind` is `crash`, `hang` or another verdict in lower case, `signature` its cause without addresses, numbers and
    times, `text` the sentence for people, `offset` the serial byte where it was seen, None where that is not known.
    """

    kind: str
    signature: str
    text: str
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The markers of one run, in the order they came, and what is needed to show where it went another way.

    `markers` are those that count: no echo of what the harness typed, none that came again from another sink.
    `guest_us[n]` is the guest's time at marker n, None where it is not known. `serial` is the log that
    `Marker.offset` counts in, None where no bytes were kept. `steady` says that guest times are the same on each
    run of the same image (virtual clock), so that a longer time is no accident.
    """

    name: str
    markers: Sequence[Marker]
    guest_us: Sequence[int | None] = ()
    serial: Path | None = None
    pictures: Sequence[Picture] = ()
    ending: Ending | None = None
    steady: bool = False
    schema: Schema = PLAN
    lost: int = 0  # markers that were torn or damaged on the line, and sealed ones that never came
    truncated: bool = False  # more markers than are compared


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `a` and `b` are places in the streams' `markers`.

    For what is missing (extra) `b` (`a`) is the place in the other run where it would have stood, which may be one
    behind the last. `count` is how many markers in a row this stands for (a boot: all of it). `what` is a sentence.
    """

    kind: Kind
    a: int
    b: int
    count: int = 1
    what: str = ""
    signature: str = ""
    boot: tuple[int | None, int | None] = (0, 0)  # epochs of the two runs; None where a boot is in one run only
    picture: tuple[Picture, Picture] | None = None


class Row(NamedTuple):
    """Two markers side by side, by their places; None where a run has none there.

    `mark` is ` ` for the same, `~` for another value, `<` for A only, `>` for B only.
    """

    a: int | None
    b: int | None
    mark: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `harness.diff.compare` found.

    `differences` are in the order of the runs, at most `harness.diff.comparison.KEPT` of them; `counts` counts all.
    `first` is the earliest, None when the runs are the same; `around` are the markers about it. `signature` is one line
    that is equal for two runs with the same defect, and "" when the runs are the same. `matched` markers are in both.
    """

    a: Stream
    b: Stream
    differences: Sequence[Difference] = ()
    counts: dict[Kind, int] = field(default_factory=dict)
    matched: int = 0
    signature: str = ""
    around: Sequence[Row] = ()

    @property
    def first(self) -> Difference | None:
        return self.differences[0] if self.differences else None

    @property
    def same(self) -> bool:
        return not self.differences
