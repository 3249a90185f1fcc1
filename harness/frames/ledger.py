"""Every frame of a run, one after the other: is it the next one, whole, with the pixels that were meant?

The quick half of proving frames: it says yes or no, in half a millisecond, because only what changed since the frame
before is looked at. What is wrong with a frame that it refuses is for `harness.judge.proof` to say.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from harness.frames.identity import BAND_HEIGHT, STRIP_WIDTH, cells_of
from harness.frames.tiles import TILE, tile_row
from harness.frames.types import Rect
from harness.frames.vram import Place, SplitReader

Pixels = NDArray[np.uint32]

_COLOUR = np.uint32(0xFFFFFF)
_WHITE = np.uint32(0xFFFFFF)
_CELL = 4

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Screen:
    """The pixels of one frame in two blocks, desktop and strip; the fourth byte of a pixel may hold anything."""

    def __init__(self, height: int, width: int) -> None:
        self.desktop: Pixels = np.zeros((height, width - STRIP_WIDTH), np.uint32)
        self.strip: Pixels = np.zeros((height, STRIP_WIDTH), np.uint32)
        self._reader = SplitReader(self.desktop, self.strip)

    @property
    def shape(self) -> tuple[int, int]:
        return self.desktop.shape[0], self.desktop.shape[1] + STRIP_WIDTH

    def read(self, place: Place) -> None:
        """:raises OSError: if QEMU's memory cannot be read."""
        self._reader.read(place.pid, place.address)

    def load(self, pixels: Pixels) -> None:
        """Take a whole screen's pixels."""
        self.desktop[:] = pixels[:, :-STRIP_WIDTH]
        self.strip[:] = pixels[:, -STRIP_WIDTH:]

    def whole(self) -> Pixels:
        """A copy as one picture of 0x00RRGGBB pixels."""
        return np.hstack((self.desktop, self.strip)) & _COLOUR


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found of one frame: CRC-32 of the tile table of its pixels, and xxh3-64 (hex) of the same table."""

    good: bool
    crc: int
    digest: str


class Ledger:
    """The frames of one boot.

    Write the next one into `coming`, then `enter` it. The frame before it is `before`.
    """

    def __init__(self, height: int, width: int) -> None:
        self.coming = Screen(height, width)
        self.before: Screen | None = None
        self.number = 0  # of the last frame entered
        rows, columns = -(-height // TILE), -(-(width - STRIP_WIDTH) // TILE)
        self._table: NDArray[np.uint64] = np.zeros((rows, columns), "<u8")
        self._bands = height // BAND_HEIGHT
        self._allowed: tuple[Sequence[Rect], NDArray[np.bool_]] | None = None

    def enter(
        self,
        claim: tuple[int, int],
        *,
        allowed: Sequence[Rect] | None = None,
        expected: Pixels | None = None,
    ) -> Entry:
        """Look at the frame in `coming`.

        It is good if its number is the last one's plus one, all bands of its strip say that number and the CRC of its
        pixels, the guest claims both too, no pixel changed outside of *allowed*, and its desktop is *expected*.

        :param claim: number and CRC-32 as the guest told them.
        :param allowed: where pixels may change against the frame before; None: anywhere.
        :param expected: what the desktop should show, 0x00RRGGBB; None: unknown.
        """
        changed = self._changed_rows()
        for row in changed:
            part = slice(row * TILE, row * TILE + TILE)
            tile_row(self.coming.desktop[part] & _COLOUR, self._table[row])
        data = self._table.tobytes()
        crc = zlib.crc32(data)
        good = (
            claim == (self.number + 1, crc)
            and self._strip_says(*claim)
            and (allowed is None or self.before is None or self._within(changed, allowed))
            and (expected is None or _same(self.coming.desktop, expected))
        )
        self.number = claim[0]
        return Entry(good, crc, xxhash.xxh3_64_hexdigest(data))

    def turn(self) -> None:
        """The frame that was entered is now the one before the next."""
        old = self.before
        self.before = self.coming
        self.coming = old or Screen(*self.coming.shape)

    def _changed_rows(self) -> list[int]:
        """Rows of tiles in which the desktop differs from the frame before; with the fourth bytes."""
        now, before = self.coming.desktop, self.before
        rows = range(self._table.shape[0])
        if before is None:
            return list(rows)
        height, width = now.shape
        a, b, row = now.ctypes.data, before.desktop.ctypes.data, width * 4
        # 0.2 ms for 3 MB: half of what a comparison by numpy takes, which has to write down its answers
        return [
            y
            for y in rows
            if _memcmp(a + y * TILE * row, b + y * TILE * row, (min((y + 1) * TILE, height) - y * TILE) * row)
        ]

    def _strip_says(self, number: int, crc: int) -> bool:
        strip = self.coming.strip[: self._bands * BAND_HEIGHT] & _COLOUR
        cells = strip.reshape(self._bands, -1, _CELL, STRIP_WIDTH // _CELL, _CELL)
        wanted = np.where(cells_of(number, crc, self._bands), _WHITE, np.uint32(0))
        return bool((cells == wanted[:, :, None, :, None]).all())

    def _within(self, changed: Sequence[int], allowed: Sequence[Rect]) -> bool:
        """Whether every pixel that changed lies in *allowed*."""
        assert self.before is not None
        if self._allowed is None or self._allowed[0] != allowed:
            self._allowed = allowed, forbidden_bits(allowed, self.coming.desktop.shape)
        forbidden = self._allowed[1]
        for row in changed:
            part = slice(row * TILE, row * TILE + TILE)
            now, before = self.coming.desktop[part], self.before.desktop[part]
            if ((now ^ before)[forbidden[part]] & _COLOUR).any():
                return False
        return True


def forbidden_bits(allowed: Sequence[Rect], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """True where no pixel may change: outside of all the rectangles, which may leave the desktop."""
    bits = np.ones(shape, np.bool_)
    for r in allowed:
        bits[max(r.y, 0) : max(r.y + r.h, 0), max(r.x, 0) : max(r.x + r.w, 0)] = False
    return bits


def _same(desktop: Pixels, expected: Pixels) -> bool:
    if desktop.shape != expected.shape:
        return False
    wanted = np.ascontiguousarray(expected)
    if not _memcmp(desktop.ctypes.data, wanted.ctypes.data, desktop.nbytes):
        return True
    return not ((desktop ^ wanted) & _COLOUR).any()
