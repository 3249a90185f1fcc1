"""Texts that must not come: the scenario's forbidden ones, and those with which a kernel reports its death."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.console.safe import safe
from harness.console.types import Line
from harness.judge.crash_rules import built_in_deaths
from harness.judge.facts import GuestFacts
from harness.judge.sight import sees
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.scenario.model import Scenario

_SHOWN = 200  # characters of a line that are quoted


class TextWatch:
    """Looks at every line once."""

    def __init__(self, scenario: Scenario, facts: GuestFacts) -> None:
        self._forbidden = [Pattern.parse(p) for p in scenario.forbid]
        self._crash = [Pattern.parse(p) for p in (*built_in_deaths(), *facts.crash_texts, *scenario.crash)]
        self._ignored = [Pattern.parse(p) for p in scenario.ignore_crash]

    def forbidden(self, line: Line, markers: Sequence[Marker]) -> Iterator[tuple[str, str]]:
        """The forbidden patterns that are seen, as (pattern, quoted line)."""
        for pattern in self._forbidden:
            if sees(pattern, line, markers):
                yield pattern.source, safe(line.text, _SHOWN)

    def crash(self, line: Line, markers: Sequence[Marker]) -> tuple[str, str] | None:
        """The crash pattern that is seen, unless the scenario provokes it on purpose."""
        for pattern in self._crash:
            if sees(pattern, line, markers) and not any(sees(p, line, markers) for p in self._ignored):
                return pattern.source, safe(line.text, _SHOWN)
        return None
