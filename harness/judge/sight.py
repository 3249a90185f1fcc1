"""Whether a pattern is seen in a line: the one rule for expectations, forbidden and crash texts, readiness and responders."""

from __future__ import annotations

from collections.abc import Iterable

from harness.console.types import Line
from harness.markers.match import Pattern
from harness.markers.types import Marker


def find_text(pattern: Pattern, line: Line, start: int = 0) -> tuple[int, int] | None:
    """The first match from *start* on that touches nothing the harness typed itself."""
    span = pattern.match_line(line.text, start)
    while span is not None and touches_echo(line, span):
        span = pattern.match_line(line.text, span[0] + 1)
    return span


def touches_echo(line: Line, span: tuple[int, int]) -> bool:
    """Whether a part of *span* is an echo of what the harness sent."""
    return any(a < span[1] and span[0] < b for a, b in line.echo)


def sees(pattern: Pattern, line: Line, markers: Iterable[Marker]) -> bool:
    """Whether *pattern* is seen in a line or in its markers by something that may decide."""
    if pattern.is_marker:
        return any(m.trusted and pattern.match_marker(m) for m in markers)
    return find_text(pattern, line) is not None
