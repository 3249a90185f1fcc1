"""Progress of a campaign on a terminal: how many scenarios are through, how they ended, what is under way."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_SHOWN = 8  # runs under way that get a line each


class FleetProgress:
    """A few live lines on stderr. A no-op unless stdout and stderr are terminals.

    :param runs: how many there are in all.
    """

    def __init__(self, runs: int, *, enabled: bool = True) -> None:
        self._runs = runs
        self._ended: Counter[str] = Counter()
        self._flying: dict[Hashable, tuple[str, float]] = {}
        self._live: Live | None = None
        self._enabled = enabled and sys.stdout.isatty() and sys.stderr.isatty()

    @property
    def shown(self) -> bool:
        """Whether anybody sees it."""
        return self._enabled

    def more(self) -> None:
        """There is one more than was thought: a scenario is tried again."""
        self._runs += 1

    def begin(self, run: Hashable, name: str) -> None:
        """The run *run* of scenario *name* has begun."""
        self._flying[run] = (name, time.monotonic())
        if self._enabled and self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True), get_renderable=self.render, refresh_per_second=4, transient=True
            )
            self._live.start()

    def end(self, run: Hashable, verdict: str) -> None:
        """It has ended; "" without a verdict."""
        self._flying.pop(run, None)
        self._ended[verdict or "not played"] += 1

    def close(self) -> None:
        """Take the lines away, until the next run begins."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def render(self) -> Text:
        """What is shown now."""
        from rich.text import Text

        text = Text()
        counts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(self._ended.items()))
        text.append(f"{self._ended.total()} of {self._runs} runs", style="bold")
        text.append(f"{'  ' if counts else ''}{counts}\n")
        now = time.monotonic()
        oldest_first = sorted(self._flying.values(), key=lambda flying: flying[1])
        for name, since in oldest_first[:_SHOWN]:
            text.append(f"  {now - since:5.1f} s  {name}\n", style="cyan")
        if len(oldest_first) > _SHOWN:
            text.append(f"  and {len(oldest_first) - _SHOWN} more\n", style="dim")
        return text
