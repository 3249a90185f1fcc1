"""What the console did since the step began, for the judgement of a wait that ended unmet."""

from __future__ import annotations

from harness.console.safe import safe
from harness.console.stream import ConsoleStream
from harness.console.types import Line
from harness.evidence.journal import Event
from harness.judge.hang import Expiry

_SHOWN = 120  # characters of the last line that are quoted


class Activity:
    """Counts lines and bytes from one step to the next."""

    def __init__(self) -> None:
        self._lines = 0
        self._bytes = 0
        self._last = ""

    def step(self) -> None:
        """A step begins."""
        self._lines = self._bytes = 0
        self._last = ""

    def took(self, size: int) -> None:
        self._bytes += size

    def line(self, line: Line) -> None:
        self._lines += 1
        if line.text:
            self._last = safe(line.text, _SHOWN)

    def expiry(self, waited_for: str, timeout: Event, stream: ConsoleStream) -> Expiry:
        """What is known of the wait that the `step.end` event *timeout* ended."""
        partial = stream.partial
        return Expiry(
            waited_for=waited_for,
            limit=str(timeout.data.get("limit", "host")),
            seconds=float(timeout.data.get("seconds", 0.0)),
            lines_since=self._lines,
            bytes_since=self._bytes,
            unfinished=stream.pending,
            last_line=self._last or (safe(partial.text, _SHOWN) if partial is not None else ""),
        )
