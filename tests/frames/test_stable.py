"""Waiting for a screen to hold still."""

import asyncio

import numpy as np

from harness.frames.compare import ignore_rects
from harness.frames.digest import digest_of
from harness.frames.stable import settle, whole
from harness.frames.types import Frame
from harness.geometry import Rect

from .strips import screen, write_band


def frame(value, corner=0):
    pixels = np.full((8, 8), value, np.uint32)
    pixels[0, 0] = corner
    return Frame(pixels, digest_of(pixels), 0, "screendump")


def run(frames, seconds=60.0, **options):
    """settle over *frames* (the last one for ever); returns its result and how many were taken."""
    taken = 0

    async def grab():
        nonlocal taken
        taken += 1
        return frames[min(taken, len(frames)) - 1]

    return asyncio.run(settle(grab, seconds, distance=0, **options)), taken


def test_two_equal_pictures_in_a_row_are_stable():
    settled, taken = run([frame(1), frame(2), frame(3), frame(3), frame(4)])
    assert settled.stable
    assert settled.frame.pixels[4, 4] == 3
    assert taken == 4


def test_equal_pictures_that_are_not_in_a_row_are_not_stable():
    settled, taken = run([frame(1), frame(2), frame(1), frame(2), frame(2)])
    assert (settled.stable, taken) == (True, 5)


def test_a_screen_that_never_holds_still_is_unstable_at_the_deadline():
    settled, taken = run([frame(1), frame(2)], seconds=0)
    assert not settled.stable
    assert taken == 2


def test_a_still_screen_that_is_not_accepted_is_stable_at_the_deadline():
    settled, _ = run([frame(1)], seconds=0, accept=lambda _: False)
    assert settled.stable


def test_it_waits_for_the_picture_that_is_accepted():
    settled, taken = run([frame(1)] * 5 + [frame(2)], accept=lambda f: f.pixels[4, 4] == 2)
    assert (settled.frame.pixels[4, 4], taken) == (2, 7)


def test_a_blinking_corner_counts_unless_it_is_masked():
    blinking = [frame(1, corner) for corner in range(2)]
    assert not run(blinking, seconds=0)[0].stable
    assert run(blinking, seconds=0, ignore=ignore_rects([Rect(0, 0, 1, 1)], 8, 8))[0].stable


def strip(torn):
    pixels = screen(np.zeros((96, 64), np.uint32), 4)
    if torn:
        write_band(pixels, 1, 3, 0)
    return Frame(pixels, digest_of(pixels), 0, "screendump")


def first_whole(pictures, seconds):
    """whole over *pictures* (the last one for ever); its result and how many were taken."""
    taken = 0

    async def grab():
        nonlocal taken
        taken += 1
        return pictures[min(taken, len(pictures)) - 1]

    return asyncio.run(whole(grab, seconds)), taken


def test_a_picture_caught_in_a_present_is_taken_again():
    good = strip(torn=False)
    assert first_whole([strip(torn=True), strip(torn=True), good], 60) == (good, 3)
    assert first_whole([good], 60) == (good, 1)


def test_a_screen_that_stays_torn_is_given_as_it_is():
    bad = strip(torn=True)
    assert first_whole([bad], 0) == (bad, 1)
