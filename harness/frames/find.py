"""Finding a picture on the screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.frames.identity import one_colour
from harness.geometry import Rect

Pixels = NDArray[np.uint32]

_PROBES = 8  # colours of the wanted picture that are counted on the screen, 0.3 ms each
_SAMPLE = 4096  # places that are compared one by one; more are first thinned out by single pixels


def find_picture(screen: Pixels, wanted: Pixels, *, tolerance: int = 0, limit: int = 64) -> list[Rect]:
    """All places where *wanted* stands on *screen*, from the top left, at most *limit*. Places may overlap.

    :param tolerance: the largest difference of one colour channel that still counts as equal.
    :raises UsageError: if *wanted* is empty or has one colour only: it would be found in any area of that colour.
    """
    if wanted.size == 0 or one_colour(wanted) is not None:
        raise UsageError(
            "a picture to find must have more than one colour", "cut it so that some of an edge or text is in it"
        )
    height, width = wanted.shape
    room = screen.shape[0] - height + 1, screen.shape[1] - width + 1
    if room[0] < 1 or room[1] < 1:
        return []
    ys, xs = _candidates(screen, wanted, room, tolerance)
    for y, x in _spread(wanted):
        if len(ys) <= _SAMPLE:
            break
        keep = _close(screen[ys + y, xs + x], wanted[y, x], tolerance)
        ys, xs = ys[keep], xs[keep]
    hits = []
    for top, left in zip(ys.tolist(), xs.tolist(), strict=True):
        if _close(screen[top : top + height, left : left + width], wanted, tolerance).all():
            hits.append(Rect(left, top, width, height))
            if len(hits) == limit:
                break
    return hits


def _candidates(
    screen: Pixels, wanted: Pixels, room: tuple[int, int], tolerance: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the top left corner may be, judged by that pixel of *wanted* whose colour is rarest on the screen."""
    colours, firsts, counts = np.unique(wanted, return_index=True, return_counts=True)
    best: NDArray[np.bool_] | None = None
    for index in np.argsort(counts)[:_PROBES]:
        y, x = divmod(int(firsts[index]), wanted.shape[1])
        hits = _close(screen[y : y + room[0], x : x + room[1]], colours[index], tolerance)
        if best is None or np.count_nonzero(hits) < np.count_nonzero(best):
            best = hits
    if best is None:
        raise UsageError("a picture to find must have pixels")
    ys, xs = np.nonzero(best)
    return ys, xs


def _spread(wanted: Pixels) -> list[tuple[int, int]]:
    """Places in *wanted* to compare first: one of each colour, the rarest first, then some in all of it."""
    _, firsts, counts = np.unique(wanted, return_index=True, return_counts=True)
    order = firsts[np.argsort(counts)][:32].tolist() + list(range(0, wanted.size, max(1, wanted.size // 32)))
    return [divmod(int(place), wanted.shape[1]) for place in order]


def _close(a: Pixels, b: Pixels | np.uint32, tolerance: int) -> NDArray[np.bool_]:
    if not tolerance:
        return np.asarray(a == b)
    close = np.ones(np.broadcast(a, b).shape, np.bool_)
    for shift in (0, 8, 16):
        delta = (a >> shift & 0xFF).astype(np.int16) - (np.asarray(b) >> shift & 0xFF).astype(np.int16)
        close &= np.abs(delta) <= tolerance
    return close
