"""Sounds a serial line on which something did not come: the guest repeats its last answer, and the seals tell."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from harness.engine.context import Context
from harness.errors import LabError
from harness.markers.types import Marker
from harness.timeouts import TIMEOUTS, host

_ROUNDS = 16  # answers; a line that loses 1 % of its bytes passes 1 kB of them unharmed once in 20,000 times


async def sound_line(ctx: Context) -> None:
    """Have the guest say again that it waits, so often that a line that loses bytes would show it.

    Does nothing unless there is a finding that it takes a proof of the line to believe. The evaluator sees the answers
    as it sees all that comes; the first one that stays away is the last that is asked for.
    """
    if not ctx.evaluator.doubted or ctx.link is None:
        return
    ready = asyncio.Event()

    def hear(marker: Marker) -> None:
        if marker.family == "CONTROL" and marker.event == "READY" and marker.trusted:
            ready.set()

    ctx.evaluator.on_marker.append(hear)
    try:
        with suppress(LabError, TimeoutError):
            for _ in range(_ROUNDS):
                ready.clear()
                async with asyncio.timeout(host(TIMEOUTS.control_repeat)):
                    if not await ctx.link.again():  # takes until the port is back, where it went away
                        break
                    await ready.wait()
    finally:
        ctx.evaluator.on_marker.remove(hear)
