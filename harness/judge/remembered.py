"""Judges a picture by one that was taken earlier in the run: that needs neither a golden nor a model."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import LabError, UsageError
from harness.frames.compare import Pixels, check_inside, compare
from harness.frames.identity import desktop_of, one_colour
from harness.frames.result import FrameResult
from harness.frames.types import Frame, FrameVerdict
from harness.geometry import Rect
from harness.scenario.steps import CheckFrame


def against_remembered(
    step: CheckFrame, remembered: Frame | None, frame: Frame, identity: bool
) -> tuple[FrameResult, Pixels | None]:
    """The judgement, and the picture that the whole desktop should show where that is known (nothing was cropped).

    :param identity: the screen has an identity strip, which is no part of the picture.
    :raises LabError: if there is no such picture, or the part to compare does not lie in it before and after.
    """
    if remembered is None:
        raise LabError(f"no picture {step.like!r} was remembered")
    was = desktop_of(remembered.pixels) if identity else remembered.pixels
    now = desktop_of(frame.pixels) if identity else frame.pixels
    whole = Rect(0, 0, was.shape[1], was.shape[0])
    part = whole if step.crop is None else Rect(*step.crop)
    dx, dy = step.shifted
    there = Rect(part.x + dx, part.y + dy, part.w, part.h)
    expected, got = _cut(was, part), _cut(now, there)
    colour = one_colour(expected)
    if colour is not None and not step.changed:
        return FrameResult(
            FrameVerdict.BLANK, f"all of the picture {step.like!r} to compare with is {colour:06x}"
        ), None
    difference = compare(expected, got, tolerance=step.tolerance)
    moved = f", moved by ({dx}, {dy})" if (dx, dy) != (0, 0) else ""
    if step.changed:
        enough = difference.count >= step.changed
        reason = f"{difference.count} pixels are unlike {step.like!r}{moved}, asked for: {step.changed} or more"
        return FrameResult(FrameVerdict.MATCH if enough else FrameVerdict.MISMATCH, reason), None
    if difference.equal:
        return FrameResult(FrameVerdict.MATCH, f"as in {step.like!r}{moved}"), expected if there == whole else None
    box, first = difference.box, difference.first
    if box is not None:
        box = Rect(box.x + there.x, box.y + there.y, box.w, box.h)
    if first is not None:
        first = replace(first, x=first.x + there.x, y=first.y + there.y)
    told = replace(difference, box=box, first=first)
    reason = f"unlike {step.like!r}{moved}: {told}"
    result = FrameResult(FrameVerdict.MISMATCH, reason, differing=told.count, box=box, first=first)
    return result, expected if there == whole else None


def _cut(pixels: Pixels, part: Rect) -> Pixels:
    try:
        check_inside(part, pixels.shape[1], pixels.shape[0], "the part to compare,")
    except UsageError as error:
        raise LabError(error.what) from error
    return pixels[part.y : part.y + part.h, part.x : part.x + part.w]
