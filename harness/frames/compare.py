"""Comparing two pictures pixel by pixel: exact by default, on parts of them, with masks, or with a stated tolerance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.frames.result import PixelPair
from harness.frames.tiles import TILE
from harness.geometry import Rect

Pixels = NDArray[np.uint32]
Bits = NDArray[np.bool_]

_TILES_LISTED = 64  # a report needs no more; the count and the box say the rest


@dataclass(frozen=True, slots=True)
class Difference:
    """How two pictures differ. Coordinates are those of the whole pictures; `tiles` are (column, row) of 32×32 tiles.

    For pictures of two sizes `sizes` holds (expected, got) as (width, height), and every pixel of the larger counts.
    """

    count: int = 0
    box: Rect | None = None
    first: PixelPair | None = None
    tiles: tuple[tuple[int, int], ...] = ()
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def equal(self) -> bool:
        return self.count == 0

    def __str__(self) -> str:
        if self.sizes is not None:
            (ew, eh), (gw, gh) = self.sizes
            return f"the picture is {gw}×{gh} pixels, expected {ew}×{eh}"
        if self.first is None or self.box is None:
            return "no pixel differs"
        plural = "pixel differs" if self.count == 1 else "pixels differ"
        return (
            f"{self.count} {plural}, in {self.box.w}×{self.box.h} at ({self.box.x}, {self.box.y}); first {self.first}"
        )


EQUAL = Difference()


def ignore_rects(rects: Iterable[Rect], width: int, height: int) -> Bits:
    """A mask that ignores *rects*: shape (height, width), True where nothing is compared.

    :raises UsageError: if a rectangle is empty or leaves the picture.
    """
    mask = np.zeros((height, width), np.bool_)
    for rect in rects:
        check_inside(rect, width, height, "the masked rectangle")
        mask[rect.y : rect.y + rect.h, rect.x : rect.x + rect.w] = True
    return mask


def check_inside(rect: Rect, width: int, height: int, what: str) -> None:
    """:raises UsageError: unless *rect* has pixels and all of them lie in a picture of that size."""
    if rect.w < 1 or rect.h < 1 or rect.x < 0 or rect.y < 0 or rect.x + rect.w > width or rect.y + rect.h > height:
        raise UsageError(
            f"{what} {rect.w}×{rect.h} at ({rect.x}, {rect.y}) is not inside a picture of {width}×{height}"
        )


def differing(expected: Pixels, got: Pixels, ignore: Bits | None = None, tolerance: int = 0) -> Bits:
    """True where two pictures of one size differ by more than *tolerance* in a colour channel and are not ignored."""
    bits: Bits = expected != got
    if ignore is not None:
        bits &= ~ignore
    if tolerance:
        where = np.nonzero(bits)
        a, b = expected[where], got[where]
        far = np.zeros(a.shape, np.bool_)
        for shift in (0, 8, 16):
            delta = (a >> shift & 0xFF).astype(np.int16) - (b >> shift & 0xFF).astype(np.int16)
            far |= np.abs(delta) > tolerance
        bits[where] = far
    return bits


def compare(
    expected: Pixels, got: Pixels, *, ignore: Bits | None = None, tolerance: int = 0, clip: Rect | None = None
) -> Difference:
    """Compare two pictures of 0x00RRGGBB pixels.

    :param ignore: True where nothing is compared; of the pictures' size.
    :param tolerance: the largest difference of one colour channel that still counts as equal, 0 to 255.
    :param clip: compare only this part, which must lie inside both pictures; they may then be of two sizes.
    :raises UsageError: for a clip that leaves a picture, a mask of another size or one that ignores everything, or a
        tolerance that cannot be.
    """
    if not 0 <= tolerance <= 255:
        raise UsageError(f"a tolerance of {tolerance} is not between 0 and 255")
    if clip is None and expected.shape != got.shape:
        return _sizes(expected, got)
    left, top = 0, 0
    if clip is not None:
        for picture in (expected, got):
            check_inside(clip, picture.shape[1], picture.shape[0], "the part to compare,")
        left, top = clip.x, clip.y
        rows, columns = slice(top, top + clip.h), slice(left, left + clip.w)
        if ignore is not None and ignore.shape == expected.shape:
            ignore = ignore[rows, columns]
        expected, got = expected[rows, columns], got[rows, columns]
    if ignore is not None:
        if ignore.shape != expected.shape:
            raise UsageError(
                f"the mask is {ignore.shape[1]}×{ignore.shape[0]}, the picture {expected.shape[1]}×{expected.shape[0]}"
            )
        if ignore.all():
            raise UsageError("the mask leaves no pixel to compare")
    if np.array_equal(expected, got):
        return EQUAL
    return _describe(differing(expected, got, ignore, tolerance), expected, got, left, top)


def _sizes(expected: Pixels, got: Pixels) -> Difference:
    (eh, ew), (gh, gw) = expected.shape, got.shape
    return Difference(max(ew, gw) * max(eh, gh), sizes=((ew, eh), (gw, gh)))


def _describe(bits: Bits, expected: Pixels, got: Pixels, left: int, top: int) -> Difference:
    rows = np.flatnonzero(bits.any(axis=1))
    if not len(rows):
        return EQUAL
    above, below = int(rows[0]), int(rows[-1])
    columns = np.flatnonzero(bits[above : below + 1].any(axis=0))
    box = Rect(left + int(columns[0]), top + above, int(columns[-1] - columns[0]) + 1, below - above + 1)
    x = int(bits[above].argmax())
    first = PixelPair(left + x, top + above, int(expected[above, x]), int(got[above, x]))
    return Difference(int(np.count_nonzero(bits)), box, first, _tiles(bits, box, left, top))


def _tiles(bits: Bits, box: Rect, left: int, top: int) -> tuple[tuple[int, int], ...]:
    """The tiles of the whole picture that hold differences, row by row."""
    found: list[tuple[int, int]] = []
    for row in range(box.y // TILE, (box.y + box.h - 1) // TILE + 1):
        rows = bits[max(row * TILE - top, 0) : (row + 1) * TILE - top]
        columns = np.flatnonzero(rows.any(axis=0)) + left
        found.extend((column, row) for column in dict.fromkeys((columns // TILE).tolist()))
        if len(found) >= _TILES_LISTED:
            break
    return tuple(found[:_TILES_LISTED])
