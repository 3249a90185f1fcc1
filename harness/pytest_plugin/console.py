"""The serial console of a guest, for a test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.pytest_plugin.guest import Guest
from harness.scenario import steps as s

if TYPE_CHECKING:
    from harness.markers.types import Marker

__tracebackhide__ = True  # pytest shows the line of the test that called


@dataclass(frozen=True, slots=True)
class Seen:
    """What met an expectation: the text of the line or marker, and a marker's arguments."""

    text: str
    line: int
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


class Console:
    """The serial console of a guest."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def expect(
        self,
        *patterns: str,
        any: Sequence[str] = (),
        order: Sequence[str] = (),
        none: Sequence[str] = (),
        count: Sequence[s.Count] = (),
        since: Literal["action", "boot", "start"] = "action",
        within: float | None = None,
        during: float | None = None,
        timeout: float | None = None,
    ) -> Seen:
        """Wait for markers or text since the last step that acted; what met the first pattern.

        Arguments are those of the step `expect` (docs/scenarios.md): all *patterns*, at least one of *any*, and so on.
        """
        self._guest.expect(
            *patterns,
            any=any,
            order=order,
            none=none,
            count=count,
            since=since,
            within=within,
            during=during,
            timeout=timeout,
        )
        check = self._guest.live.context.evaluator.checks.of(self._guest.last)
        for entry in check.evidence if check is not None else ():
            if "text" in entry:
                text = str(entry["text"])
                args = tuple(re.sub(r"\*[0-9A-F]{6}$", "", text).split(":")[2:]) if text.startswith("RAYOS_") else ()
                return Seen(text, int(entry["line"]), args)
        return Seen("", 0)

    def send(self, text: str, *, enter: bool = True) -> None:
        """Send a line."""
        self._guest.send(text, enter=enter)

    def dialogue(self, *exchanges: tuple[str, str | None], timeout: float | None = None) -> None:
        """For each (regular expression, answer): wait for the one, send the other."""
        self._guest.dialogue(*exchanges, timeout=timeout)

    @property
    def lines(self) -> list[str]:
        """The lines so far, without control characters; of a guest that floods its console the last 200,000."""
        return [line.text for line, _ in self._guest.live.said.lines()]

    def markers(self, pattern: str = "") -> list[Marker]:
        """The markers so far that decide something (no echoes, none torn), or those that match *pattern*."""
        from harness.markers.match import Pattern

        wanted = Pattern.parse(pattern) if pattern else None
        return [
            marker
            for _, markers in self._guest.live.said.lines()
            for marker in markers
            if marker.trusted and (wanted is None or wanted.match_marker(marker))
        ]
