"""Pictures of a screen that has no instant of its own: taken again until one of them can be judged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from harness.frames.compare import Bits
from harness.frames.identity import decode_strip
from harness.frames.types import Frame

REPAINT = 0.05  # s between two pictures: three refreshes at 60 Hz, so that what is being drawn shows up as a change


@dataclass(frozen=True, slots=True)
class Settled:
    """The last picture, and whether it was equal to the one `REPAINT` before it."""

    frame: Frame
    stable: bool


async def settle(
    grab: Callable[[], Awaitable[Frame]],
    seconds: float,
    *,
    accept: Callable[[Frame], bool] | None = None,
    ignore: Bits | None = None,
    distance: float = REPAINT,
) -> Settled:
    """Take pictures until two in a row are equal and *accept* likes them, or *seconds* have passed.

    A screen without frame identity has no event for a repaint: it has to be sampled. At least two pictures are taken.

    :param ignore: True where a change does not count (a clock, a blinking cursor); of the screen's size.
    """
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds
    frame = await grab()
    while True:
        await asyncio.sleep(distance)
        before, frame = frame, await grab()
        stable = _equal(before, frame, ignore)
        if (stable and (accept is None or accept(frame))) or clock.time() >= end:
            return Settled(frame, stable)


async def whole(grab: Callable[[], Awaitable[Frame]], seconds: float) -> Frame:
    """The first picture whose identity strip is that of one frame, or the last one taken when *seconds* have passed.

    For a guest that presents while it is looked at (wall clock): an exact instant may lie within a present, and only a
    strip that stays torn tells of a defect.
    """
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds
    while not decode_strip((frame := await grab()).pixels).whole and clock.time() < end:
        pass
    return frame


def _equal(a: Frame, b: Frame, ignore: Bits | None) -> bool:
    if a.digest == b.digest:
        return True
    if ignore is None or a.pixels.shape != b.pixels.shape or ignore.shape != a.pixels.shape:
        return False
    return bool(np.all((a.pixels == b.pixels) | ignore))
