"""Whether a pattern is seen in a line: one rule for expectations, forbidden and crash texts, readiness, responders."""

from __future__ import annotations

from collections.abc import Iterable

from harness.console.types import Line
from harness.markers.match import Pattern
from harness.markers.types import Marker


def find_text(pattern: Pattern, line: Line, start: int = 0) -> tuple[int, int] | None:
    """The first match from *start* on that touches nothing the harness typed itself."""
    span = pattern.match_line(line.text, start)
    while span is not None and line.is_echo(*span):
        span = pattern.match_line(line.text, span[0] + 1)
    return span


def sees(pattern: Pattern, line: Line, markers: Iterable[Marker]) -> bool:
    """Whether *pattern* is seen in a line or in its markers by something that may decide."""
    if pattern.is_marker:
        return any(m.trusted and pattern.match_marker(m) for m in markers)
    return find_text(pattern, line) is not None
