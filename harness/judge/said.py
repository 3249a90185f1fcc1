"""What the console said so far, for checks that are given while the run goes on: each looks back as if it had been
known from the start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from harness.console.types import Line, LineFlag
from harness.errors import UsageError
from harness.markers.types import Marker

MOST = 200_000  # lines, some 90 MB: a guest that floods its console must not fill the memory


class _Heard(NamedTuple):
    line: Line
    markers: Sequence[Marker]


@dataclass(slots=True)
class Said:
    """Lines and their markers, also those of lines that had not ended; the oldest go beyond *most*."""

    most: int = MOST
    _heard: deque[_Heard] = field(default_factory=deque)
    _dropped: int = 0
    _marks: dict[str, int] = field(default_factory=dict)  # from which place on each kind of search looks

    def take(self, line: Line, markers: Sequence[Marker] = ()) -> None:
        """A line came, or as much of it as there is."""
        self._heard.append(_Heard(line, markers))
        if len(self._heard) > self.most:
            self._heard.popleft()
            self._dropped += 1

    def mark(self, since: Literal["action", "boot"]) -> None:
        """A step begins that acts, or a boot: what looks back to it looks from here on."""
        self._marks[since] = self._dropped + len(self._heard)

    def since(self, since: Literal["action", "boot", "start"]) -> Iterator[tuple[Line, Sequence[Marker], bool]]:
        """Each line with its markers, and whether it had ended.

        :raises UsageError: if it is not known any more, because too much came since.
        """
        first = self._marks.get(since, 0)
        if first < self._dropped:
            raise UsageError(
                f"the console said more than {self.most} lines since the {since}; what came first was let go",
                "give the expectation together with the step before it: guest.play(step, expectation)",
            )
        for line, markers in list(self._heard)[first - self._dropped :]:
            yield line, markers, LineFlag.PARTIAL not in line.flags

    def lines(self) -> list[tuple[Line, Sequence[Marker]]]:
        """Every line that has ended, with its markers; safe to be called from another thread."""
        return [(line, markers) for line, markers in list(self._heard) if LineFlag.PARTIAL not in line.flags]
