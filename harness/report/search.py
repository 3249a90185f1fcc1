"""Progress of a bisection on a terminal: what may still be it, the likeliest, what is under way. Never on anything but
a terminal.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from harness.bisect.driver import Driver


class SearchProgress:
    """A few live lines on stderr, under what is said. A no-op unless stdout and stderr are terminals."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._driver: Driver | None = None
        self._doing: dict[int, tuple[str, int, float]] = {}
        self._live: Live | None = None
        self._state = ""
        self._enabled = enabled and sys.stdout.isatty() and sys.stderr.isatty()

    def attach(self, driver: Driver) -> None:
        """Show *driver*'s search from now on."""
        self._driver = driver
        if self._enabled:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True), get_renderable=self.render, refresh_per_second=4, transient=True
            )
            self._live.start()

    def doing(self, slot: int, image: int, what: str) -> None:
        """*slot* is "building" or "running" *image*, or nothing any more; from any thread."""
        if what:
            self._doing[slot] = what, image, time.monotonic()
        else:
            self._doing.pop(slot, None)

    def seen(self) -> None:
        """The search has learnt something: in the thread that drives it."""
        if self._enabled and self._driver is not None:
            self._state = self._driver.state()

    def say(self, line: str) -> bool:
        """Print *line* above; False if nobody is there to read it."""
        if self._live is None:
            return False
        self._live.console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
        return True

    def close(self) -> None:
        """Take the lines away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def render(self) -> Text:
        """What is shown now."""
        from rich.text import Text

        text = Text()
        if self._driver is not None:
            text.append(f"{self._state}\n" if self._state else "", style="bold")
            now = time.monotonic()
            for what, image, since in sorted(self._doing.copy().values(), key=lambda one: one[2]):
                text.append(f"  {now - since:5.1f} s  {what} {self._driver.name(image)}\n", style="cyan")
        return text
