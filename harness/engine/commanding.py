"""Control commands of a run: sent, answered, and the guest waits again. Used by steps and by faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from harness.clients.codec import Reply
from harness.engine.context import Context
from harness.engine.waits import Deadline, StepTimeoutError
from harness.judge.evaluator import Evaluator
from harness.judge.sight import find_text
from harness.markers.match import Pattern


async def exchange(ctx: Context, payload: str, deadline: Deadline) -> Reply:
    """Send *payload* and return the answer, be it a refusal.

    :raises StepTimeoutError: at the deadline.
    :raises FatalFindingError: on the first finding.
    """
    ctx.waits.check_fatal()
    try:
        return await ctx.guarded(ctx.control.command(payload, deadline.left), deadline)
    except TimeoutError:
        raise StepTimeoutError(deadline.seconds) from None


async def rendezvous(ctx: Context, reply: Reply, deadline: Deadline) -> None:
    """Wait until the guest waits after *reply*, with its frames proved; or until it is gone.

    :raises StepTimeoutError: at the deadline.
    :raises FatalFindingError: on the first finding.
    """
    repeat = ctx.control.repeat_after
    while True:
        limit = deadline if repeat is None else Deadline.after(repeat, not_after=deadline)
        try:
            await ctx.waits.until(lambda: ctx.evaluator.clock.ready_seq == reply.seq or ctx.evaluator.left, limit)
        except StepTimeoutError:
            if limit is deadline:
                raise
            with suppress(TimeoutError):  # the line may have swallowed what came after the answer, or is away
                async with asyncio.timeout(deadline.left):
                    await ctx.control.again()
        else:
            break
    if ctx.evaluator.clock.ready_seq == reply.seq:
        await ctx.settle_frames()


def watch_ready(ctx: Context, until: str) -> Callable[[], bool]:
    """A condition that becomes true when *until* (or the profile's readiness pattern) was seen from now on."""
    return watch_for(ctx.evaluator, until or ctx.profile.guest.ready)


def watch_for(evaluator: Evaluator, source: str) -> Callable[[], bool]:
    """A condition that becomes true when the pattern *source* (without one: a byte) was seen from now on."""
    if not source:
        start = evaluator.received
        return lambda: evaluator.received > start
    pattern = Pattern.parse(source)
    seen: list[bool] = []
    if pattern.is_marker:
        evaluator.on_marker.append(
            lambda m: seen.append(True) if not seen and m.trusted and pattern.match_marker(m) else None
        )
    else:
        evaluator.on_line.append(lambda line: seen.append(True) if not seen and find_text(pattern, line) else None)
    return lambda: bool(seen) or (not pattern.is_marker and evaluator.partial_matches(pattern))
