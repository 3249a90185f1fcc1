"""Progress on a terminal: the current step, the last marker, frames, elapsed host and guest time. Never on
anything but a terminal.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from harness.engine.context import Context


class Progress:
    """A few live lines on stderr while a run is under way. A no-op unless stdout and stderr are terminals."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._live: Live | None = None
        self._ctx: Context | None = None
        self._start = 0.0
        self._enabled = enabled and sys.stdout.isatty() and sys.stderr.isatty()

    def attach(self, ctx: Context) -> None:
        """Show *ctx* from now on."""
        if not self._enabled:
            return
        from rich.console import Console
        from rich.live import Live

        self._ctx, self._start = ctx, time.monotonic()
        self._live = Live(
            console=Console(stderr=True), get_renderable=self._render, refresh_per_second=8, transient=True
        )
        self._live.start()

    def close(self) -> None:
        """Take the lines away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _render(self) -> Text:
        from rich.text import Text

        from harness.scenario.steps import describe

        text = Text()
        ctx = self._ctx
        if ctx is None:
            return text
        seen = ctx.evaluator
        steps = ctx.scenario.steps
        step = seen.step
        guest = f"  guest {seen.clock.now_us / 1e6:.2f} s" if seen.clock.now_us is not None else ""
        text.append(ctx.scenario.name, style="bold")
        elapsed = time.monotonic() - self._start
        text.append(f"  {elapsed:.1f} s host{guest}  {seen.frames_checked} frames  {seen.markers} markers\n")
        if step is not None:
            text.append(f"  step {step + 1}/{len(steps)}  {describe(steps[step])}\n", style="cyan")
        if seen.last_marker:
            text.append(f"  {seen.last_marker}", style="dim")
        return text
